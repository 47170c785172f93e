//! What imagebot promises on the command line: the process, its exit codes, its bytes.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use libtest_mimic::Trial;
use serde_json::Value;
use tests::registry::{PASSWORD, USER};
use tests::trial::trial;
use tests::{Bed, Need, Outcome, registry};

use crate::image_stage::{App, Stage, image_with};

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    #[rustfmt::skip]
    let trials = vec![
        trial(bed, "image_cli::a_dry_run_is_what_git_applies", &[], a_dry_run_is_what_git_applies),
        trial(bed, "image_cli::exit_codes_are_as_documented", &[], exit_codes_are_as_documented),
        trial(bed, "image_cli::the_documented_sessions_run", &[], the_documented_sessions_run),
        trial(bed, "image_cli::the_documented_languages_are_set", &[], the_documented_languages_are_set),
        trial(bed, "image_cli::twenty_thousand_files_take_a_moment", &[], twenty_thousand_files_take_a_moment),
        trial(bed, "image_cli::a_registry_says_what_is_selected", &[Need::OwnRegistry], a_registry_says_what_is_selected),
        trial(bed, "image_cli::logins_are_those_of_docker_and_its_helpers", &[Need::OwnRegistry], logins_are_those_of_docker),
        trial(bed, "image_cli::a_cluster_says_what_a_policy_selects_and_why", CLUSTER, a_cluster_says_what_a_policy_selects),
        trial(bed, "image_cli::kubectl_and_flux_find_a_plugin", &[], kubectl_and_flux_find_a_plugin),
    ];
    trials
}

const CLUSTER: &[Need] = &[Need::Kubernetes, Need::Helm, Need::Registry];

const MARKDOWN: &str = include_str!("../../../docs/reference/markers.md");
const CLI: &str = include_str!("../../../docs/reference/imagebot-cli.md");

/// Runs imagebot in `folder` with nothing of the environment.
fn imagebot(bed: &Bed, folder: &Path, words: &[&str]) -> Outcome<Output> {
    Ok(command(bed, folder)?.args(words).output()?)
}

fn command(bed: &Bed, folder: &Path) -> Outcome<Command> {
    let mut command = Command::new(bed.daemon("imagebot")?);
    command.current_dir(folder).env_clear().stdin(Stdio::null());
    Ok(command)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn put(folder: &Path, path: &str, content: &str) -> Outcome {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().unwrap_or(folder))?;
    Ok(fs::write(path, content)?)
}

/// A manifest whose marked image is the last line.
fn deployment(image: &str) -> String {
    format!(
        "kind: Deployment\nmetadata:\n  name: web\nspec:\n  template:\n    spec:\n      containers:\n        - name: web\n          image: {image} # {{\"$imagepolicy\": \"flux-system:web\"}}\n"
    )
}

const SET: &str = "flux-system:web=ghcr.io/acme/web:1.2.0";

async fn a_dry_run_is_what_git_applies(bed: Bed) -> Outcome {
    let (one, two) = (bed.folder("cli")?, bed.folder("cli")?);
    // Blank lines, CRLF, a byte order mark, no line break at the end, several changes in one file.
    let odd = "\u{feff}# top\r\n\r\n\r\na:   'ghcr.io/acme/web:1'\t#  {\"$imagepolicy\": \"flux-system:web\"}\r\nb: [1,   2]\r\n\r\nc: >-  # {\"$imagepolicy\": \"flux-system:web\"}\r\n    folded\r\n    text\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\nd: 1.0 # {\"$imagepolicy\": \"flux-system:web:tag\"}";
    for folder in [&one, &two] {
        put(folder, "apps/web.yaml", &deployment("ghcr.io/acme/web:1.0.0"))?;
        put(folder, "odd.yaml", odd)?;
        put(folder, "main.tf", "image = \"a:1\" # {\"$imagepolicy\": \"flux-system:web\"}\n")?;
    }
    let diff = imagebot(&bed, &one, &["update", "--set", SET, "--dry-run"])?;
    assert!(diff.status.success(), "{}", text(&diff.stderr));
    assert_eq!(fs::read(one.join("odd.yaml"))?, odd.as_bytes(), "a dry run writes nothing");
    fs::write(two.join("patch"), &diff.stdout)?;
    let applied = Command::new("git").args(["apply", "patch"]).current_dir(&two).output()?;
    assert!(applied.status.success(), "{}{}", text(&applied.stderr), text(&diff.stdout));
    assert!(imagebot(&bed, &one, &["update", "--set", SET])?.status.success());
    for path in ["apps/web.yaml", "odd.yaml", "main.tf"] {
        let (ours, gits) = (fs::read(one.join(path))?, fs::read(two.join(path))?);
        assert_eq!(text(&ours), text(&gits), "{path}");
    }
    Ok(())
}

async fn exit_codes_are_as_documented(bed: Bed) -> Outcome {
    let folder = bed.folder("cli")?;
    put(&folder, "a.yaml", &deployment("ghcr.io/acme/web:1.0.0"))?;
    put(&folder, "tags", "1.0.0\n")?;
    let set = ["update", "--set", SET];
    let code = |words: &[&str]| -> Outcome<Option<i32>> {
        Ok(imagebot(&bed, &folder, words)?.status.code())
    };
    assert_eq!(code(&[&set[..], &["--check"]].concat())?, Some(1));
    assert_eq!(code(&set)?, Some(0));
    assert_eq!(code(&[&set[..], &["--check"]].concat())?, Some(0));
    assert_eq!(code(&["update", "--set", "web=1"])?, Some(2));
    assert_eq!(code(&["update", "missing"])?, Some(2));
    assert_eq!(code(&["lint"])?, Some(0));
    assert_eq!(code(&["lint", "--policy", "flux-system:other"])?, Some(1));
    assert_eq!(code(&["mark"])?, Some(2));
    assert_eq!(code(&["mark", "--policy", "n:p=ghcr.io/acme/other", "--check"])?, Some(0));
    assert_eq!(code(&["policy", "test", "--semver", "1.x", "--tags", "tags"])?, Some(0));
    assert_eq!(code(&["policy", "test", "--semver", "2.x", "--tags", "tags"])?, Some(1));
    assert_eq!(code(&["policy", "test", "--semver", "x", "--tags", "missing"])?, Some(2));
    assert_eq!(code(&["scan", "127.0.0.1:1/web"])?, Some(2));
    assert_eq!(code(&["nonsense"])?, Some(2));
    // A file that cannot be read is told, and the others are updated.
    put(&folder, "a.yaml", &deployment("ghcr.io/acme/web:1.0.0"))?;
    put(&folder, "b.yaml", "a: [ # {\"$imagepolicy\": \"flux-system:web\"}\n")?;
    let partly = imagebot(&bed, &folder, &set)?;
    assert_eq!(partly.status.code(), Some(2));
    assert!(text(&partly.stderr).contains("file `b.yaml`"), "{}", text(&partly.stderr));
    assert_eq!(fs::read_to_string(folder.join("a.yaml"))?, deployment("ghcr.io/acme/web:1.2.0"));
    // Flags alone are the daemon's, which says what it lacks.
    assert_eq!(code(&[])?, Some(2));
    Ok(())
}

/// The text of the code block after `<!-- example: name -->`.
fn example<'t>(page: &'t str, name: &str) -> &'t str {
    let (_, after) =
        page.split_once(&format!("<!-- example: {name} -->\n")).expect("the page has it");
    after
}

/// The first code block of `text`, without its fences, and what follows it.
fn block(text: &str) -> Option<(&str, &str)> {
    let (_, after) = text.split_once("```")?;
    let (_, after) = after.split_once('\n')?;
    after.split_once("```")
}

async fn the_documented_sessions_run(bed: Bed) -> Outcome {
    let files: [(&str, &[(&str, String)]); 4] = [
        ("update", &[("apps/web.yaml", deployment("ghcr.io/acme/web:1.0.0"))]),
        ("lint", &[
            ("apps/old.yaml", "a: b # {\"$imagepolicy\": \"flux-system:gone\"}\n# {\"$imagepolicy\": \"flux-system:web\"}\nc: d\n".to_owned()),
            ("policies.yaml", "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\nmetadata: {name: web}\nspec: {imageRepositoryRef: {name: web}, policy: {semver: {range: 1.x}}}\n---\napiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageRepository\nmetadata: {name: web}\nspec: {image: ghcr.io/acme/web, interval: 1m}\n".to_owned()),
        ]),
        ("mark", &[("apps/values.yaml", "image:\n  repository: ghcr.io/acme/web\n  tag: 1.0.0\n".to_owned())]),
        ("policy", &[("tags.txt", "1.0.0\n1.2.0\n1.3.0-rc.1\n2.0.0\nlatest\n".to_owned())]),
    ];
    for (name, files) in files {
        let folder = bed.folder("cli")?;
        for (path, content) in files {
            put(&folder, path, content)?;
        }
        let (session, _) = block(example(CLI, name)).expect("an example is a block");
        for step in session.split("$ imagebot ").skip(1) {
            let (line, expected) = step.split_once('\n').expect("a command has a line");
            let words: Vec<_> = line.split(' ').collect();
            let done = imagebot(&bed, &folder, &words)?;
            let code = match done.status.code() {
                Some(0) => String::new(),
                code => format!("[exit {}]\n", code.unwrap_or(-1)),
            };
            assert_eq!(text(&done.stdout) + &code, expected, "{line}: {}", text(&done.stderr));
        }
    }
    Ok(())
}

async fn the_documented_languages_are_set(bed: Bed) -> Outcome {
    let folder = bed.folder("cli")?;
    let mut rest = example(MARKDOWN, "languages").split("\n## ").next().expect("the section ends");
    let mut files = Vec::new();
    while let Some((content, after)) = block(rest) {
        let (name, content) = content.split_once('\n').expect("the first line is the name");
        let name = name.trim_start_matches(['#', '/', ' ']);
        put(&folder, name, content)?;
        files.push((name.to_owned(), content.to_owned()));
        rest = after;
    }
    assert_eq!(files.len(), 4);
    let done = imagebot(&bed, &folder, &["update", "--set", SET])?;
    assert_eq!(text(&done.stderr), "");
    for (name, before) in files {
        let after = fs::read_to_string(folder.join(&name))?;
        assert_eq!(after, before.replace("web:1.0.0", "web:1.2.0"), "{name}");
    }
    // The example of an automation without markers is one that imagebot reads.
    let (automation, _) = block(example(MARKDOWN, "markerless")).expect("an example is a block");
    put(&folder, "automation.yaml", automation)?;
    put(
        &folder,
        "apps/a/kustomization.yaml",
        "images:\n- name: ghcr.io/acme/web\n  newTag: 1.0.0\n",
    )?;
    put(&folder, "apps/a/values.yaml", "image: {repository: x, tag: y}\n")?;
    put(
        &folder,
        "apps/a/oci.yaml",
        "kind: OCIRepository\nspec:\n  url: oci://ghcr.io/acme/charts/web\n  ref: {tag: 1.0.0}\n",
    )?;
    let chart = "flux-system:web-chart=ghcr.io/acme/charts/web:3.0.0";
    let done = imagebot(&bed, &folder, &["update", "--set", SET, "--set", chart])?;
    let read = |path: &str| fs::read_to_string(folder.join(path));
    assert!(read("apps/a/kustomization.yaml")?.contains("newTag: 1.2.0"), "{}", text(&done.stderr));
    assert_eq!(read("apps/a/values.yaml")?, "image: {repository: ghcr.io/acme/web, tag: 1.2.0}\n");
    assert!(read("apps/a/oci.yaml")?.contains("ref: {tag: 3.0.0}"));
    Ok(())
}

async fn twenty_thousand_files_take_a_moment(bed: Bed) -> Outcome {
    let folder = bed.folder("cli")?;
    let filler = "data:\n  key: value\n".repeat(40);
    for number in 0..20_000 {
        let path = format!("d{}/f{number}.yaml", number % 200);
        let marked = number % 100 == 0;
        put(
            &folder,
            &path,
            &if marked { deployment("ghcr.io/acme/web:1.0.0") } else { filler.clone() },
        )?;
    }
    let started = std::time::Instant::now();
    let done = imagebot(&bed, &folder, &["update", "--set", SET])?;
    let took = started.elapsed();
    assert_eq!(text(&done.stdout).lines().count(), 200, "{}", text(&done.stderr));
    // The build of the tests is not optimised, and other tests run beside this one.
    assert!(took.as_secs() < 10, "it took {took:?}");
    Ok(())
}

async fn a_registry_says_what_is_selected(bed: Bed) -> Outcome {
    let server = registry::Registry::start(&bed, registry::Options::default()).await?;
    let image = format!("{}/cli/web", server.host());
    for tag in ["1.0.0", "1.4.0", "2.0.0"] {
        server.push("cli/web", tag).await?;
    }
    let folder = bed.folder("cli")?;
    let manifests = format!(
        "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageRepository\nmetadata: {{name: web}}\nspec: {{image: {image}, interval: 1m}}\n---\napiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\nmetadata: {{name: web}}\nspec: {{imageRepositoryRef: {{name: web}}, policy: {{semver: {{range: 1.x}}}}, digestReflectionPolicy: IfNotPresent}}\n"
    );
    put(&folder, "policies.yaml", &manifests)?;
    put(&folder, "web.yaml", &deployment(&format!("{image}:1.0.0")))?;
    let done = imagebot(&bed, &folder, &["update"])?;
    assert!(done.status.success(), "{}", text(&done.stderr));
    let written = fs::read_to_string(folder.join("web.yaml"))?;
    assert!(written.contains(&format!("image: {image}:1.4.0@sha256:")), "{written}");
    let scanned = imagebot(&bed, &folder, &["scan", &image])?;
    assert_eq!(text(&scanned.stdout), "2.0.0\n1.4.0\n1.0.0\n");
    let wide = imagebot(&bed, &folder, &["scan", &image, "-o", "wide"])?;
    assert_eq!(text(&wide.stdout).matches("sha256:").count(), 3, "{}", text(&wide.stderr));
    let explained =
        imagebot(&bed, &folder, &["explain", "flux-system/web", "--dir", ".", "-o", "json"])?;
    let explained = imagebot_json(&explained);
    // Manifests that name no namespace are in the one that is asked for.
    assert_eq!(explained["selected"], "1.4.0");
    Ok(())
}

async fn logins_are_those_of_docker(bed: Bed) -> Outcome {
    let locked = registry::Options { auth: true, ..<_>::default() };
    let server = registry::Registry::start(&bed, locked).await?;
    server.push("cli/web", "1.0.0").await?;
    let (host, folder) = (server.host(), bed.folder("cli")?);
    let image = format!("{host}/cli/web");
    let login = |password: &str| serde_json::json!({ "Username": USER, "Secret": password });
    // It is asked for one server, and says what Docker's own programs say.
    let helper = format!(
        "#!/bin/sh\nread -r server\necho \"$1 $server\" >> asked\ncase \"$server\" in\n{host}) echo '{}' ;;\n*) echo 'credentials not found in native keychain'; exit 1 ;;\nesac\n",
        login(PASSWORD)
    );
    script(&folder, "docker-credential-good", &helper)?;
    script(&folder, "docker-credential-none", &helper.replace(&host, "elsewhere"))?;
    script(
        &folder,
        "docker-credential-locked",
        "#!/bin/sh\necho the keychain is locked\nexit 1\n",
    )?;
    let auth = STANDARD.encode(format!("{USER}:{PASSWORD}"));
    let written = serde_json::json!({ &host: { "auth": auth } });
    let for_host = |helper: &str| serde_json::json!({ "credHelpers": { &host: helper } });
    #[rustfmt::skip]
    let cases = [
        // configuration                                                          code     said
        (serde_json::json!({ "auths": written }),                                 Some(0), ""),
        (for_host("good"),                                                        Some(0), ""),
        (serde_json::json!({ "credsStore": "good", "auths": { &host: {} } }),     Some(0), ""),
        (serde_json::json!({ "credsStore": "missing", "credHelpers": { &host: "good" } }), Some(0), ""),
        (serde_json::json!({ "credsStore": "none", "auths": written }),           Some(0), ""),
        (for_host("none"),                                                        Some(2), "log in with `docker login`"),
        (for_host("locked"),                                                      Some(2), "gave no credentials for"),
        (for_host("missing"),                                                     Some(2), "could not run `docker-credential-missing`"),
        (for_host("../good"),                                                     Some(2), "is no name of a credential helper"),
    ];
    for (config, code, said) in cases {
        put(&folder, "config.json", &config.to_string())?;
        let mut command = command(&bed, &folder)?;
        command.env("DOCKER_CONFIG", &folder).env("PATH", path_with(&folder)?);
        let done = command.args(["scan", &image, "-o", "wide"]).output()?;
        let messages = text(&done.stderr);
        assert_eq!(done.status.code(), code, "{config}: {messages}");
        assert!(messages.contains(said) && !messages.contains(PASSWORD), "{config}: {messages}");
    }
    let asked = fs::read_to_string(folder.join("asked"))?;
    assert_eq!(asked, format!("get {host}\n").repeat(5), "each command asks once");
    Ok(())
}

fn script(folder: &Path, name: &str, text: &str) -> Outcome {
    put(folder, name, text)?;
    Ok(fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o755))?)
}

/// The search path with `folder` in front of it.
fn path_with(folder: &Path) -> Outcome<OsString> {
    let usual = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(folder.to_owned()).chain(std::env::split_paths(&usual));
    Ok(std::env::join_paths(folders)?)
}

fn imagebot_json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| Value::String(text(&output.stderr)))
}

async fn a_cluster_says_what_a_policy_selects(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed).await?;
    let (image, _) = image_with(&bed, &["1.0.0", "1.1.0"]).await?;
    let app = App::new(&image, "https://git.bed.example/none").yaml();
    // The image and its policy, without what commits.
    let (policies, _) = app.rsplit_once("---").unwrap_or((&app, ""));
    stage.apply(policies).await?;
    let daemon = stage.imagebot().await?;
    stage.picked("web", "1.1.0").await?;
    let policy = format!("{}/web", stage.namespace());
    let kubeconfig = stage.kubeconfig().display().to_string();
    let folder = bed.folder("cli")?;
    let explain =
        |policy: &str| imagebot(&bed, &folder, &["explain", policy, "--kubeconfig", &kubeconfig]);
    let told = explain(&policy)?;
    assert_eq!(told.status.code(), Some(0), "{}", text(&told.stderr));
    let told = text(&told.stdout);
    assert!(told.starts_with(&format!("selected: {image}:1.1.0\n")), "{told}");
    assert!(told.contains("Ready: True (Succeeded): Latest image tag for"), "{told}");
    let none = explain(&format!("{}/none", stage.namespace()))?;
    assert_eq!(none.status.code(), Some(2), "{}", text(&none.stderr));
    daemon.terminate().await?;
    Ok(())
}

async fn kubectl_and_flux_find_a_plugin(bed: Bed) -> Outcome {
    let folder = bed.folder("cli")?;
    for name in ["kubectl-imagebot", "flux-imagebot"] {
        let link = folder.join(name);
        std::os::unix::fs::symlink(bed.daemon("imagebot")?, &link)?;
        let run = |words: &[&str]| Command::new(&link).args(words).env_clear().output();
        let usage = text(&run(&["update", "--help"])?.stdout);
        assert!(usage.contains(&format!("Usage: {} update", name.replace('-', " "))), "{usage}");
        let bare = run(&[])?;
        assert_eq!(bare.status.code(), Some(2), "no daemon is started");
        assert_eq!(text(&run(&["__complete", "li"])?.stdout).split('\t').next(), Some("lint"));
    }
    Ok(())
}
