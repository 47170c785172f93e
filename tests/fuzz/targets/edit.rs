//! Edits of YAML: setting a scalar changes no byte outside of its span.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &str)| {
    let (text, new) = input;
    let Ok(documents) = yaml::parse(text) else { return };
    let mut edits = Vec::new();
    yaml::scan::each(text, &documents, &mut |spot| {
        if let Ok(edit) = yaml::edit::set(spot.node, new) {
            edits.push(edit);
        }
    });
    for edit in edits {
        let span = edit.span.clone();
        let Ok(edited) = yaml::edit::apply(text, &[edit]) else { continue };
        assert!(edited.starts_with(&text[..span.start]), "bytes before the span changed");
        assert!(edited.ends_with(&text[span.end..]), "bytes after the span changed");
    }
});
