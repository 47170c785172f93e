//! Data keys that Amazon and a transit engine wrap: what sops has wrapped we open, and the other way
//! round.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use jiff::Timestamp;
use kms::{Clouds, Credentials};
use libtest_mimic::Trial;
use sealer_core::sops::key::{KeyError, KeyService as _, MasterKey, Wrapped};
use serde_json::{Value, json};
use tests::moto::{Call, Moto, escaped};
use tests::openbao::OpenBao;
use tests::process;
use tests::trial::trial;
use tests::{Bed, Need, Outcome};
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    vec![
        trial(bed, "sops_kms::keys_of_amazon_go_both_ways", &[Need::Sops, Need::Moto], amazon),
        trial(
            bed,
            "sops_kms::keys_of_a_transit_engine_go_both_ways",
            &[Need::Sops, Need::OpenBao],
            transit,
        ),
    ]
}

const PLAIN: &str = "{\n\t\"password\": \"hunter2\"\n}\n";

/// A process as which sops and we do the same.
struct Somebody<'b> {
    bed: &'b Bed,
    environment: Vec<(String, String)>,
}

impl<'b> Somebody<'b> {
    fn new(bed: &'b Bed, environment: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self { bed, environment: environment.iter().map(owned).collect() }
    }

    fn sops(&self, args: &[&str]) -> Outcome<String> {
        let mut command = self.bed.command("sops");
        command.args(args).envs(self.environment.iter().map(|(name, value)| (name, value)));
        Ok(String::from_utf8(process::run(command, b"")?)?)
    }

    fn clouds(&self) -> Clouds {
        let find = |name: &str| self.environment.iter().find(|(known, _)| known == name);
        let read = |name: &str| find(name).map(|(_, value)| value.clone());
        let credentials = Credentials::from_environment(read, "here").expect("it is well-formed");
        #[expect(clippy::disallowed_methods, reason = "Moto holds signatures to its own clock")]
        let now = || Timestamp::now();
        Clouds::within(Handle::current(), credentials, now)
    }

    /// Has sops encrypt with `flags`, opens its data key and wraps it anew ourselves, and has sops
    /// decrypt that. `list` is where the file keeps the key.
    async fn both_ways(&self, flags: &[&str], list: &str, key: &MasterKey) -> Outcome<Wrapped> {
        let folder = self.bed.folder("sops-kms")?;
        let plain = folder.join("plain.json");
        fs::write(&plain, PLAIN)?;
        let encrypted = self.sops(&[&["encrypt"], flags, &[text(&plain)]].concat())?;
        let mut file: Value = serde_json::from_str(&encrypted)?;
        let enc = file["sops"][list][0]["enc"].as_str().ok_or("sops wrapped nothing")?;
        let theirs = Wrapped { key: key.clone(), enc: enc.to_owned(), created_at: None };
        let (clouds, wrapped) = (self.clouds(), theirs.clone());
        let ours = spawn_blocking(move || {
            let part = clouds.decrypt(&wrapped)?;
            assert_eq!(part.expose().len(), 32, "a data key has 32 bytes");
            clouds.encrypt(&wrapped.key, &part)
        });
        let ours = ours.await??;
        assert_ne!(ours, theirs.enc, "it is wrapped anew");
        file["sops"][list][0]["enc"] = json!(ours);
        let again = folder.join("again.json");
        fs::write(&again, file.to_string())?;
        assert_eq!(self.sops(&["decrypt", text(&again)])?, PLAIN);
        Ok(theirs)
    }

    async fn refusal(&self, wrapped: Wrapped) -> Outcome<KeyError> {
        let clouds = self.clouds();
        let opened = spawn_blocking(move || clouds.decrypt(&wrapped)).await?;
        opened.err().ok_or_else(|| "it was opened".into())
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("the bed's paths are text")
}

async fn amazon(bed: Bed) -> Outcome {
    let policy =
        |rule: Value| escaped(&json!({"Version": "2012-10-17", "Statement": [rule]}).to_string());
    let robot = json!({"AWS": "arn:aws:iam::123456789012:user/robot"});
    let trust = policy(json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": robot}));
    let rights = policy(json!({"Effect": "Allow", "Action": "kms:*", "Resource": "*"}));
    let role = |action: &str, more: String| {
        let body = format!("Version=2010-05-08&RoleName=opener&Action={action}&{more}");
        Call::Query("iam", body)
    };
    let calls = [
        Call::Json("kms", "TrentService.CreateKey", json!({})),
        role("CreateRole", format!("AssumeRolePolicyDocument={trust}")),
        role("PutRolePolicy", format!("PolicyName=may&PolicyDocument={rights}")),
    ];
    let may = ["kms:Encrypt", "kms:Decrypt", "sts:AssumeRole"];
    let moto = Moto::start(&bed, &may, &calls).await?;
    let made: Value = serde_json::from_str(&moto.answers()[0])?;
    let arn = made["KeyMetadata"]["Arn"].as_str().ok_or("no ARN")?;
    let assumed = format!("{arn}+arn:aws:iam::123456789012:role/opener");
    let user = Somebody::new(&bed, &moto.environment(moto.secret()));
    let context = BTreeMap::from([("app".to_owned(), "web".to_owned())]);
    let none = BTreeMap::new();
    #[rustfmt::skip]
    let cases: [(&[&str], MasterKey); 3] = [
        (&["--kms", arn],                                        MasterKey::aws_kms(arn, &none, None)),
        (&["--kms", arn, "--encryption-context", "app:web"],     MasterKey::aws_kms(arn, &context, None)),
        (&["--kms", &assumed],                                   MasterKey::aws_kms(&assumed, &none, None)),
    ];
    let mut bound = None;
    for (flags, key) in cases {
        let wrapped = user.both_ways(flags, "kms", &key).await?;
        bound = bound.or_else(|| (key != MasterKey::aws_kms(arn, &none, None)).then_some(wrapped));
    }
    // Without the context to which it is bound, nobody opens it.
    let mut unbound = bound.ok_or("no key has a context")?;
    unbound.key = MasterKey::aws_kms(arn, &none, None);
    let refused = user.refusal(unbound.clone()).await?.to_string();
    assert!(refused.contains("AWS KMS at") && refused.contains("InvalidCiphertext"), "{refused}");
    let thief = Somebody::new(&bed, &moto.environment("of-nobody-at-all"));
    let refused = thief.refusal(unbound).await?.to_string();
    assert!(refused.contains("answered 4") && !refused.contains("of-nobody"), "{refused}");
    Ok(())
}

async fn transit(bed: Bed) -> Outcome {
    let bao = bed.openbao().await?;
    let (engine, name) = (bed.unique("transit"), "sops");
    bao.api("POST", &format!("sys/mounts/{engine}"), Some(&json!({"type": "transit"}))).await?;
    bao.api("POST", &format!("{engine}/keys/{name}"), Some(&json!({}))).await?;
    let uri = format!("{}/v1/{engine}/keys/{name}", bao.url());
    let (key, flags) = (MasterKey::vault(&uri)?, ["--hc-vault-transit", uri.as_str()]);
    let user = Somebody::new(&bed, &[("VAULT_TOKEN", OpenBao::TOKEN)]);
    let wrapped = user.both_ways(&flags, "hc_vault", &key).await?;
    assert!(wrapped.enc.starts_with("vault:v1:"), "{}", wrapped.enc);
    // What the first version wrapped opens after a rotation, and new keys are wrapped by the second.
    bao.api("POST", &format!("{engine}/keys/{name}/rotate"), Some(&json!({}))).await?;
    let newer = user.both_ways(&flags, "hc_vault", &key).await?;
    assert!(newer.enc.starts_with("vault:v2:"), "{}", newer.enc);
    let home = bed.folder("home")?;
    fs::write(home.join(".vault-token"), format!("{}\n", OpenBao::TOKEN))?;
    let at_home = Somebody::new(&bed, &[("HOME", text(&home))]);
    at_home.both_ways(&flags, "hc_vault", &key).await?;
    let thief = Somebody::new(&bed, &[("VAULT_TOKEN", "of-nobody-at-all")]);
    let refused = thief.refusal(wrapped.clone()).await?.to_string();
    assert!(refused.contains("permission denied; check that the credentials"), "{refused}");
    let nobody = Somebody::new(&bed, &[]);
    let refused = nobody.refusal(wrapped.clone()).await?;
    assert!(
        matches!(&refused, KeyError::Missing(text) if text.contains("VAULT_TOKEN")),
        "{refused}"
    );
    let gone = MasterKey::vault(&format!("{}/v1/nowhere/keys/{name}", bao.url()))?;
    let refused = user.refusal(Wrapped { key: gone, ..wrapped }).await?.to_string();
    assert!(refused.contains("answered 404"), "{refused}");
    Ok(())
}
