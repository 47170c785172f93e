//! What Go's libraries make of text: regular expressions, versions, numbers.
//!
//! The files that we read were written for programs in Go, and mean what those programs read in
//! them. Each module is named like the package whose answers it gives; `tests/golden` asks Go.
//!
//! | module | is |
//! |---|---|
//! | [`regexp`] | `regexp`: RE2's syntax, on Rust's engine |
//! | [`semver`] | `github.com/Masterminds/semver/v3`: versions and their ranges |
//! | [`strconv`] | `strconv`: numbers and booleans |
//!
//! Layouts of `time` are not here: only `gotmpl` has them, and the timestamps of a SOPS file are
//! YAML's four shapes, which are rewritten as text and never become a moment.

pub mod regexp;
pub mod semver;
pub mod strconv;
