//! Writes what is made from the Rust types: the CRDs of the charts, the tables of the reference pages.

use std::fs;

use tests::{Outcome, crds, reference};

fn main() -> Outcome {
    for (path, text) in crds::files()?.into_iter().chain(reference::files()?) {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, text)?;
    }
    Ok(())
}
