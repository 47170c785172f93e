//! What people must know about the files of a directory.

use std::collections::BTreeSet;

use embedded::Report;
use tokio::sync::watch;
use tracing::{info, warn};

/// Logs every problem of the files once, and again after it was gone for a while.
pub(super) async fn tell_problems(mut reports: watch::Receiver<Report>) {
    let mut told = BTreeSet::new();
    loop {
        let report = reports.borrow_and_update().clone();
        info!(objects = report.objects, skipped = report.skipped.len(), "read the directory");
        let found: BTreeSet<_> = report
            .problems
            .iter()
            .map(|problem| (problem.file.clone(), problem.line, problem.message.clone()))
            .collect();
        for (file, line, message) in found.difference(&told) {
            warn!(file = %file.display(), line, problem = %message, "a file is not understood");
        }
        told = found;
        if reports.changed().await.is_err() {
            // The server is gone, and with it the process.
            return std::future::pending().await;
        }
    }
}
