//! The repository's own rules, held as tests.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The crates that decide and never touch the world.
const PURE: [&str; 7] =
    ["yaml", "golang", "gotmpl", "keyfile", "openpgp", "sealer-core", "imagebot-core"];

/// What a pure crate cannot depend on, however indirectly.
const WORLDLY: [&str; 10] =
    ["kube", "kube-client", "tokio", "hyper", "reqwest", "axum", "gix", "mio", "socket2", "rustls"];

/// The longest a file may be, tests and generated files aside.
const MAX_LINES: usize = 400;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("`tests` lies in the workspace").into()
}

/// Every tracked file with this extension.
fn tracked(extension: &str) -> Vec<PathBuf> {
    let listing = Command::new("git")
        .args(["ls-files", "--", &format!("*.{extension}")])
        .current_dir(root())
        .output()
        .expect("git lists files");
    let names = String::from_utf8(listing.stdout).expect("file names are UTF-8");
    names.lines().map(|name| root().join(name)).filter(|path| path.exists()).collect()
}

/// The names of the packages below `package`, dev-dependencies aside.
fn dependencies(package: &str) -> BTreeSet<String> {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--edges", "normal", "--prefix", "none", "--package", package])
        .current_dir(root())
        .output()
        .expect("cargo prints a tree");
    assert!(tree.status.success(), "cargo tree -p {package}: {}", text(&tree.stderr));
    text(&tree.stdout).lines().filter_map(|line| Some(line.split(' ').next()?.to_owned())).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// The lines before the inline test module, if there is one.
fn production_lines(source: &str) -> usize {
    source
        .lines()
        .take_while(|line| *line != "#[cfg(test)]\nmod tests {" && *line != "mod tests {")
        .count()
}

#[test]
fn core_crates_cannot_name_the_world() {
    for package in PURE {
        let found = dependencies(package);
        let worldly: Vec<_> = WORLDLY.iter().filter(|name| found.contains(**name)).collect();
        assert!(worldly.is_empty(), "`{package}` depends on {worldly:?}");
    }
}

#[test]
fn core_crates_do_not_use_the_worldly_parts_of_std() {
    const BANNED: [&str; 7] = [
        "std::fs",
        "std::net",
        "std::env",
        "std::process",
        "std::thread::s",
        "SystemTime::now",
        "Timestamp::now",
    ];
    let pure = [
        "shared/yaml",
        "shared/golang",
        "shared/gotmpl",
        "shared/keyfile",
        "shared/openpgp",
        "sealer/core",
        "imagebot/core",
    ];
    for path in tracked("rs")
        .iter()
        .filter(|path| pure.iter().any(|dir| path.starts_with(root().join(dir).join("src"))))
    {
        let test = path.ends_with("tests.rs") || path.iter().any(|folder| folder == "tests");
        if test {
            continue;
        }
        let source = fs::read_to_string(path).expect("a tracked file can be read");
        let code: Vec<_> = source.lines().take(production_lines(&source)).collect();
        for (number, line) in code.iter().enumerate() {
            if let Some(banned) = BANNED.iter().find(|banned| line.contains(**banned)) {
                panic!("{}:{}: `{banned}` in a pure crate", relative(path), number + 1);
            }
        }
    }
}

#[test]
fn the_daemons_do_not_know_each_other() {
    for (one, other) in [("sealer", "imagebot"), ("imagebot", "sealer")] {
        let foreign: Vec<_> =
            dependencies(one).into_iter().filter(|name| name.starts_with(other)).collect();
        assert!(foreign.is_empty(), "`{one}` depends on {foreign:?}");
    }
}

#[test]
fn the_daemons_serve_no_data_keys() {
    for daemon in ["sealer", "imagebot"] {
        assert!(!dependencies(daemon).contains("keyservice"), "`{daemon}` depends on `keyservice`");
    }
}

#[test]
fn one_tls_provider_serves_every_binary() {
    for package in ["sealer", "imagebot", "sealctl"] {
        let found = dependencies(package);
        for foreign in ["ring", "openssl", "native-tls"] {
            assert!(!found.contains(foreign), "`{package}` depends on `{foreign}`");
        }
    }
}

#[test]
fn the_lints_are_the_same_for_all_and_only_one_crate_may_be_unsafe() {
    for path in tracked("toml").iter().filter(|path| path.ends_with("Cargo.toml")) {
        let manifest = fs::read_to_string(path).expect("a tracked file can be read");
        let name = relative(path);
        if !manifest.contains("[package]") || name.starts_with("tests/fuzz") {
            continue;
        }
        let own = !manifest.contains("[lints]\nworkspace = true");
        assert_eq!(own, name == "shared/footprint/Cargo.toml", "{name}: the workspace's lints");
    }
}

#[test]
fn every_source_file_says_what_it_is_and_fits_a_sitting() {
    let mut wrong = Vec::new();
    for path in tracked("rs") {
        let source = fs::read_to_string(&path).expect("a tracked file can be read");
        if !source.starts_with("//!") {
            wrong.push(format!("{} does not begin with `//!`", relative(&path)));
        }
        let is_test = path.ends_with("tests.rs") || relative(&path).contains("/tests/");
        let lines = production_lines(&source);
        if !is_test && lines > MAX_LINES {
            wrong.push(format!("{} has {lines} lines, more than {MAX_LINES}", relative(&path)));
        }
        for name in ["mod.rs", "utils.rs", "common.rs", "helpers.rs", "types.rs"] {
            if path.ends_with(name) {
                wrong.push(format!("{} has a name that explains nothing", relative(&path)));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn the_architecture_page_names_every_crate() {
    let page = fs::read_to_string(root().join("docs/architecture.md")).expect("the page is there");
    for manifest in tracked("toml").iter().filter(|path| path.ends_with("Cargo.toml")) {
        let source = fs::read_to_string(manifest).expect("a manifest can be read");
        let Some(name) = source.lines().find_map(|line| line.strip_prefix("name = ")) else {
            continue;
        };
        let name = name.trim_matches('"');
        if relative(manifest).contains("/fuzz/") {
            continue;
        }
        assert!(page.contains(&format!("`{name}`")), "docs/architecture.md does not name `{name}`");
    }
}

#[test]
fn what_is_made_from_the_types_is_current() {
    for (path, text) in tests::crds::files().expect("the types have schemas") {
        let found = fs::read_to_string(&path).unwrap_or_default();
        assert!(found == text, "{} is stale: run `make generate`", relative(&path));
    }
}

#[test]
fn the_reference_has_a_page_for_every_kind_with_its_current_fields() {
    for (path, text) in tests::reference::files().expect("every kind has a page") {
        let found = fs::read_to_string(&path).unwrap_or_default();
        assert!(found == text, "{} is stale: run `make generate`", relative(&path));
    }
}

#[test]
fn decisions_are_numbered_without_gaps() {
    let mut numbers: Vec<u32> = fs::read_dir(root().join("docs/adr"))
        .expect("docs/adr is there")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.get(..4)?.parse().ok())
        .collect();
    numbers.sort_unstable();
    let expected: Vec<u32> = (1..).take(numbers.len()).collect();
    assert_eq!(numbers, expected);
}

#[test]
fn unfinished_business_has_an_address() {
    for path in tracked("rs") {
        if path.ends_with("tidy.rs") {
            continue;
        }
        let source = fs::read_to_string(&path).expect("a tracked file can be read");
        for (number, line) in source.lines().enumerate() {
            let unfinished = ["TODO", "FIXME", "XXX"].iter().any(|word| line.contains(word));
            assert!(
                !unfinished || line.contains("https://"),
                "{}:{}: {line}",
                relative(&path),
                number + 1
            );
        }
    }
}
