//! Tests of `message`.

use proptest::prelude::*;

use super::*;
use crate::setter::{
    Image,
    change::{Change, ObjectIdentifier},
};

fn data() -> Data {
    let object = |kind: &str, name: &str| ObjectIdentifier {
        api_version: "apps/v1".into(),
        kind: kind.into(),
        namespace: "prod".into(),
        name: name.into(),
    };
    let change = |old: &str, tag: &str, suffix: &str| {
        let image = Image { name: "acme/web".into(), tag: tag.into(), digest: None };
        let new = if suffix.is_empty() { image.to_string() } else { tag.to_owned() };
        let setter = format!("flux-system:web{suffix}");
        Change { old: old.into(), new, setter, policy: "web".into(), image }
    };
    let mut changes = Changes::new("flux-system");
    changes.add("b.yaml", vec![(object("Deployment", "web"), change("acme/web:1", "2", ""))]);
    changes.add(
        "a.yaml",
        vec![
            (object("StatefulSet", "db"), change("1", "2", ":tag")),
            (object("Deployment", "web"), change("acme/web:1", "2", "")),
        ],
    );
    let values = [("team".to_owned(), "red & blue".to_owned())].into();
    Data { namespace: "flux-system".into(), name: "app".into(), changes, values }
}

/// The recipe of Flux's documentation for Gerrit, whose reviews are recognised by this line.
const GERRIT: &str = "{{- $ChangeId := .AutomationObject -}}
{{- $ChangeId = printf \"%s%s\" $ChangeId ( .Changed.FileChanges | toString ) -}}
{{- $ChangeId = printf \"%s%s\" $ChangeId ( .Changed.Objects | toString ) -}}
{{- $ChangeId = printf \"%s%s\" $ChangeId ( .Changed.Changes | toString ) -}}
Automated image update

Change-Id: I{{ sha256sum $ChangeId | trunc 40 }}
";

#[track_caller]
fn render(engine: Engine, text: &str) -> String {
    Message::parse(engine, "messageTemplate", text).unwrap().render(&data()).unwrap()
}

#[test]
fn go_templates_see_what_flux_shows() {
    #[rustfmt::skip]
    let cases = [
        (DEFAULT, DEFAULT),
        ("{{ .AutomationObject }} {{ .AutomationObject.Name }}", "flux-system/app app"),
        ("{{range .Updated.Images}}{{println .}}{{end}}", "acme/web:2\n"),
        ("{{range .Updated.Images}}{{.Policy}} {{.Policy.Name}} {{.Name}} {{.Registry}} {{.Repository}} {{.Identifier}}{{end}}",
            "flux-system/web web index.docker.io/acme/web:2 index.docker.io acme/web 2"),
        ("{{ range $filename, $_ := .Updated.Files -}}\n- {{ $filename }}\n{{ end -}}", "- a.yaml\n- b.yaml\n"),
        ("{{ range $resource, $_ := .Updated.Objects -}}\n- {{ $resource.Kind }} {{ $resource.Name }}\n{{ end -}}",
            "- Deployment web\n- StatefulSet db\n"),
        ("{{range $f, $r := .Updated.Files}}{{range $o, $i := $r.Objects}}{{$f}} {{$o.Namespace}} {{$i}};{{end}}{{end}}",
            "a.yaml prod [acme/web:2];a.yaml prod [acme/web:2];b.yaml prod [acme/web:2];"),
        ("{{range .Changed.Changes}}{{.Setter}}: {{.OldValue}} -> {{.NewValue}}\n{{end}}",
            "flux-system:web: acme/web:1 -> acme/web:2\nflux-system:web:tag: 1 -> 2\n"),
        ("{{range $o, $c := .Changed.Objects}}{{$o.Kind}} {{len $c}} {{end}}", "Deployment 2 StatefulSet 1 "),
        ("{{range $f, $os := .Changed.FileChanges}}{{$f}}={{range $o, $cs := $os}}{{range $cs}}{{.NewValue}},{{end}}{{end}} {{end}}",
            "a.yaml=acme/web:2,2, b.yaml=acme/web:2, "),
        ("{{ range $o, $_ := .Changed.Objects }}{{ $o }}{{ end }}", "{{{apps/v1 Deployment} {web prod}}}{{{apps/v1 StatefulSet} {db prod}}}"),
        ("{{ .Values.team | upper | trunc 3 }}", "RED"),
        // As Go 1.26 prints these types; Gerrit's Change-Id is made of it.
        ("{{ .Changed.FileChanges | toString }}", "map[a.yaml:map[{{{apps/v1 Deployment} {web prod}}}:[{acme/web:1 acme/web:2 flux-system:web}] {{{apps/v1 StatefulSet} {db prod}}}:[{1 2 flux-system:web:tag}]] b.yaml:map[{{{apps/v1 Deployment} {web prod}}}:[{acme/web:1 acme/web:2 flux-system:web}]]]"),
        ("{{ .Changed.Objects | toString }}", "map[{{{apps/v1 Deployment} {web prod}}}:[{acme/web:1 acme/web:2 flux-system:web} {acme/web:1 acme/web:2 flux-system:web}] {{{apps/v1 StatefulSet} {db prod}}}:[{1 2 flux-system:web:tag}]]"),
        ("{{ .Changed.Changes | toString }}", "[{acme/web:1 acme/web:2 flux-system:web} {1 2 flux-system:web:tag}]"),
        ("{{ .Changed }}", "{map[a.yaml:map[{{{apps/v1 Deployment} {web prod}}}:[{acme/web:1 acme/web:2 flux-system:web}] {{{apps/v1 StatefulSet} {db prod}}}:[{1 2 flux-system:web:tag}]] b.yaml:map[{{{apps/v1 Deployment} {web prod}}}:[{acme/web:1 acme/web:2 flux-system:web}]]]}"),
        ("{{ printf \"%+v\" .Changed.Objects }}", "map[{ResourceIdentifier:{TypeMeta:{APIVersion:apps/v1 Kind:Deployment} NameMeta:{Name:web Namespace:prod}}}:[{OldValue:acme/web:1 NewValue:acme/web:2 Setter:flux-system:web} {OldValue:acme/web:1 NewValue:acme/web:2 Setter:flux-system:web}] {ResourceIdentifier:{TypeMeta:{APIVersion:apps/v1 Kind:StatefulSet} NameMeta:{Name:db Namespace:prod}}}:[{OldValue:1 NewValue:2 Setter:flux-system:web:tag}]]"),
        ("{{ printf \"%v|%s\" .AutomationObject .Values }}", "flux-system/app|map[team:red & blue]"),
        (GERRIT, "Automated image update\n\nChange-Id: If8f40811f5a0f97bef43cc882d5b40f8de225170\n"),
        ("{{ len .Updated.Files }} {{ len .Changed.Changes }}", "2 2"),
    ];
    for (template, expected) in cases {
        assert_eq!(render(Engine::Go, template), expected, "{template}");
    }
}

#[test]
fn the_documented_template_works_as_written() {
    let manifests = include_str!("../../tests/cases/automation-message.txt");
    let rendered = render(Engine::Go, manifests);
    assert!(rendered.contains("自动化名称: flux-system/app"), "{rendered}");
    assert!(rendered.contains("- a.yaml\n- b.yaml\n"), "{rendered}");
    assert!(rendered.contains("- Deployment web\n- StatefulSet db\n"), "{rendered}");
    assert!(rendered.contains("- acme/web:2\n"), "{rendered}");
}

#[test]
fn handlebars_templates_see_the_same() {
    #[rustfmt::skip]
    let cases = [
        (DEFAULT, DEFAULT),
        ("{{AutomationObject.Namespace}}/{{AutomationObject.Name}}", "flux-system/app"),
        ("{{#each Updated.Images}}{{this}}\n{{/each}}", "acme/web:2\n"),
        ("{{#each Changed.Changes}}{{Setter}}: {{OldValue}} -> {{NewValue}};{{/each}}",
            "flux-system:web: acme/web:1 -> acme/web:2;flux-system:web:tag: 1 -> 2;"),
        ("{{#each Changed.Objects}}{{Kind}} {{Name}} {{len Changes}} {{/each}}", "Deployment web 2 StatefulSet db 1 "),
        ("{{#each Changed.FileChanges}}{{@key}}={{#each this}}{{#each Changes}}{{NewValue}},{{/each}}{{/each}} {{/each}}",
            "a.yaml=acme/web:2,2, b.yaml=acme/web:2, "),
        ("{{#each Updated.Files}}{{@key}}{{#each Objects}} {{Kind}}{{#each Images}} {{this}}{{/each}}{{/each}};{{/each}}",
            "a.yaml Deployment acme/web:2 StatefulSet acme/web:2;b.yaml Deployment acme/web:2;"),
        ("{{Values.team}}", "red & blue"),
        ("{{#if (eq Values.team \"x\")}}a{{else}}b{{/if}}", "b"),
        ("{{#with Changed}}{{len Changes}}{{/with}}", "2"),
    ];
    for (template, expected) in cases {
        assert_eq!(render(Engine::Handlebars, template), expected, "{template}");
    }
}

#[test]
fn errors_name_the_field() {
    #[rustfmt::skip]
    let cases = [
        (Engine::Go,         "{{ .Changed",               "`messageTemplate` is not a Go template"),
        (Engine::Go,         "{{ .Missing }}",            "`messageTemplate` cannot be rendered"),
        (Engine::Handlebars, "{{#each Changed}}",         "`messageTemplate` is not a Handlebars template"),
        (Engine::Handlebars, "{{Missing}}",               "`messageTemplate` cannot be rendered"),
        (Engine::Handlebars, "{{> a}}",                   "`messageTemplate` is not a Handlebars template"),
    ];
    for (engine, template, expected) in cases {
        let message = Message::parse(engine, "messageTemplate", template);
        let error = message.and_then(|message| message.render(&data())).unwrap_err();
        assert_eq!(error.to_string(), expected, "{template}");
    }
}

#[test]
fn what_flux_took_away_is_told_when_the_template_is_read() {
    #[rustfmt::skip]
    let cases = [
        ("{{ range .Changed.ImageResult.Images }}{{ . }}{{ end }}", true),
        ("{{ with .Changed }}{{ .ImageResult }}{{ end }}",          true),
        ("the .ImageResult of {{ .Values.team }}",                  false),
        ("{{ .Values.myImageResult }}",                             false),
        ("{{ .Values.ImageResults }}",                              false),
    ];
    for (template, removed) in cases {
        let parsed = Message::parse(Engine::Go, "messageTemplate", template);
        assert_eq!(matches!(parsed, Err(Error::Removed { .. })), removed, "{template}");
    }
}

#[test]
fn trailers_are_the_last_paragraph() {
    type Case<'c> = (&'c str, &'c [(&'c str, &'c str)], &'c str);
    #[rustfmt::skip]
    let cases: [Case<'_>; 6] = [
        ("Update",                   &[],                                          "Update"),
        ("Update\n",                 &[("Signed-off-by", "A <a@b>")],              "Update\n\nSigned-off-by: A <a@b>\n"),
        ("Update\n\nCloses: #1",     &[("Team", "red")],                           "Update\n\nCloses: #1\nTeam: red\n"),
        ("Update\n\nsome words: x y\nhere", &[("Team", "red")],                    "Update\n\nsome words: x y\nhere\n\nTeam: red\n"),
        ("Update\n\nTeam: red\n",   &[("Team", "red")],                           "Update\n\nTeam: red\n"),
        ("Update: all",              &[("A", "1\n2"), ("B", "")],                  "Update: all\n\nA: 1 2\n"),
    ];
    for (message, trailers, expected) in cases {
        assert_eq!(with_trailers(message, trailers.iter().copied()), expected, "{message}");
    }
    assert!(is_trailer_key("Signed-off-by") && !is_trailer_key("a b") && !is_trailer_key(""));
}

#[test]
fn handlebars_is_bounded() {
    let error = |template: &str, data: &Data| {
        let message = Message::parse(Engine::Handlebars, "t", template);
        match message.and_then(|message| message.render(data)).unwrap_err() {
            Error::Handlebars { source, .. } | Error::HandlebarsRender { source, .. } => *source,
            other => panic!("{other}"),
        }
    };
    let mut many = data();
    let changes: Vec<_> = (0..200)
        .map(|index| {
            let (_, _, change) = many.changes.each().next().unwrap();
            (ObjectIdentifier::default(), Change { old: index.to_string(), ..change.clone() })
        })
        .collect();
    many.changes.add("c.yaml", changes);
    let each = "{{#each @root.Changed.Changes}}";
    let deep = format!("{}{}", each.repeat(4), "{{/each}}".repeat(4));
    assert!(matches!(error(&deep, &many), handlebars::Error::Steps));
    let wide = format!("{}{}{}", each.repeat(2), "x".repeat(40), "{{/each}}".repeat(2));
    assert!(matches!(error(&wide, &many), handlebars::Error::Output));
    let nested = format!("{}{}", "{{#if 1}}".repeat(2_000), "{{/if}}".repeat(2_000));
    assert!(matches!(error(&nested, &many), handlebars::Error::Nesting));
    let parens = format!("{{{{#if {}1{}}}}}{{{{/if}}}}", "(not ".repeat(5_000), ")".repeat(5_000));
    assert!(matches!(error(&parens, &many), handlebars::Error::Nesting));
    assert!(matches!(error(&"x".repeat(100_000), &many), handlebars::Error::Text));
    let inline = "{{#*inline \"a\"}}{{> a}}{{/inline}}{{> a}}";
    assert!(matches!(error(inline, &many), handlebars::Error::Partial));
}

proptest! {
    #[test]
    fn no_template_panics(
        text in "([{}#/~.>()\" a-z]|\\{\\{|\\}\\}|#each |Changed|Updated|Values|this){0,24}",
    ) {
        for engine in [Engine::Go, Engine::Handlebars] {
            if let Ok(message) = Message::parse(engine, "t", &text) {
                let _ = message.render(&data());
            }
        }
    }
}
