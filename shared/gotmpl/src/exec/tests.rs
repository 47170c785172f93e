//! What a template may not do.

use crate::{Error, Functions, Limit, Limits, List, Map, Object, Template, Type, Value};

#[track_caller]
fn fails(text: &str, data: &Value, limits: &Limits) -> Error {
    Template::parse("t", text).unwrap().render(data, limits).unwrap_err()
}

/// The default limits, but for steps: a debug build takes its time.
fn limits() -> Limits {
    Limits { steps: 300_000, ..Limits::default() }
}

#[track_caller]
fn limit(text: &str) -> Limit {
    match fails(text, &Value::from(vec![Value::from(1)]), &limits()) {
        Error::Limit { limit, .. } => limit,
        other => panic!("{text}: {other}"),
    }
}

#[test]
fn what_fail_says_is_not_repeated() {
    let told = fails("{{fail (printf \"the password is %s\" .)}}", &"hunter2".into(), &limits());
    let told = told.to_string();
    assert!(told.contains("at <fail") && told.ends_with(": the template gives up"), "{told}");
    assert!(!told.contains("hunter2"), "{told}");
}

#[test]
fn work_is_bounded() {
    let steps = Limit::Steps(limits().steps);
    for text in [
        "{{range until 100000000}}{{end}}",
        "{{range 99999999}}{{end}}",
        "{{range until 10000}}{{range until 10000}}{{end}}{{end}}",
        "{{$l := list 1 2 3}}{{range until 60}}{{$l = concat $l $l}}{{end}}",
        "{{$l := list 1}}{{range until 60}}{{$l = list $l $l}}{{end}}{{len (toJson $l)}}",
        "{{$l := list 1}}{{range until 60}}{{$l = list $l $l}}{{end}}{{deepEqual $l $l}}",
        "{{$l := list}}{{range until 60}}{{$l = list $l $l}}{{end}}{{$d := dict}}{{set $d \"a\" $l}}",
        "{{range until 3000}}{{regexMatch \"(a|b|c|d|e)*x\" \"abc\"}}{{end}}",
        "{{range until 1000000}}{{repeat 100 \"a\" | len}}{{end}}",
    ] {
        assert!(
            matches!(limit(text), reached if reached == steps || matches!(reached, Limit::Output(_))),
            "{text}"
        );
    }
}

#[test]
fn output_is_bounded() {
    let output = Limit::Output(Limits::default().output);
    for text in [
        "{{range until 100000}}0123456789012345678901234567890{{end}}",
        "{{repeat 2000000 \"a\"}}",
        "{{repeat 2000000000000 \"ab\"}}",
        "{{$s := \"ab\"}}{{range until 60}}{{$s = print $s $s}}{{end}}",
        "{{$s := \"ab\"}}{{range until 60}}{{$s = replace \"a\" $s $s}}{{end}}",
        "{{printf \"%1000000d%1000000d\" 1 1}}",
        "{{indent 1000000 \"a\\nb\\nc\"}}",
        "{{$s := repeat 1000 \"a\"}}{{regexReplaceAll \"a\" $s $s | replace \"a\" $s}}",
    ] {
        assert_eq!(limit(text), output, "{text}");
    }
}

#[test]
fn depth_is_bounded_on_a_small_stack() {
    let depth = Limit::Depth(Limits::default().depth);
    let test = move || {
        for text in [
            "{{define \"r\"}}{{template \"r\" .}}{{end}}{{template \"r\" .}}",
            "{{define \"r\"}}{{if true}}{{range list 1}}{{with 1}}{{template \"r\" .}}{{end}}{{end}}{{end}}{{end}}{{template \"r\" .}}",
            "{{$l := list}}{{range until 1000}}{{$l = list $l}}{{end}}{{$l}}",
            "{{$l := list}}{{range until 1000}}{{$l = list $l}}{{end}}{{toJson $l}}",
            "{{$l := list}}{{range until 1000}}{{$l = list $l}}{{end}}{{deepEqual $l $l}}",
            "{{$l := list}}{{range until 1000}}{{$l = list $l}}{{end}}{{deepCopy $l}}",
        ] {
            assert_eq!(limit(text), depth, "{text}");
        }
        let nested = format!("{}1{}", "(".repeat(99), ")".repeat(99));
        let text = format!("{}{{{{{nested}}}}}{}", "{{if true}}".repeat(0), "");
        assert_eq!(
            Template::parse("t", &text).unwrap().render(&Value::Nil, &Limits::default()).unwrap(),
            "1"
        );
    };
    // A worker thread of tokio has 2 MiB; a debug build needs the most.
    std::thread::Builder::new().stack_size(1 << 20).spawn(test).unwrap().join().unwrap();
}

#[test]
fn nesting_is_bounded_when_parsing() {
    for (open, close) in [("{{if .}}", "{{end}}"), ("{{range .}}", "{{end}}"), ("{{(", ")}}")] {
        let text = if open == "{{(" {
            format!("{{{{{}1{}}}}}", "(".repeat(5000), ")".repeat(5000))
        } else {
            format!("{}{}", open.repeat(5000), close.repeat(5000))
        };
        let error = Template::parse("t", &text).unwrap_err();
        assert_eq!(error.to_string(), "template: t:1: nested deeper than 100 levels");
    }
    let chained = format!("{{{{if .}}}}{}{{{{end}}}}", "{{else if .}}".repeat(5000));
    assert!(Template::parse("t", &chained).is_err());
}

#[test]
fn the_data_is_never_changed() {
    let data = Value::from(Map::new().with("inner", Map::new().with("a", 1)));
    let error = fails("{{set .inner \"a\" 2}}", &data, &Limits::default()).to_string();
    assert!(
        error.ends_with("the data of a template cannot be changed; change a `deepCopy` of it"),
        "{error}"
    );
    let merged = Template::parse(
        "t",
        "{{merge (dict \"inner\" .inner) (dict \"inner\" (dict \"b\" 2))}} {{.}}",
    )
    .unwrap();
    assert_eq!(
        merged.render(&data, &Limits::default()).unwrap(),
        "map[inner:map[a:1 b:2]] map[inner:map[a:1]]"
    );
    let copied = Template::parse("t", "{{set (deepCopy .inner) \"a\" 2}} {{.}}").unwrap();
    assert_eq!(copied.render(&data, &Limits::default()).unwrap(), "map[a:2] map[inner:map[a:1]]");
}

#[test]
fn a_dictionary_cannot_hold_itself() {
    let cycle = "{{$d := dict}}{{$e := dict \"d\" (list $d)}}{{set $d \"e\" $e}}";
    let error = fails(cycle, &Value::Nil, &Limits::default()).to_string();
    assert!(error.ends_with("error calling set: a dictionary cannot hold itself"), "{error}");
}

#[test]
fn errors_never_show_what_the_data_holds() {
    let data = Value::from(Map::new().with("p", "hunter2").with("l", vec![Value::from("hunter2")]));
    for text in [
        "{{range .p}}{{end}}",
        "{{eq .l .l}}",
        "{{mustFromJson .p}}",
        "{{index .l .p}}",
        "{{add .p | div 1}}",
        "{{.p.x}}",
        "{{upper .l}}",
        "{{substr 9 8 .p}}",
        "{{mustToDate \"2006\" .p}}",
        "{{mustRegexMatch \"(\" .p}}",
        "{{template \"x\" .p}}",
        "{{dig \"p\" \"q\" 1 .}}",
    ] {
        let error = fails(text, &data, &Limits::default()).to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn what_reads_the_world_is_refused_with_the_reason() {
    for name in ["env", "now", "randAlpha", "getHostByName", "genCA", "uuidv4"] {
        let error = Template::parse("t", &format!("{{{{{name}}}}}")).unwrap_err().to_string();
        let why = "templates here use no clock, environment, network or randomness";
        assert_eq!(error, format!("template: t:1: function \"{name}\" not defined; {why}"));
    }
}

#[test]
fn callers_add_and_remove_functions() {
    let functions = Functions::new()
        .with("shout", |arguments| match arguments {
            [Value::String(text)] => Ok(format!("{}!", text.to_str()).into()),
            _ => Err("shout takes one string".into()),
        })
        .without("upper");
    let template =
        Template::parse_with("t", "{{shout \"a\"}} {{\"b\" | shout}}", &functions).unwrap();
    assert_eq!(template.render(&Value::Nil, &Limits::default()).unwrap(), "a! b!");
    let wrong = Template::parse_with("t", "{{shout}}", &functions).unwrap();
    let error = wrong.render(&Value::Nil, &Limits::default()).unwrap_err().to_string();
    assert_eq!(
        error,
        "template: t:1:2: executing \"t\" at <shout>: error calling shout: shout takes one string"
    );
    assert!(Template::parse_with("t", "{{upper \"a\"}}", &functions).is_err());
}

#[test]
fn the_clock_stands_where_the_caller_says() {
    let functions = Functions::new().at(1_700_000_000);
    let text = "{{ now | date \"2006-01-02 15:04\" }} {{ ago 1699999900 }} {{ now | dateModify \"-24h\" | unixEpoch }}";
    let template = Template::parse_with("t", text, &functions).unwrap();
    assert_eq!(
        template.render(&Value::Nil, &Limits::default()).unwrap(),
        "2023-11-14 22:13 1m40s 1699913600"
    );
}

#[test]
fn bytes_that_are_no_text_pass_through() {
    let template = Template::parse("t", "{{b64dec \"/wCA\"}}{{.}}").unwrap();
    let rendered =
        template.render_bytes(&Value::from(vec![0xfe, b'a']), &Limits::default()).unwrap();
    assert_eq!(rendered, [0xff, 0x00, 0x80, 0xfe, b'a']);
    assert_eq!(
        template.render(&Value::from(vec![0xfe]), &Limits::default()).unwrap(),
        "\u{fffd}\0\u{fffd}\u{fffd}"
    );
}

#[test]
fn zeros_stand_for_keys_that_are_not_there() {
    let map = Map::of(Type::named("Id"), Type::list(Type::named("Change")));
    let data = Object::new("Data").field("m", map).field("k", Object::new("Id"));
    let template =
        Template::parse("t", "{{index .m .k}}{{range index .m .k}}x{{else}}none{{end}}").unwrap();
    assert_eq!(template.render(&data.into(), &Limits::default()).unwrap(), "[]none");
    assert!(List::of(Type::Int, Vec::new()).is_empty());
}
