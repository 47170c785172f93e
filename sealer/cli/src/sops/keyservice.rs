//! `sops keyservice`: refused by name.

use super::{Done, context::Context, failure::Failure};

pub(super) fn run(_: &mut Context<'_, '_>) -> Done {
    Err(Failure::generic(
        "keyservice is not supported: sealctl serves no keys to other machines; run the program sops there",
    ))
}
