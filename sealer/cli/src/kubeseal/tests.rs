//! The persona without a cluster; beside the real kubeseal it is tried by the promises.

use crate::{
    kubeseal,
    persona::{Call, Environment},
    terminal::Streams,
};

fn shown(words: &[&str], input: &str) -> (String, String) {
    let words: Vec<_> = words.iter().map(Into::into).collect();
    let (mut output, mut messages) = (Vec::new(), Vec::new());
    let mut streams = Streams {
        interactive: true,
        input: &mut input.as_bytes(),
        output: &mut output,
        messages: &mut messages,
    };
    let environment = Environment::default();
    kubeseal::run(&mut Call { words: &words, environment: &environment, streams: &mut streams });
    let text = |bytes| String::from_utf8(bytes).expect("what is printed is text");
    (text(output), text(messages))
}

fn certificate() -> String {
    format!("--cert={}/../core/fixtures/sealed/k2048.crt", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn help_lists_every_flag() {
    insta::assert_snapshot!(shown(&["--help"], "").0);
}

#[test]
fn whoever_types_the_input_is_told_what_is_awaited() {
    let (output, messages) = shown(&[&certificate()], "");
    assert_eq!(output, "");
    insta::assert_snapshot!(messages, @r"
    (tty detected: expecting json/yaml k8s resource in stdin)
    error: no secrets found. Ensure the input is valid and UTF-8 encoded
    ");
    let (output, messages) = shown(&[&certificate(), "--raw", "--scope=cluster-wide"], "x");
    assert!(output.starts_with("AQ"), "{output}");
    insta::assert_snapshot!(messages, @"(tty detected: expecting a secret to encrypt in stdin)");
}

#[test]
fn failures_name_what_is_wrong() {
    let secret = r#"{"metadata": {"name": "n", "namespace": "ns"}, "data": {"a": "*"}}"#;
    let cases: [(&[&str], &str, &str); 4] = [
        (&[&certificate()], secret, "error: `data.a` is not base64 text\n"),
        (
            &["--cert=ftp://x/y"],
            secret,
            "error: cannot fetch \"ftp://x/y\": builder error: URL scheme is not allowed\n",
        ),
        (
            &["--request-timeout=soon"],
            secret,
            "error: invalid value \"soon\" for --request-timeout: use 1s, 2m or 3h\n",
        ),
        (&["--server=a b"], secret, "error: `a b` is no address for --server\n"),
    ];
    for (words, input, message) in cases {
        let (_, messages) = shown(words, input);
        assert!(messages.ends_with(message), "{words:?}: {messages}");
    }
}
