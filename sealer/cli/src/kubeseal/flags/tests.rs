//! Words, and what kubeseal makes of them.

use super::*;

fn parse(line: &str) -> Result<Flags, Error> {
    let words: Vec<OsString> = line.split_whitespace().map(Into::into).collect();
    Flags::parse(&words, &Environment::default())
}

#[test]
fn values_stand_where_pflag_looks_for_them() {
    #[rustfmt::skip]
    let cases = [
        // words                              flag                    value
        ("-o yaml",                           "format",               Some("yaml")),
        ("-oyaml",                            "format",               Some("yaml")),
        ("-o=yaml",                           "format",               Some("yaml")),
        ("--format yaml",                     "format",               Some("yaml")),
        ("--format=yaml --format=json",       "format",               Some("json")),
        ("--format=",                         "format",               Some("")),
        ("-o --raw",                          "format",               Some("--raw")),
        ("-f=",                               "secret-file",          Some("=")),
        ("--raw",                             "raw",                  Some("true")),
        ("--raw=T",                           "raw",                  Some("true")),
        ("--raw=0",                           "raw",                  Some("false")),
        ("--raw no",                          "raw",                  Some("true")),
        ("words that are no flags -",         "raw",                  None),
        ("-- --raw",                          "raw",                  None),
        ("-n ns --v=3 -v5 --vmodule a=1,b=2", "v",                    Some("5")),
        ("--stderrthreshold=warning",         "stderrthreshold",      Some("warning")),
        ("-h",                                "help",                 Some("true")),
        ("--scope=",                          "scope",                Some("strict")),
    ];
    for (line, flag, value) in cases {
        assert_eq!(parse(line).unwrap().given(flag), value, "{line}");
    }
    let list = parse("--from-file a,b --from-file \"c,\"\"d\",e").unwrap();
    assert_eq!(list.list("from-file"), ["a", "b", "c,\"d", "e"]);
    let each = parse("--as-group a,b --as-group c").unwrap();
    assert_eq!(each.list("as-group"), ["a,b", "c"]);
}

#[test]
fn words_that_cannot_be_taken_are_told_in_the_words_of_pflag() {
    #[rustfmt::skip]
    let cases = [
        ("--nonsense",            "unknown flag: --nonsense"),
        ("--nonsense=1",          "unknown flag: --nonsense"),
        ("-z",                    "unknown shorthand flag: 'z' in -z"),
        ("-zx",                   "unknown shorthand flag: 'z' in -zx"),
        ("--cert",                "flag needs an argument: --cert"),
        ("-o",                    "flag needs an argument: 'o' in -o"),
        ("---x",                  "bad flag syntax: ---x"),
        ("--=x",                  "bad flag syntax: --=x"),
        ("--raw=maybe",           r#"invalid argument "maybe" for "--raw" flag: strconv.ParseBool: parsing "maybe": invalid syntax"#),
        ("--scope=nonsense",      r#"invalid argument "nonsense" for "--scope" flag: must be one of: strict, namespace-wide, cluster-wide"#),
        ("-vx",                   r#"invalid argument "x" for "-v, --v" flag: strconv.ParseInt: parsing "x": invalid syntax"#),
        ("--stderrthreshold=zz",  r#"invalid argument "zz" for "--stderrthreshold" flag: strconv.ParseInt: parsing "zz": invalid syntax"#),
        ("--log_file_max_size=-1",r#"invalid argument "-1" for "--log_file_max_size" flag: parse error"#),
        ("--vmodule=zz",          r#"invalid argument "zz" for "--vmodule" flag: syntax error: expect comma-separated list of filename=N"#),
        ("--log_backtrace_at=zz", r#"invalid argument "zz" for "--log_backtrace_at" flag: syntax error: expect file.go:234"#),
    ];
    for (line, message) in cases {
        assert_eq!(parse(line).unwrap_err().to_string(), message, "{line}");
    }
}

#[test]
fn the_environment_gives_what_words_do_not() {
    let environment = Environment::from([
        ("SEALED_SECRETS_CERT", "c.pem"),
        ("SEALED_SECRETS_FORMAT", "yaml"),
        ("SEALED_SECRETS_SCOPE", "nonsense"),
        ("SEALED_SECRETS_V", "9"),
    ]);
    let flags = Flags::parse(&["--format=json".into()], &environment).unwrap();
    assert_eq!(flags.given("cert"), Some("c.pem"));
    assert_eq!(flags.given("format"), Some("json"));
    assert_eq!(flags.given("scope"), None, "passed over, as kubeseal does");
    assert_eq!(flags.given("v"), None, "klog reads no environment");
}
