//! The examples of the page of keys, run as they are written.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use libtest_mimic::Trial;
use tests::trial::trial;
use tests::{Bed, Need, Outcome, port, process};

const PAGE: &str = include_str!("../../../docs/reference/sops-keys.md");

pub(crate) fn trials(bed: &Bed) -> Vec<Trial> {
    vec![
        trial(bed, "sops_keys_page::amazon_is_tried_on_moto", &[Need::Sops, Need::Moto], |bed| {
            tried(bed, "moto_server", "9950")
        }),
        trial(
            bed,
            "sops_keys_page::a_transit_engine_is_tried_on_openbao",
            &[Need::Sops, Need::OpenBao],
            |bed| tried(bed, "bao server", "8200"),
        ),
    ]
}

/// The example that starts this server.
fn example(server: &str) -> Outcome<&'static str> {
    let blocks = PAGE.split("```sh\n").skip(1).filter_map(|rest| Some(rest.split_once("```")?.0));
    let found: Vec<_> = blocks.filter(|block| block.contains(server)).collect();
    match found[..] {
        [block] => Ok(block),
        _ => Err(format!("{} examples of the page start `{server}`", found.len()).into()),
    }
}

#[expect(clippy::unused_async, reason = "a trial is")]
async fn tried(bed: Bed, server: &str, port_of_page: &str) -> Outcome {
    for (who, sops) in programs(&bed)? {
        let folder = bed.folder("keys-page")?;
        let programs = folder.join("bin");
        fs::create_dir(&programs)?;
        symlink(sops, programs.join("sops"))?;
        let free = port::consecutive(2).to_string();
        let example = example(server)?.replace(port_of_page, &free);
        let script = format!("trap 'kill $(jobs -p) 2>/dev/null' EXIT\n{example}");
        let mut command = process::command("bash", &folder);
        let path = [programs, bed.programs(), PathBuf::from("/usr/bin"), "/bin".into()];
        command.env("PATH", std::env::join_paths(path)?).current_dir(&folder);
        command.args(["-euo", "pipefail", "-c", &script]);
        let shown = String::from_utf8(process::run(command, b"")?)?;
        assert!(shown.ends_with("password: hunter2\n"), "{who}: {shown}");
        let encrypted = fs::read_to_string(folder.join("db.enc.yaml"))?;
        assert!(encrypted.contains("enc: ") && !encrypted.contains("hunter2"), "{encrypted}");
    }
    Ok(())
}

/// Whose `sops` it is: ours, which the page is about, and the one whose words it takes.
fn programs(bed: &Bed) -> Outcome<Vec<(&'static str, PathBuf)>> {
    Ok(vec![("ours", bed.daemon("sealctl")?), ("stock sops", bed.programs().join("sops"))])
}
