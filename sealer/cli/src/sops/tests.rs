//! The words that need no file. Files are the business of `promises/sops_persona.rs`.

use crate::{
    persona::{Call, Environment, Persona},
    terminal::Streams,
};

/// The code, standard output and standard error of one line.
fn sops(line: &str) -> (String, String, String) {
    let words: Vec<_> = line.split_whitespace().map(Into::into).collect();
    let (mut output, mut messages) = (Vec::new(), Vec::new());
    let mut streams = Streams {
        interactive: false,
        input: &mut &b""[..],
        output: &mut output,
        messages: &mut messages,
    };
    let environment = Environment::default();
    let mut call = Call { words: &words, environment: &environment, streams: &mut streams };
    let code = Persona::Sops.run(&mut call);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (format!("{code:?}"), text(output), text(messages))
}

#[test]
fn the_version_is_that_of_the_words() {
    for line in ["--version", "-v", "--version --check-for-updates"] {
        assert_eq!(sops(line).1, "sops 3.13.3\n");
    }
}

#[test]
fn every_command_has_help() {
    insta::assert_snapshot!(sops("--help").1);
    for line in ["help decrypt", "decrypt --help", "decrypt x -h"] {
        let (_, help, messages) = sops(line);
        assert!(help.starts_with("NAME:\n   sops decrypt - "), "{line}: {help}");
        assert!(help.contains("\n   --in-place, -i  ") && messages.is_empty(), "{help}");
    }
    for line in ["groups", "groups help", "groups -h"] {
        assert!(sops(line).1.contains("\nCOMMANDS:\n   add     "), "{line}");
    }
    assert!(sops("groups add -h").1.starts_with("NAME:\n   sops groups add - "));
}

#[test]
fn shells_are_told_what_may_follow() {
    #[rustfmt::skip]
    let cases = [
        ("--generate-bash-completion",                    "completion\nexec-env\n"),
        ("groups --generate-bash-completion",             "add\ndelete\n"),
        ("decrypt --ignore --generate-bash-completion",   "--ignore-mac\n"),
        ("--show --generate-bash-completion",             "--show-master-keys\n"),
    ];
    for (line, expected) in cases {
        let (_, output, _) = sops(line);
        assert!(output.starts_with(expected), "{line}: {output}");
    }
    for shell in ["bash", "zsh"] {
        assert!(sops(&format!("completion {shell}")).1.contains("--generate-bash-completion"));
    }
}

#[test]
fn misuse_is_told_as_sops_tells_it() {
    let (code, output, messages) = sops("decrypt ---x");
    assert!(code.contains("(1)"), "{code}");
    assert!(output.starts_with("Incorrect Usage: bad flag syntax: ---x\n\nNAME:\n"), "{output}");
    assert!(messages.ends_with("level=fatal msg=\"bad flag syntax: ---x\"\n"), "{messages}");
    assert_eq!(sops("groups bogus").2, "No help topic for 'bogus'\n");
}
