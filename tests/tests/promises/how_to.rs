//! The pages of `docs/how-to` about sealer work as they are written.

use std::fs;
use std::path::Path;

use libtest_mimic::Trial;
use serde_json::json;
use tests::git::GitHttp;
use tests::trial::trial;
use tests::{Bed, Need, Outcome, reference};

use crate::seal_stage::Stage;

const NEEDS: &[Need] = &[Need::Kubernetes, Need::Helm, Need::GitHttp, Need::Sops, Need::Age];

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    vec![
        trial(bed, "how_to::sops_files_beside_argo_cd", NEEDS, argo_cd),
        trial(bed, "how_to::moving_from_flux", NEEDS, flux),
        trial(bed, "how_to::moving_from_sops_secrets_operator", NEEDS, operator),
    ]
}

/// The YAML of a page whose kind is `kind`, out of its list of steps.
fn written(page: &str, kind: &str) -> Outcome<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("docs").join("how-to");
    let text = fs::read_to_string(folder.join(format!("{page}.md")))?;
    let lines: Vec<_> = text.lines().map(|line| line.strip_prefix("   ").unwrap_or(line)).collect();
    let found = reference::examples(&lines.join("\n"));
    let line = format!("\nkind: {kind}\n");
    found.into_iter().find(|text| text.contains(&line)).ok_or_else(|| format!("no {kind}").into())
}

/// The options of the page's `sops` command, but for whom and which files.
fn options(page: &str) -> Outcome<Vec<String>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("docs").join("how-to");
    let text = fs::read_to_string(folder.join(format!("{page}.md")))?;
    let command = text.lines().find_map(|line| line.trim().strip_prefix("sops encrypt --age"));
    let words = command.ok_or("no command")?.split_whitespace().skip(1).take(2);
    Ok(words.map(|word| word.trim_matches('\'').to_owned()).collect())
}

/// An age identity and its public half.
fn keys(bed: &Bed) -> Outcome<(String, String)> {
    let file = bed.folder("age")?.join("key.txt").display().to_string();
    bed.run("age-keygen", &["-o", &file], b"")?;
    let recipient = String::from_utf8(bed.run("age-keygen", &["-y", &file], b"")?)?;
    Ok((fs::read_to_string(file)?, recipient.trim().to_owned()))
}

fn encrypt(bed: &Bed, recipient: &str, options: &[String], plain: &str) -> Outcome<String> {
    let file = bed.folder("plain")?.join("plain.yaml").display().to_string();
    fs::write(&file, plain)?;
    let mut args = vec!["encrypt", "--age", recipient];
    args.extend(options.iter().map(String::as_str));
    args.push(&file);
    Ok(String::from_utf8(bed.run("sops", &args, b"")?)?)
}

/// The login of the bed's Git server, which nobody may read without.
pub(crate) async fn login(bed: &Bed, stage: &Stage) -> Outcome {
    let login = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login"},
        "stringData": {
            "username": GitHttp::USER, "password": GitHttp::PASSWORD,
            "ca.crt": fs::read_to_string(&bed.authority().certificate)?,
        },
    });
    stage.put(&login).await
}

fn secret(name: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}}}\nstringData: {{key: hunter2}}\n"
    )
}

async fn argo_cd(bed: Bed) -> Outcome {
    let stage = Stage::open(&bed, "argo").await?;
    let (identity, recipient) = keys(&bed)?;
    let encrypted = encrypt(&bed, &recipient, &options("argo-cd")?, &secret("db"))?;
    let files = [("apps/shop/db.enc.yaml", encrypted.as_str()), ("apps/shop/plain.yaml", "a: 1\n")];
    let repository = bed.repository("fleet", &files)?;
    let url = bed.git_http().await?.https_url(&repository);
    login(&bed, &stage).await?;
    let _daemon = stage.sealer(&[]).await?;
    stage
        .put(&json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "sops-age"},
            "stringData": {"identity.agekey": identity},
        }))
        .await?;
    let sync = written("argo-cd", "GitSecretSync")?;
    let with_login = format!("{url}\n    secretRef: {{name: login}}");
    stage.apply(&sync.replace("https://git.example.com/acme/fleet.git", &with_login)).await?;
    stage.holds("db", &[("key", "hunter2")]).await?;
    stage.told(("GitSecretSync", "shop"), ("Ready", "True"), &["Applied revision"]).await?;
    Ok(())
}

async fn flux(bed: Bed) -> Outcome {
    let kubernetes = bed.kubernetes().await?;
    for crd in [imagebot_api::git_repository_crd(), sealer_api::kustomization_crd()] {
        kubernetes.apply("", &serde_json::to_string(&crd)?).await?;
    }
    let stage = Stage::with(&bed, "flux", &["features.kustomizations=own-namespace"]).await?;
    let (identity, recipient) = keys(&bed)?;
    let options = ["--encrypted-regex".to_owned(), "^(data|stringData)$".to_owned()];
    let encrypted = encrypt(&bed, &recipient, &options, &secret("db"))?;
    let kustomization = "{resources: [db.yaml, web.yaml], namePrefix: shop-}\n";
    let web = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\n";
    let files = [
        ("apps/production/kustomization.yaml", kustomization),
        ("apps/production/db.yaml", encrypted.as_str()),
        ("apps/production/web.yaml", web),
    ];
    let repository = bed.repository("fleet", &files)?;
    let url = bed.git_http().await?.https_url(&repository);
    login(&bed, &stage).await?;
    stage
        .put(&json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "sops-age"},
            "stringData": {"age.agekey": identity},
        }))
        .await?;
    let source = format!(
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {{name: flux-system}}\n\
         spec: {{url: '{url}', interval: 10m, ref: {{branch: main}}, secretRef: {{name: login}}}}\n"
    );
    stage.apply(&source).await?;
    stage.apply(&written("from-flux-sops", "Kustomization")?).await?;
    let _daemon = stage.sealer(&["--kustomizations=own-namespace"]).await?;
    stage.holds("shop-db", &[("key", "hunter2")]).await?;
    assert!(!stage.has("Secret", "db").await?);
    let path = format!(
        "/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/{}/kustomizations/apps",
        stage.namespace()
    );
    tests::eventually(crate::seal_stage::SOON, "Ready", async || {
        let status = stage.read(&path).await?["status"].clone();
        let ready = status["conditions"].as_array().into_iter().flatten();
        let ready = ready.into_iter().any(|one| one["type"] == "Ready" && one["status"] == "True");
        if ready { Ok(()) } else { Err(status.to_string().into()) }
    })
    .await
}

async fn operator(bed: Bed) -> Outcome {
    let stage = Stage::with(&bed, "operator", &["sopsSecret=sops-keys"]).await?;
    let (identity, recipient) = keys(&bed)?;
    let plain = written("from-sops-secrets-operator", "SopsSecret")?;
    let options = options("from-sops-secrets-operator")?;
    let encrypted = encrypt(&bed, &recipient, &options, &plain)?;
    let key = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "sops-keys"},
        "stringData": {"operator.agekey": identity},
    });
    bed.kubernetes().await?.apply(stage.home(), &key.to_string()).await?;
    let daemon = stage.sealer(&["--sops-secret=sops-keys"]).await?;
    stage.apply(&encrypted).await?;
    let db = stage.holds("shop-db", &[("password", "hunter2")]).await?;
    assert_eq!(db["metadata"]["labels"]["app"], "shop");
    stage.holds("shop-token", &[("token", "hunter3")]).await?;
    let path = format!(
        "/apis/isindir.github.com/v1alpha3/namespaces/{}/sopssecrets/shop",
        stage.namespace()
    );
    tests::eventually(crate::seal_stage::SOON, "Healthy", async || {
        let status = stage.read(&path).await?["status"].clone();
        if status["message"] == "Healthy" { Ok(()) } else { Err(status.to_string().into()) }
    })
    .await?;
    assert!(!daemon.log().contains("hunter"));
    Ok(())
}
