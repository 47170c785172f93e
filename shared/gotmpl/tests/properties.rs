//! No text makes the engine panic, and no template runs without end.

use gotmpl::{Functions, Limits, Map, Object, Template, Value};
use proptest::prelude::*;

/// Pieces from which something close to a template is put together.
const PIECES: &[&str] = &[
    "{{",
    "}}",
    "{{-",
    "-}}",
    " ",
    "\n",
    "(",
    ")",
    "|",
    ".",
    "$",
    "$x",
    ":=",
    "=",
    ",",
    "\"a\"",
    "`b`",
    "'c'",
    "\"%d %v %-5.2f|\"",
    "1",
    "-7",
    "0x1F",
    "1.5",
    "1e9",
    "nil",
    "true",
    "if",
    "else",
    "end",
    "range",
    "with",
    "define",
    "template",
    "block",
    "break",
    "continue",
    ".a",
    ".l",
    ".m",
    ".o",
    ".o.F",
    ".nope",
    ".s",
    "/*",
    "*/",
    "é",
    "\\",
    "\"\\u00e9\"",
    "printf",
    "print",
    "index",
    "slice",
    "len",
    "eq",
    "and",
    "or",
    "not",
    "lt",
    "html",
    "js",
    "list",
    "dict",
    "set",
    "get",
    "merge",
    "dig",
    "until",
    "untilStep",
    "seq",
    "repeat",
    "trunc",
    "substr",
    "wrap",
    "wrapWith",
    "abbrev",
    "abbrevboth",
    "split",
    "splitn",
    "join",
    "snakecase",
    "camelcase",
    "regexFind",
    "regexSplit",
    "regexReplaceAll",
    "toDate",
    "date",
    "dateModify",
    "durationRound",
    "semver",
    "semverCompare",
    "urlParse",
    "urlJoin",
    "fromJson",
    "toJson",
    "toPrettyJson",
    "b64dec",
    "b32dec",
    "div",
    "divf",
    "mulf",
    "round",
    "chunk",
    "int",
    "float64",
    "indent",
    "deepCopy",
    "toString",
    "kindOf",
    "title",
    "{{range .l}}",
    "{{end}}",
    "{{if .a}}",
    "{{else}}",
    "{{.a}}",
    "{{$x := 1}}",
];

fn data() -> Value {
    Map::new()
        .with("a", "text é")
        .with("s", "2024-02-29T12:30:00Z [a-z]+ {\"k\": [1]}")
        .with("l", vec![Value::from(1), Value::from(-1.5), Value::Nil, Value::from("x")])
        .with("m", Map::new().with("k", Map::new().with("v", i64::MIN)))
        .with(
            "o",
            Object::new("T")
                .field("F", i64::MAX)
                .method("M", 1, |arguments| Ok(arguments[0].clone())),
        )
        .into()
}

fn try_out(text: &str) {
    let limits = Limits { steps: 20_000, depth: 50, output: 1 << 16 };
    if let Ok(template) = Template::parse("t", text) {
        let _outcome = template.render(&data(), &limits);
    }
}

/// Any argument that a function could be given.
const ARGUMENTS: &[&str] = &[
    ".a",
    ".s",
    ".l",
    ".m",
    ".o",
    ".nope",
    "nil",
    "0",
    "1",
    "-1",
    "9223372036854775807",
    "-9223372036854775808",
    "1.5",
    "-1e300",
    "1e-300",
    "\"\"",
    "\"é\"",
    "\"[\"",
    "\"%[3]*.[2]*[1]f%\"",
    "\"24h\"",
    "\"2006-01-02\"",
    "(list)",
    "(dict)",
    "(until 3)",
    "true",
    "(toDate \"2006-01-02\" \"9999-12-31\")",
    "(semver \"1.2.3\")",
    "(b64dec \"/wCA\")",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_text_is_parsed_without_a_panic(text in "\\PC*") {
        try_out(&text);
    }

    #[test]
    fn any_text_in_an_action_is_parsed_without_a_panic(text in "[ -~\\n]{0,40}") {
        try_out(&format!("{{{{{text}}}}}"));
    }

    #[test]
    fn pieces_of_templates_are_run_without_a_panic(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..24)) {
        try_out(&pieces.join(" "));
        try_out(&pieces.concat());
    }

    #[test]
    fn functions_take_any_arguments_without_a_panic(
        function in prop::sample::select(Functions::new().names().iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()),
        arguments in prop::collection::vec(prop::sample::select(ARGUMENTS), 0..5),
    ) {
        try_out(&format!("{{{{{function} {}}}}}", arguments.join(" ")));
    }

    #[test]
    fn formats_take_any_arguments_without_a_panic(
        format in "(%[-+# 0]{0,3}(\\[[0-9x]{0,2}\\])?[0-9*]{0,2}(\\.[0-9*]{0,2})?[vdsqxXbcoOUeEfFgGtTp%é]?){1,4}",
        arguments in prop::collection::vec(prop::sample::select(ARGUMENTS), 0..5),
    ) {
        try_out(&format!("{{{{printf `{format}` {}}}}}", arguments.join(" ")));
    }
}
