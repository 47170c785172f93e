//! sealctl called as kubeseal, at a controller behind a real API server.

use libtest_mimic::Trial;
use serde_json::{Value, json};
use tests::trial::trial;
use tests::{Bed, Need, Outcome, eventually};

use crate::kubeseal_persona::{Pair, Who};
use crate::seal_interop::{expose, own_address};
use crate::seal_stage::{Key, SOON, Stage};

const NEEDS: &[Need] = &[Need::Kubernetes, Need::Helm, Need::Kubeseal];

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    vec![trial(bed, "kubeseal_cluster::the_controller_is_asked_as_kubeseal_asks", NEEDS, asked)]
}

async fn asked(bed: Bed) -> Outcome {
    const WHY: &str = "no address besides loopback, to which an API server passes nothing on";
    let Some(address) = own_address() else {
        bed.skip(format!("kubeseal_cluster::the_controller_is_asked_as_kubeseal_asks ({WHY})"));
        return if bed.strict() { Err(WHY.into()) } else { Ok(()) };
    };
    let stage = Stage::open(&bed, "persona").await?;
    let old = Key::number(0);
    stage.keep("old", old).await?;
    let daemon = stage.sealer(&[]).await?;
    let _pod = expose(&stage, &daemon, &address).await?;
    let kubernetes = bed.kubernetes().await?;
    kubernetes.service_account(stage.home(), "person").await?;
    let kubeconfig = kubernetes.token_for(stage.home(), "person").await?.display().to_string();
    let cluster = format!("--kubeconfig {kubeconfig} --controller-namespace {}", stage.home());
    let pair = Pair::new(&bed)?;

    let fetch = format!("{cluster} --fetch-cert");
    eventually(SOON, "the certificate", async || {
        let shown = pair.run(Who::Kubeseal, &fetch, "")?;
        if shown.code == 0 { Ok(()) } else { Err(shown.messages.into()) }
    })
    .await?;
    let ours = pair.run(Who::Sealctl, &fetch, "")?;
    assert_eq!((ours.code, ours.output.as_str()), (0, old.certificate.as_str()), "{ours:?}");

    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "stringData": {"k": "v"},
        "metadata": {"name": "n", "namespace": stage.namespace(), "labels": {"l": "kept"}},
    });
    let seal = format!("{cluster} -o yaml -w f.yaml");
    assert_eq!(pair.run(Who::Sealctl, &seal, &secret.to_string())?.code, 0);
    let sealed = pair
        .read("f.yaml")?
        .replace("  template:\n", "  template: # kept\n    data: {url: 'x{{ .k }}'}\n");
    pair.put("f.yaml", &sealed)?;

    // The same question gets the same answer, yes or no.
    let validate = format!("{cluster} --validate");
    let moved =
        sealed.replace(&format!("namespace: {}", stage.namespace()), "namespace: elsewhere");
    for (text, code, message) in
        [(&sealed, 0, ""), (&moved, 1, "error: unable to decrypt sealed secret: n\n")]
    {
        let theirs = pair.run(Who::Kubeseal, &validate, text)?;
        let ours = pair.run(Who::Sealctl, &validate, text)?;
        assert_eq!((ours.code, ours.messages.as_str()), (code, message));
        assert_eq!(theirs, ours);
    }
    let failed = pair.run(Who::Sealctl, &format!("{cluster} --re-encrypt"), &moved)?;
    assert_eq!(failed.code, 1);
    assert!(failed.messages.starts_with("error: cannot re-encrypt secret: "), "{failed:?}");

    re_encrypted(&stage, &pair, &cluster, &sealed).await?;
    let lost = format!(
        "--kubeconfig {kubeconfig} --controller-namespace {} --controller-name none --fetch-cert",
        stage.home()
    );
    let (theirs, ours) = (pair.run(Who::Kubeseal, &lost, "")?, pair.run(Who::Sealctl, &lost, "")?);
    assert_eq!(theirs, ours);
    Ok(())
}

/// A newer key comes, and values are sealed for it: in place and to standard output.
async fn re_encrypted(stage: &Stage, pair: &Pair, cluster: &str, sealed: &str) -> Outcome {
    let (new, fetch) = (Key::number(1), format!("{cluster} --fetch-cert"));
    // A newer key: in place, only the value changes.
    stage.keep("new", new).await?;
    eventually(SOON, "the newer certificate", async || {
        let shown = pair.run(Who::Sealctl, &fetch, "")?;
        if shown.output == new.certificate { Ok(()) } else { Err("the old one".into()) }
    })
    .await?;
    let again = pair.run(Who::Sealctl, &format!("{cluster} --re-encrypt -f f.yaml"), "")?;
    assert_eq!((again.code, again.output.as_str(), again.messages.as_str()), (0, "", ""));
    let after = pair.read("f.yaml")?;
    let lines = |text: &str| -> Vec<String> {
        text.lines().filter(|line| !line.contains("k: A")).map(str::to_owned).collect()
    };
    assert_eq!(lines(&after), lines(sealed));
    assert_ne!(after, sealed);
    pair.put("new.pem", new.private())?;
    let open = "--recovery-unseal --recovery-private-key new.pem";
    let opened = pair.run(Who::Sealctl, open, &after)?;
    let opened: Value = serde_json::from_str(&opened.output)?;
    assert_eq!(opened["data"], json!({"k": "dg==", "url": "eHY="}));

    // To standard output, as JSON, labels and template kept.
    let printed = pair.run(Who::Sealctl, &format!("{cluster} --rotate"), sealed)?;
    assert!(printed.messages.contains("--rotate has been deprecated"), "{printed:?}");
    let printed: Value = serde_json::from_str(&printed.output)?;
    assert_eq!(printed["spec"]["template"]["data"]["url"], "x{{ .k }}");
    assert_eq!(printed["spec"]["template"]["metadata"]["labels"]["l"], "kept");
    Ok(())
}
