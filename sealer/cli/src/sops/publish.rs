//! `sops publish`: refused by name, once it is clear that it was meant.

use super::{
    Done,
    context::Context,
    failure::{Code, Failure},
};

pub(super) fn run(context: &mut Context<'_, '_>) -> Done {
    if context.rules()?.is_none() {
        return Err(Failure::generic("config file not found"));
    }
    if context.arguments.is_empty() {
        return Err(Failure::new(Code::NoFile, "Error: no file specified"));
    }
    Err(Failure::generic(
        "publish is not supported: upload the encrypted file with the tool of its destination, or write decrypted values with `bao kv put` or `vault kv put`",
    ))
}
