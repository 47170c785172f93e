//! Go templates: any text is refused, or renders within its limits.
#![no_main]

use gotmpl::{Limits, Template, Value};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(template) = Template::parse("fuzz", text) {
        // An error is a good answer; not to end would be a bad one.
        let _ = template.render(&Value::from("data"), &Limits::default());
    }
});
