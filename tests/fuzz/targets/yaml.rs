//! The YAML reader: any bytes give a tree or an error; every span lies in the text.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = yaml::text(bytes) else { return };
    let Ok(documents) = yaml::parse(text) else { return };
    yaml::scan::each(text, &documents, &mut |spot| {
        assert!(text.get(spot.node.span.clone()).is_some(), "a span outside of the text");
    });
    for schema in [yaml::Schema::Kubernetes, yaml::Schema::GoYaml3] {
        for document in &documents {
            // An error is a good answer.
            let _ = yaml::to_json(document, schema);
        }
    }
});
