//! The promises of Signet, each tried on real servers.
//!
//! One program, so that its suites share one set of servers; they are gone when it ends. A suite is
//! a module here that exports `trials`, and has one line in [`suites`]. Its tests are named
//! `suite::claim`, and say what they need: where that cannot be had they are skipped by name, which
//! with `CI=true` is a failure.

use std::io::{self, Write as _};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};
use tests::Bed;
use tokio::signal::unix::{SignalKind, signal};

mod bed;
mod charts;
mod conformance;
mod demo;
mod git;
mod git_gate;
mod git_login;
mod git_tunnel;
mod how_to;
mod image;
mod image_choice;
mod image_cli;
mod image_cloud;
mod image_commits;
mod image_digests;
mod image_documented;
mod image_faults;
mod image_flux;
mod image_hooks;
mod image_leader;
mod image_liar;
mod image_login;
mod image_markerless;
mod image_outages;
mod image_policies;
mod image_proposals;
mod image_reactions;
mod image_registry;
mod image_relay;
mod image_rest;
mod image_ssh;
mod image_stage;
mod image_stock;
mod image_verify;
mod kubeseal_cluster;
mod kubeseal_persona;
mod leader;
mod readme;
mod reference;
mod seal;
mod seal_faults;
mod seal_howto;
mod seal_interop;
mod seal_keys;
mod seal_ownership;
mod seal_quiet;
mod seal_stage;
mod seal_upstream;
mod sops;
mod sops_formats;
mod sops_keys;
mod sops_keys_page;
mod sops_keyservice;
mod sops_kms;
mod sops_local;
mod sops_persona;
mod sops_services;
mod sops_sync;
mod sops_tools;
mod stock;
mod store;
mod store_faults;
mod store_tls;

/// Most tests wait most of the time, so there may be more of them than processors.
const AT_ONCE: usize = 8;

/// Every test of every suite.
fn suites(bed: &Bed) -> Vec<Trial> {
    let suites = [
        bed::trials,
        charts::trials,
        conformance::trials,
        demo::trials,
        git::trials,
        git_login::trials,
        how_to::trials,
        image::trials,
        image_choice::trials,
        image_cli::trials,
        image_cloud::trials,
        image_commits::trials,
        image_digests::trials,
        image_documented::trials,
        image_faults::trials,
        image_flux::trials,
        image_hooks::trials,
        image_leader::trials,
        image_login::trials,
        image_markerless::trials,
        image_outages::trials,
        image_policies::trials,
        image_proposals::trials,
        image_reactions::trials,
        image_registry::trials,
        image_rest::trials,
        image_stock::trials,
        image_verify::trials,
        image_ssh::trials,
        kubeseal_cluster::trials,
        kubeseal_persona::trials,
        leader::trials,
        readme::trials,
        reference::trials,
        seal::trials,
        seal_howto::trials,
        seal_faults::trials,
        seal_interop::trials,
        seal_keys::trials,
        seal_ownership::trials,
        seal_quiet::trials,
        seal_upstream::trials,
        sops::trials,
        sops_formats::trials,
        sops_keyservice::trials,
        sops_keys_page::trials,
        sops_kms::trials,
        sops_keys::trials,
        sops_local::trials,
        sops_persona::trials,
        sops_services::trials,
        sops_sync::trials,
        sops_tools::trials,
        stock::trials,
        store::trials,
        store_faults::trials,
        store_tls::trials,
    ];
    suites.into_iter().flat_map(|suite| suite(bed)).collect()
}

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(AT_ONCE);
    let bed = match Bed::open() {
        Ok(bed) => bed,
        Err(err) => {
            // There is nowhere left to report a broken stderr.
            let _ = writeln!(io::stderr(), "the test bed: {err}");
            return ExitCode::FAILURE;
        }
    };
    give_up_on_signals(&bed);
    let trials = suites(&bed);
    let conclusion = libtest_mimic::run(&arguments, trials);
    let skipped = bed.skipped();
    for test in &skipped {
        let _ = writeln!(io::stderr(), "skipped: {test}");
    }
    if !skipped.is_empty() {
        let _ = writeln!(io::stderr(), "{} tests skipped", skipped.len());
    }
    bed.close();
    conclusion.exit_code()
}

/// An interrupted run leaves neither a process nor a file behind.
fn give_up_on_signals(bed: &Bed) {
    for (kind, status) in [(SignalKind::interrupt(), 130), (SignalKind::terminate(), 143)] {
        let interrupted = bed.clone();
        bed.runtime().spawn(async move {
            let Ok(mut signals) = signal(kind) else { return };
            signals.recv().await;
            interrupted.close();
            #[expect(clippy::exit, reason = "the tests hold the main thread")]
            std::process::exit(status);
        });
    }
}
