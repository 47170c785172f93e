//! Words and what they are read as.

use super::*;

const KNOWN: &[Flag] = &[
    Flag::switch(&["in-place", "i"], ""),
    Flag::text(&["output"], "").or("OUTPUT"),
    Flag::new(&["threshold"], Kind::Number, ""),
    Flag::new(&["local"], Kind::On, "").or("LOCAL"),
    Flag::new(&["service"], Kind::List, "").or("SERVICE"),
];

type Read = fn(&[Flag], &[String], &Environment) -> Result<Parsed, Misuse>;

/// The flags that were given and the arguments, or what is wrong.
fn read(by: Read, line: &str, variables: &[(&str, &str)]) -> String {
    let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    match by(KNOWN, &words, &Environment::from(variables)) {
        Err(Misuse(message)) => message,
        Ok(Parsed { flags, arguments }) => {
            let flags = flags.0.iter().map(|given| format!("{}={}", given.name, given.value));
            let arguments = arguments.iter().map(|argument| format!("<{argument}>"));
            flags.chain(arguments).collect::<Vec<_>>().join(" ")
        }
    }
}

#[test]
fn flags_are_read_as_go_reads_them() {
    #[rustfmt::skip]
    let cases = [
        ("-i a b",                  "in-place=true <a> <b>"),
        ("--i a",                   "in-place=true <a>"),
        ("-in-place a",             "in-place=true <a>"),
        ("-i=false a",              "in-place=false <a>"),
        ("-i=T a",                  "in-place=T <a>"),
        ("-i=maybe a",              r#"invalid boolean value "maybe" for -i: parse error"#),
        ("--output x a",            "output=x <a>"),
        ("--output=x=y",            "output=x=y"),
        ("--output -i",             "output=-i"),
        ("--output",                "flag needs an argument: -output"),
        ("--threshold 0x2",         "threshold=0x2"),
        ("--threshold two",         r#"invalid value "two" for flag -threshold: parse error"#),
        ("--service a --service b", "service=a service=b"),
        ("a -i",                    "<a> <-i>"),
        ("-- -i",                   "<-i>"),
        ("- a",                     "<-> <a>"),
        ("---i",                    "bad flag syntax: ---i"),
        ("-=x",                     "bad flag syntax: -=x"),
        ("--nope=1 a",              "flag provided but not defined: -nope"),
        ("-i -i",                   "in-place=true in-place=true"),
        ("--in-place -i",           "Cannot use two forms of the same flag: i in-place"),
    ];
    for (line, expected) in cases {
        assert_eq!(read(leading, line, &[]), expected, "{line}");
    }
}

#[test]
fn a_command_takes_its_flags_anywhere() {
    #[rustfmt::skip]
    let cases = [
        ("a -i",               "in-place=true <a>"),
        ("a --output x b",     "output=x <a> <b>"),
        ("-i a --output x",    "in-place=true output=x <a>"),
        ("a --output -i",      "output=-i <a>"),
        ("a --nope",           "<a> <--nope>"),
        ("a -- -i",            "<a> <-i>"),
        ("a --output=x",       "output=x <a>"),
        ("a --output",         "output=a"),
    ];
    for (line, expected) in cases {
        assert_eq!(read(anywhere, line, &[]), expected, "{line}");
    }
}

#[test]
fn variables_stand_in_for_flags() {
    type Case<'c> = (&'c str, &'c [(&'c str, &'c str)], &'c str);
    #[rustfmt::skip]
    let cases: &[Case<'_>] = &[
        ("",             &[("OUTPUT", "x")],        "output=x"),
        ("--output y",   &[("OUTPUT", "x")],        "output=x output=y"),
        ("",             &[("LOCAL", "")],          "local=false"),
        ("",             &[("LOCAL", "maybe")],     r#"invalid boolean value "maybe" for -local: parse error"#),
        ("--service c",  &[("SERVICE", "a, b")],    "service=a service=b service=c"),
    ];
    for (line, variables, expected) in cases {
        assert_eq!(read(leading, line, variables), *expected, "{line} {variables:?}");
    }
    let parsed = leading(
        KNOWN,
        &["--output".into(), "y".into()],
        &Environment::from(&[("OUTPUT", "x")][..]),
    );
    let flags = parsed.unwrap().flags;
    assert_eq!((flags.text("output"), flags.still_on("local")), ("y", true));
    assert_eq!((flags.number("threshold"), flags.typed_number("threshold")), (0, None));
}
