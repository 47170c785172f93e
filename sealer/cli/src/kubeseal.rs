//! The binary called as `kubeseal`.

use std::process::ExitCode;

use crate::persona::Call;

/// Says that there is nothing here yet.
pub(crate) fn run(call: &mut Call<'_, '_>) -> ExitCode {
    let first = call.words.first().map(|word| word.to_string_lossy()).unwrap_or_default();
    let _ = writeln!(
        call.streams.messages,
        "kubeseal: `{first}` is not supported yet; use `sealctl seal` or `sealctl cert`"
    );
    ExitCode::from(2)
}
