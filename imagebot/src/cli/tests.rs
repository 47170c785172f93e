//! What a person sees: help, products, and every error with its hint.

use std::{fs, path::Path};

use clap::{CommandFactory as _, FromArgMatches as _};

use super::*;
use crate::args::Typed;

/// What one run printed.
struct Shown {
    code: ExitCode,
    output: String,
    messages: String,
}

impl Shown {
    /// The product of a run that had nothing to say besides.
    #[track_caller]
    fn product(self) -> String {
        assert_eq!((self.code, self.messages.as_str()), (ExitCode::SUCCESS, ""));
        self.output
    }

    /// Everything that a run printed.
    fn all(self) -> String {
        format!("{:?}\n{}{}", self.code, self.output, self.messages)
    }
}

/// Runs one command line; words are separated by blanks, and `~` is `folder`.
#[track_caller]
fn imagebot(folder: &Path, line: &str, input: &str) -> Shown {
    let folder = folder.display().to_string();
    let words = line.split(' ').filter(|word| !word.is_empty());
    let words = words.map(|word| word.replace('~', &folder));
    let matches = hermetic().try_get_matches_from(std::iter::once("imagebot".into()).chain(words));
    let typed = matches.and_then(|matches| Typed::from_arg_matches(&matches));
    let typed = typed.unwrap_or_else(|err| panic!("{line}: {err}"));
    let (mut output, mut messages) = (Vec::new(), Vec::new());
    let mut streams = Streams {
        input: &mut input.as_bytes(),
        output: &mut output,
        messages: &mut messages,
        colours: false,
        watched: false,
    };
    let code = run(&typed.command.expect("the line names a command"), &mut streams);
    let text = |bytes| String::from_utf8(bytes).expect("what is printed is text");
    let text = |bytes| text(bytes).replace(&folder, "~");
    Shown { code, output: text(output), messages: text(messages) }
}

/// The command line without the environment of the person who runs the tests.
fn hermetic() -> clap::Command {
    fn no_variables(command: clap::Command) -> clap::Command {
        let command = command.mut_args(|arg| arg.env(None::<&'static str>));
        command.mut_subcommands(no_variables)
    }
    no_variables(Typed::command())
}

const POLICIES: &str = "\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata: {name: web, namespace: flux-system}
spec: {image: ghcr.io/acme/web, interval: 1m}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {name: web, namespace: flux-system}
spec: {imageRepositoryRef: {name: web}, policy: {semver: {range: 1.x}}}
";

const DEPLOYMENT: &str = "\
kind: Deployment
metadata:
  name: web
spec:
  image:   ghcr.io/acme/web:1.0.0   # {\"$imagepolicy\": \"flux-system:web\"}
";

/// A checkout with policies and marked files.
fn checkout() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in [
        ("clusters/policies.yaml", POLICIES),
        ("apps/web.yaml", DEPLOYMENT),
        (
            "apps/Dockerfile",
            "# {\"$imagepolicy\": \"flux-system:web:tag\"}\nFROM ghcr.io/acme/web:1.0.0\n",
        ),
        ("README.md", "image: a # {\"$imagepolicy\": \"flux-system:none\"}\n"),
        (".git/config.yaml", DEPLOYMENT),
    ] {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

const SET: &str = "--set flux-system:web=ghcr.io/acme/web:1.2.0";

#[test]
fn the_help_says_what_the_commands_do() {
    let mut command = hermetic().term_width(100);
    command.build();
    let all = command.render_long_help().to_string();
    // The flags of the daemon are told elsewhere.
    let mut all = all.split("\nOptions:").next().unwrap_or_default().to_owned();
    let names: Vec<_> = command.get_subcommands().map(|it| it.get_name().to_owned()).collect();
    for name in names.iter().filter(|name| *name != "help") {
        let found = command.find_subcommand_mut(name).unwrap();
        all = format!("{all}\n==== {name} ====\n{}", found.render_long_help());
        if let Some(test) = found.find_subcommand_mut("test") {
            all = format!("{all}\n==== {name} test ====\n{}", test.render_long_help());
        }
    }
    insta::assert_snapshot!(all);
}

#[test]
fn values_are_set_in_every_marked_file() {
    let folder = checkout();
    insta::assert_snapshot!(imagebot(folder.path(), &format!("update {SET} --dry-run ~"), "").all(), @r#"
    ExitCode(unix_exit_status(0))
    --- a/apps/Dockerfile
    +++ b/apps/Dockerfile
    @@ -1,2 +1,2 @@
     # {"$imagepolicy": "flux-system:web:tag"}
    -FROM ghcr.io/acme/web:1.0.0
    +FROM ghcr.io/acme/web:1.2.0
    --- a/apps/web.yaml
    +++ b/apps/web.yaml
    @@ -2,4 +2,4 @@
     metadata:
       name: web
     spec:
    -  image:   ghcr.io/acme/web:1.0.0   # {"$imagepolicy": "flux-system:web"}
    +  image:   ghcr.io/acme/web:1.2.0   # {"$imagepolicy": "flux-system:web"}
    "#);
    let read = |path: &str| fs::read_to_string(folder.path().join(path)).unwrap();
    assert_eq!(read("apps/web.yaml"), DEPLOYMENT, "a dry run writes nothing");
    let checked = imagebot(folder.path(), &format!("update {SET} --check ~"), "");
    assert_eq!((checked.code, read("apps/web.yaml").as_str()), (ExitCode::from(1), DEPLOYMENT));
    insta::assert_snapshot!(imagebot(folder.path(), &format!("update {SET} -o wide ~"), "").product(), @r"
    apps/Dockerfile: 1.0.0 -> 1.2.0 (flux-system:web:tag)
    apps/web.yaml: ghcr.io/acme/web:1.0.0 -> ghcr.io/acme/web:1.2.0 (flux-system:web) in Deployment web
    ");
    assert_eq!(read("apps/web.yaml"), DEPLOYMENT.replace(":1.0.0", ":1.2.0"));
    assert_eq!(read(".git/config.yaml"), DEPLOYMENT, "what Git keeps is Git's");
    assert_eq!(imagebot(folder.path(), &format!("update {SET} --check ~"), "").product(), "");
}

#[test]
fn colours_are_those_of_git() {
    let folder = checkout();
    let line = format!("update {SET} --dry-run --color always ~/apps/Dockerfile");
    let shown = imagebot(folder.path(), &line, "").product();
    assert!(shown.contains("\u{1b}[31m-FROM") && shown.contains("\u{1b}[32m+FROM"), "{shown}");
    assert!(shown.starts_with("\u{1b}[1m--- a/Dockerfile\u{1b}[m\n"), "{shown}");
}

#[cfg(unix)]
#[test]
fn a_file_that_is_written_keeps_its_mode() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = checkout();
    let path = folder.path().join("apps/web.yaml");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o750)).unwrap();
    imagebot(folder.path(), &format!("update {SET} ~"), "").product();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o750);
}

#[test]
fn programs_read_json_and_yaml() {
    let folder = checkout();
    let shown = |format: &str| {
        imagebot(folder.path(), &format!("update {SET} --dry-run -o {format} ~/apps"), "").product()
    };
    let json: serde_json::Value = serde_json::from_str(&shown("json")).unwrap();
    assert_eq!(json["files"][1]["changes"][0]["object"]["kind"], "Deployment");
    let read = yaml::json::documents(&shown("yaml"), yaml::Schema::Kubernetes).unwrap();
    assert_eq!(read, [json]);
}

#[test]
fn rules_of_automations_are_followed() {
    let folder = checkout();
    let automation = "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageUpdateAutomation\nmetadata: {name: a, namespace: flux-system}\nspec:\n  interval: 1m\n  sourceRef: {name: r}\n  update: {path: ./apps, kustomize: [{policy: web}]}\n";
    let kustomization = "images:\n- name: ghcr.io/acme/web\n  newTag: 1.0.0\n";
    fs::write(folder.path().join("clusters/automation.yaml"), automation).unwrap();
    fs::write(folder.path().join("apps/kustomization.yaml"), kustomization).unwrap();
    fs::write(folder.path().join("clusters/kustomization.yaml"), kustomization).unwrap();
    let shown = imagebot(folder.path(), &format!("update {SET} ~"), "").product();
    assert!(shown.contains("apps/kustomization.yaml: 1.0.0 -> 1.2.0"), "{shown}");
    assert!(!shown.contains("clusters/kustomization.yaml"), "{shown}");
}

#[test]
fn a_policy_that_no_automation_selects_is_left() {
    let folder = checkout();
    let automation = |selector: &str| {
        format!(
            "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageUpdateAutomation\nmetadata: {{name: a, namespace: flux-system}}\nspec:\n  interval: 1m\n  sourceRef: {{name: r}}\n  policySelector: {selector}\n  update: {{kustomize: [{{policy: web}}]}}\n"
        )
    };
    let path = folder.path().join("clusters/automation.yaml");
    fs::write(&path, automation("{matchLabels: {team: other}}")).unwrap();
    // No registry is asked: whom nobody selects need not be known.
    insta::assert_snapshot!(imagebot(folder.path(), "update --check ~", "").all(), @r"
    ExitCode(unix_exit_status(0))
    imagebot: warning: clusters/automation.yaml: `spec.policySelector` does not select the ImagePolicy `flux-system/web` that `spec.update` sets
    imagebot: warning: apps/Dockerfile, line 1: policy `flux-system/web` has no image; create the ImagePolicy, let `spec.policySelector` select it, or wait until it is ready
    imagebot: warning: apps/web.yaml, line 5: policy `flux-system/web` has no image; create the ImagePolicy, let `spec.policySelector` select it, or wait until it is ready
    ");
    insta::assert_snapshot!(imagebot(folder.path(), "lint ~", "").output, @"clusters/automation.yaml:1: `spec.policySelector` does not select the ImagePolicy `flux-system/web` that `spec.update` sets");
    fs::write(&path, automation("{matchExpressions: [{key: team, operator: Near}]}")).unwrap();
    insta::assert_snapshot!(imagebot(folder.path(), "lint ~", "").output, @"clusters/automation.yaml:1: `spec.policySelector` is not a label selector: failed to parse value as expression: Invalid expression operator");
    fs::write(&path, automation("{matchExpressions: [{key: team, operator: DoesNotExist}]}"))
        .unwrap();
    insta::assert_snapshot!(imagebot(folder.path(), "lint ~", "").output, @"");
}

#[test]
fn what_will_not_be_updated_is_found() {
    let folder = checkout();
    assert_eq!(imagebot(folder.path(), "lint ~", "").product(), "");
    let write = |path: &str, text: &str| fs::write(folder.path().join(path), text).unwrap();
    write(
        "apps/a.yaml",
        "a: b # {\"$imagepolicy\": \"flux-system:gone\"}\nc: # {\"$imagepolicy\": \"flux-system:web\"}\n  d: e\n",
    );
    write("apps/b.yaml", "a: [ # {\"$imagepolicy\": \"flux-system:web\"}\n");
    write("apps/main.go", "const a = \"b\" // {\"$imagepolicy\": \"flux-system:web\"}\n");
    write(
        "apps/other.yaml",
        "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\nmetadata: {name: other}\nspec: {imageRepositoryRef: {name: gone}, policy: {semver: {range: '1x'}}}\n",
    );
    insta::assert_snapshot!(imagebot(folder.path(), "lint -o wide ~", "").all());
    let known = imagebot(folder.path(), "lint --policy flux-system:gone ~/apps/a.yaml", "");
    assert!(!known.output.contains("gone"), "{}", known.output);
}

#[test]
fn images_of_policies_are_marked() {
    let folder = checkout();
    let values = "image:\n  repository: ghcr.io/acme/web\n  tag: 1.0.0\n";
    fs::write(folder.path().join("apps/values.yaml"), values).unwrap();
    insta::assert_snapshot!(imagebot(folder.path(), "mark --dry-run ~", "").all(), @r#"
    ExitCode(unix_exit_status(0))
    --- a/apps/values.yaml
    +++ b/apps/values.yaml
    @@ -1,3 +1,3 @@
     image:
       repository: ghcr.io/acme/web
    -  tag: 1.0.0
    +  tag: 1.0.0 # {"$imagepolicy": "flux-system:web:tag"}
    "#);
    assert_eq!(imagebot(folder.path(), "mark --check ~", "").code, ExitCode::from(1));
    insta::assert_snapshot!(imagebot(folder.path(), "mark ~", "").product(), @"apps/values.yaml:3: 1.0.0 (flux-system:web:tag)");
    assert_eq!(imagebot(folder.path(), "mark --check ~", "").product(), "");
    insta::assert_snapshot!(imagebot(folder.path(), "mark ~/apps", "").all(), @r"
    ExitCode(unix_exit_status(2))
    imagebot: error: there is no policy with an ImageRepository here
    imagebot: hint: point `--manifests` at them, or say `--policy NAMESPACE:POLICY=IMAGE`
    ");
}

const TAGS: &str = "1.0.0\n1.2.0\n2.0.0\n1.3.0-rc.1\nlatest\n";

#[test]
fn a_policy_is_tried_on_a_list_of_tags() {
    let folder = checkout();
    insta::assert_snapshot!(
        imagebot(folder.path(), "policy test --semver 1.x --tags -", TAGS).all()
    );
    let by_file =
        imagebot(folder.path(), "policy test -f ~/clusters/policies.yaml --tags - -o json", TAGS);
    let value: serde_json::Value = serde_json::from_str(&by_file.product()).unwrap();
    assert_eq!((&value["selected"], &value["droppedCount"]), (&"1.2.0".into(), &3.into()));
    let none = imagebot(folder.path(), "policy test --semver 9.x --tags -", TAGS);
    assert_eq!(none.code, ExitCode::from(1));
    let broken = imagebot(folder.path(), "policy test --semver x1 --tags -", TAGS);
    assert_eq!((broken.code, broken.output.as_str()), (ExitCode::from(2), ""));
    insta::assert_snapshot!(imagebot(folder.path(), "policy test --semver 1.x", "").messages, @r"
    imagebot: error: nothing says which tags to try
    imagebot: hint: give `--tags FILE`, `--tags -` or `--scan IMAGE`
    ");
}

#[test]
fn a_policy_of_a_directory_is_explained() {
    let folder = checkout();
    let shown = imagebot(folder.path(), "explain flux-system/web --dir ~ --tags -", TAGS).product();
    assert!(shown.starts_with("selected: 1.2.0\n"), "{shown}");
    insta::assert_snapshot!(imagebot(folder.path(), "explain flux-system/none --dir ~", "").messages, @"imagebot: error: there is no ImagePolicy `flux-system/none`");
}

#[test]
fn completions_and_manual_pages_are_rendered() {
    let folder = checkout();
    for shell in ["bash", "zsh", "fish"] {
        let line = format!("completions {shell}");
        assert!(imagebot(folder.path(), &line, "").product().contains("dry-run"));
    }
    assert!(imagebot(folder.path(), "man", "").product().contains("imagebot"));
    let page = imagebot(folder.path(), "man update", "").product();
    assert!(page.contains("imagebot\\-update") && page.contains("dry\\-run"), "{page}");
    insta::assert_snapshot!(imagebot(folder.path(), "man fly", "").messages, @"imagebot: error: there is no command `fly`");
}

#[test]
fn plugins_complete_as_cobra_does() {
    #[rustfmt::skip]
    let cases = [
        (&["up"][..],                       "update\t", ":4\n"),
        (&["update", "--dry"],              "--dry-run\t", ":4\n"),
        (&["update", "--output", "j"],      "json\t", ":4\n"),
        (&["policy", ""],                   "test\t", ":4\n"),
        (&["update", ""],                   "", ":0\n"),
        (&["update", "--manifests", ""],    "", ":0\n"),
    ];
    for (words, start, end) in cases {
        let words: Vec<_> = words.iter().map(|&word| word.to_owned()).collect();
        let mut output = Vec::new();
        assert!(complete(&words, &mut output));
        let output = String::from_utf8(output).unwrap();
        assert!(output.starts_with(start) && output.ends_with(end), "{words:?}: {output}");
    }
}

#[test]
fn a_plugin_says_how_it_was_called() {
    for (program, name, plugin) in [
        ("/usr/bin/imagebot", "imagebot", false),
        ("/opt/kubectl-imagebot", "kubectl imagebot", true),
        ("flux-imagebot", "flux imagebot", true),
    ] {
        let (mut command, called) = Typed::called(Some(&program.into()));
        let usage = command.render_usage().to_string();
        assert!(usage.contains(&format!(" {name} ")) && called == plugin, "{usage}");
    }
}
