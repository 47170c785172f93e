//! Markers in files of every language: a second update changes nothing.
#![no_main]

use imagebot_core::setter::{self, Image, Scope};
use libfuzzer_sys::fuzz_target;

const FILES: [&str; 10] = [
    "a.yaml", "Dockerfile", ".env", "a.sh", "a.tf", "a.json", "a.toml", "a.jsonnet", "a.cue", "a.k",
];

fuzz_target!(|input: (u8, &[u8])| {
    let (choice, content) = input;
    let file = FILES[usize::from(choice) % FILES.len()];
    let image = Image { name: "r.io/a".into(), tag: "1.0.0".into(), digest: None };
    let scope = Scope::of("n", [("p".to_owned(), image)]);
    let _ = setter::markers(file, content);
    let Ok(outcome) = setter::update(file, content, &scope) else { return };
    if let Some(updated) = outcome.content {
        let again = setter::update(file, updated.as_bytes(), &scope);
        assert!(again.is_ok_and(|again| again.content.is_none()), "a second update changes more");
    }
});
