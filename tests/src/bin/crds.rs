//! Writes the CRD manifests of the charts; runs as `make generate`.

use std::fs;

use tests::{Outcome, crds};

fn main() -> Outcome {
    for (path, text) in crds::files()? {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, text)?;
    }
    Ok(())
}
