//! `sealctl explain` and `sealctl git`.

use std::process::Command;

use super::*;

#[test]
fn a_file_is_compared_with_its_rule() {
    let folder = folder();
    let (us, them) = (public("sops/key.txt"), public("sops/other.txt"));
    let rules =
        format!("creation_rules:\n- path_regex: none\n- encrypted_regex: ^data$\n  age: {us}\n");
    let config = write(&folder, ".sops.yaml", &rules);
    let shown = |name: &str| {
        let file = folder.path().join(name);
        let line = format!("explain --config {} {}", config.display(), file.display());
        let shown = sealctl(&line, "");
        let here = folder.path().to_str().unwrap();
        let text = format!("{}{}", shown.output, shown.messages);
        let text = text.replace(here, "DIR").replace(&us, "US").replace(&them, "THEM");
        (shown.code, text)
    };
    insta::assert_snapshot!(shown("new.json").1, @r"
    rules    DIR/.sops.yaml
    path     new.json
    rule     creation_rules[1]
    format   json
    values   encrypted_regex: ^data$
    key      age US
    ");
    let sealed =
        sealctl(&format!("encrypt --config /dev/null --age {them}"), "data: x\n").product();
    write(&folder, "a.yaml", &sealed);
    let (code, text) = shown("a.yaml");
    assert_eq!(code, ExitCode::from(1));
    insta::assert_snapshot!(text, @r"
    rules    DIR/.sops.yaml
    path     a.yaml
    rule     creation_rules[1]
    format   yaml
    values   encrypted_regex: ^data$
    key      age US
    missing  US
    extra    THEM
    file     was encrypted with unencrypted_suffix: _unencrypted
    sealctl: error: `DIR/a.yaml` is not as its rule says
    sealctl: hint: `sealctl sops updatekeys DIR/a.yaml` gives it the keys of the rule; other rules hold for new files only
    ");
}

#[test]
fn the_drivers_are_written_into_the_repository() {
    let folder = folder();
    let git = |arguments: &[&str]| {
        let output = Command::new("git").arg("-C").arg(folder.path()).args(arguments).output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    git(&["init", "-q"]);
    let line = format!("git install --repository {}", folder.path().display());
    assert_eq!(sealctl(&line, "").product(), "");
    assert_eq!(
        git(&["config", "--local", "merge.sops.driver"]),
        "sealctl git merge-driver %O %A %B %P\n"
    );
    assert_eq!(git(&["config", "--local", "diff.sops.textconv"]), "sealctl git textconv\n");
}

/// Encrypts three versions of a file and merges them, in a folder of their own.
struct Merge {
    folder: tempfile::TempDir,
}

impl Merge {
    fn of(versions: [(&str, &str); 3]) -> (Self, Shown) {
        let merge = Self { folder: folder() };
        for (name, (text, flags)) in ["base", "ours", "theirs"].into_iter().zip(versions) {
            let us = public("sops/key.txt");
            let line = format!("encrypt --config /dev/null --age {us}{flags}");
            write(&merge.folder, name, &sealctl(&line, text).product());
        }
        let shown = merge.run("git merge-driver", &["base", "ours", "theirs"], " a.yaml");
        (merge, shown)
    }

    fn run(&self, verb: &str, names: &[&str], more: &str) -> Shown {
        let paths: Vec<String> =
            names.iter().map(|name| self.folder.path().join(name).display().to_string()).collect();
        let keys = format!("--age-key-file {} --config-home /x --home /x", fixture("sops/key.txt"));
        sealctl(&format!("{verb} {keys} {}{more}", paths.join(" ")), "")
    }

    fn text(&self) -> String {
        let sealed = self.folder.path().join("ours");
        fs::copy(sealed, self.folder.path().join("ours.yaml")).unwrap();
        self.run("git textconv", &["ours.yaml"], "").product()
    }
}

#[test]
fn values_that_one_branch_changed_are_merged() {
    let (merge, shown) = Merge::of([
        ("a: 1\nb: 2\nc: 3\nd: 4\ne: 5\n", ""),
        ("a: ours\nb: 2\nc: 3\nd: 4\ne: 5\n", ""),
        ("a: 1\nb: 2\nc: 3\nd: 4\ne: theirs\n", ""),
    ]);
    assert_eq!(shown.product(), "");
    assert_eq!(merge.text(), "a: ours\nb: 2\nc: 3\nd: 4\ne: theirs\n");
}

#[test]
fn a_recipient_that_the_other_branch_added_comes_along() {
    let them = format!(",{}", public("sops/other.txt"));
    let (merge, shown) = Merge::of([("a: 1\n", ""), ("a: 2\n", ""), ("a: 1\n", &them)]);
    assert_eq!(shown.product(), "");
    assert_eq!(merge.text(), "a: 2\n");
    let merged = fs::read_to_string(merge.folder.path().join("ours")).unwrap();
    assert!(merged.contains(&public("sops/other.txt")), "{merged}");
}

#[test]
fn what_both_branches_changed_is_left_to_people() {
    let (merge, shown) = Merge::of([("a: 1\n", ""), ("a: 2\n", ""), ("a: 3\n", "")]);
    assert_eq!(shown.code, ExitCode::from(1));
    insta::assert_snapshot!(shown.messages, @r"
    sealctl: error: both branches changed the same lines of `a.yaml`
    sealctl: hint: the file is that of this branch; take the values of the other with `sealctl sops edit a.yaml`, then `git add` it
    ");
    assert_eq!(merge.text(), "a: 2\n");
}

#[test]
fn what_no_key_opens_is_shown_as_it_is() {
    let folder = folder();
    let file = write(&folder, "a.yaml", "a: 1\n");
    let shown = sealctl(&format!("git textconv {}", file.display()), "");
    assert_eq!((shown.code, shown.output.as_str()), (ExitCode::SUCCESS, "a: 1\n"));
    assert!(shown.messages.starts_with("sealctl: warning: "), "{}", shown.messages);
}
