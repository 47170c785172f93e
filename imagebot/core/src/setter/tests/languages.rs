//! Markers in text that is not YAML.

use super::*;

#[test]
fn every_language_has_markers_in_its_comments() {
    #[rustfmt::skip]
    let cases = [
        // file               before                                            after
        ("Dockerfile",        "# M\nFROM a:1 AS b\n",                           "# M\nFROM reg.local:5000/grp/app:2.0.0 AS b\n"),
        ("Dockerfile",        "# M:tag\r\nFROM --platform=x $HUB/a:1 AS b\r\n", "# M:tag\r\nFROM --platform=x $HUB/a:2.0.0 AS b\r\n"),
        ("a.dockerfile",      "# M:tag\nARG TAG=\"1\"\n#M:name\nENV N='x'\n",   "# M:tag\nARG TAG=\"2.0.0\"\n#M:name\nENV N='x'\n"),
        ("Dockerfile.dev",    "# M\ncopy --from=a:1 /a /b\n",                   "# M\ncopy --from=reg.local:5000/grp/app:2.0.0 /a /b\n"),
        ("Dockerfile",        "RUN a \\\n# c\n b\n# M\nLABEL x=y\n",            "RUN a \\\n# c\n b\n# M\nLABEL x=reg.local:5000/grp/app:2.0.0\n"),
        (".env",              "# M:tag\nTAG=1\nIMAGE='a b' # M\n",              "# M:tag\nTAG=2.0.0\nIMAGE='reg.local:5000/grp/app:2.0.0' # M\n"),
        ("prod.env",          "export A = a#1 # M:tag",                         "export A = 2.0.0 # M:tag"),
        ("a.sh",              "docker run -p 80:80 \"a/b:1\" c # M\n",          "docker run -p 80:80 \"reg.local:5000/grp/app:2.0.0\" c # M\n"),
        ("a.sh",              "docker pull reg.io/$X/b:1@sha256:d # no\n# M:tag\nexport T=${T:-1}\n",
                              "docker pull reg.io/$X/b:1@sha256:d # no\n# M:tag\nexport T=${T:-2.0.0}\n"),
        ("a.bash",            "I=\"${I:=a:1}\" # M\ncat <<E\n# M\nx=1\nE\ny=1 # M\n",
                              "I=\"${I:=reg.local:5000/grp/app:2.0.0}\" # M\ncat <<E\n# M\nx=1\nE\ny=reg.local:5000/grp/app:2.0.0 # M\n"),
        ("main.tf",           "image = \"a:1\" # M\ntags = [\"x\", \"1\"] // M:tag\n",
                              "image = \"reg.local:5000/grp/app:2.0.0\" # M\ntags = [\"x\", \"2.0.0\"] // M:tag\n"),
        ("main.tf",           "a = <<-EOT\n  # M\n  x = \"1\"\n  EOT\n/* M\n# M\n*/\n# M\nb = \"1\"\n",
                              "a = <<-EOT\n  # M\n  x = \"1\"\n  EOT\n/* M\n# M\n*/\n# M\nb = \"reg.local:5000/grp/app:2.0.0\"\n"),
        ("a.json",            "{\"image\": \"a:1\", // M\n \"u\": \"http://x\"}\n", "{\"image\": \"reg.local:5000/grp/app:2.0.0\", // M\n \"u\": \"http://x\"}\n"),
        ("a.jsonc",           "{\n  // M:tag\n  \"tag\": \"1\"\n}",             "{\n  // M:tag\n  \"tag\": \"2.0.0\"\n}"),
        ("fly.toml",          "image = 'a:1' # M\n[x]\nd = \"\"\"\n# M\n\"\"\"\n", "image = 'reg.local:5000/grp/app:2.0.0' # M\n[x]\nd = \"\"\"\n# M\n\"\"\"\n"),
        ("a.jsonnet",         "{ image:: 'a:1', // M\n  t: |||\n    # M\n  |||,\n  u: \"1\" }  # M:tag\n",
                              "{ image:: 'reg.local:5000/grp/app:2.0.0', // M\n  t: |||\n    # M\n  |||,\n  u: \"2.0.0\" }  # M:tag\n"),
        ("a.cue",             "image: \"a:1\" // M\n",                          "image: \"reg.local:5000/grp/app:2.0.0\" // M\n"),
        ("main.k",            "image = \"a:1\" # M\n",                          "image = \"reg.local:5000/grp/app:2.0.0\" # M\n"),
    ];
    for (file, before, after) in cases {
        let (before, after) = (spelled(before), spelled(after));
        let outcome = update(file, before.as_bytes(), &scope()).unwrap();
        assert_eq!(outcome.problems, [], "{file}: {before}");
        assert_eq!(outcome.content.unwrap_or_else(|| before.clone()), after, "{file}");
        assert_eq!(update(file, after.as_bytes(), &scope()), Ok(Outcome::default()), "{file}");
    }
}

#[test]
fn a_line_that_does_not_say_its_value_is_reported_and_left() {
    let expression = Cause::Expression;
    #[rustfmt::skip]
    let cases = [
        // file          text                                             line  cause
        ("Dockerfile",   "FROM a:1 # M\n",                                1, Cause::Behind),
        ("Dockerfile",   "# M\nRUN docker pull a:1\n",                    1, Cause::NoValue("`FROM`, `--from=`, `ARG`, `ENV` or `LABEL`")),
        ("Dockerfile",   "# M\nFROM $IMAGE\n",                            1, expression.clone()),
        ("Dockerfile",   "# M:tag\nFROM a:$TAG\n",                        1, expression.clone()),
        ("Dockerfile",   "# M:tag\nFROM a\n",                             1, Cause::NoPart("tag")),
        ("Dockerfile",   "# M\nENV A=1 B=2\n",                            1, expression.clone()),
        ("Dockerfile",   "# M\nENV A\n",                                  1, Cause::NoValue("`FROM`, `--from=`, `ARG`, `ENV` or `LABEL`")),
        ("Dockerfile",   "RUN a \\\n# M\nLABEL x=y\n",                    2, Cause::NoValue("`FROM`, `--from=`, `ARG`, `ENV` or `LABEL`")),
        (".env",         "# M\n\nA=b\n",                                  1, Cause::Misplaced),
        (".env",         "A= # M\n",                                      1, Cause::NoValue("value behind a `=`")),
        (".env",         "A=$B # M\n",                                    1, expression.clone()),
        (".env",         "A=b c # M\n",                                   1, expression.clone()),
        ("a.sh",         "cp a:1 b:2 # M\n",                              1, Cause::Ambiguous),
        ("a.sh",         "echo 80:80 # M\n",                              1, Cause::NoValue("variable that is set, and no image")),
        ("a.sh",         "A=$(x) # M\n",                                  1, expression.clone()),
        ("a.sh",         "# M\nA=b<<EOT\nEOT\n",                           1, expression.clone()),
        ("a.tf",         "a = \"${var.x}:1\" # M\n",                      1, expression.clone()),
        ("a.tf",         "a = \"x\" == \"y\" ? \"1\" : f(\"2\") + 1 # M\n", 1, expression.clone()),
        ("a.tf",         "a = var.x # M\n",                               1, Cause::NoValue("string")),
        ("a.json",       "{\"image\": // M\n\"a\"}",                      1, Cause::NoValue("string that is a value")),
        ("a.json",       "{\"a\": \"x\\\"y\" // M\n}",                    1, expression.clone()),
        ("a.jsonnet",    "a: 'x' + tag, // M\n",                          1, expression.clone()),
        ("a.jsonnet",    "a: tag + 'x', // M\n",                          1, expression.clone()),
        ("a.toml",       "# M\n",                                         1, Cause::Misplaced),
        ("a.toml",       "# M\n# M:tag\na = \"1\" # M:name\n",            1, Cause::Misplaced),
        ("a.toml",       "a = \"1\" # M or so\n",                         1, Cause::Marker(marker::Error::Json)),
    ];
    for (file, text, line, cause) in cases {
        let text = spelled(text);
        let outcome = update(file, text.as_bytes(), &scope()).unwrap();
        assert_eq!(outcome.problems.first(), Some(&Problem { line, cause }), "{file}: {text}");
    }
}

#[test]
fn text_that_is_not_utf8_is_reported() {
    let mut text = spelled("a = \"1\" # M\n").into_bytes();
    text.push(0xff);
    let error = update("a.toml", &text, &scope()).unwrap_err();
    assert_eq!(error, Error::Encoding { file: "a.toml".into() });
}

/// Files in whose text markers stand in every position that there is.
fn nasty_text() -> impl Strategy<Value = (&'static str, String)> {
    let files = prop::sample::select(vec![
        "Dockerfile",
        ".env",
        "a.sh",
        "a.tf",
        "a.json",
        "a.toml",
        "a.jsonnet",
        "a.cue",
        "a.k",
    ]);
    #[rustfmt::skip]
    let pieces = prop::sample::select(vec![
        "# M\n", "// M:tag\n", " # M:tag\r\n", "A=b", "a = \"x\"", "\"k\": 'v'", "FROM a:1", "ARG A=1",
        "COPY --from=a:1@sha256:b ", "docker run a/b:1 ", "\n", "\r\n", " ", "\\\n", "\"", "'", "/*", "*/",
        "<<EOT\n", "EOT\n", "|||", "\"\"\"", "${A:-b}", "$", "{", "}", ",", "é", "\u{85}", "=", ":", "@", "日本=1 ",
    ]);
    (files, prop::collection::vec(pieces, 0..16).prop_map(|pieces| spelled(&pieces.concat())))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn a_second_run_over_any_text_changes_nothing((file, text) in nasty_text()) {
        let outcome = update(file, text.as_bytes(), &scope()).unwrap();
        if let Some(content) = outcome.content {
            let again = update(file, content.as_bytes(), &scope()).unwrap();
            prop_assert_eq!(again.content, None, "{:?} became {:?}", text, content);
            prop_assert_eq!(again.problems, outcome.problems);
        }
    }

    #[test]
    fn what_changes_is_on_the_line_of_a_marker_or_below((file, text) in nasty_text()) {
        let outcome = update(file, text.as_bytes(), &scope()).unwrap();
        let content = outcome.content.unwrap_or_else(|| text.clone());
        let (before, after): (Vec<_>, Vec<_>) = (text.split('\n').collect(), content.split('\n').collect());
        prop_assert_eq!(before.len(), after.len());
        for (number, (old, new)) in before.iter().zip(&after).enumerate() {
            let marked = old.contains(MARK) || number > 0 && before[number - 1].contains(MARK);
            prop_assert!(old == new || marked, "{:?} became {:?}", old, new);
        }
    }

    #[test]
    fn no_bytes_of_any_language_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..64),
        (file, text) in nasty_text(),
    ) {
        let mut content = text.into_bytes();
        content.extend(bytes);
        let _ = update(file, &content, &scope());
    }
}
