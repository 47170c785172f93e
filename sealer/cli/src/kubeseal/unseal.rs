//! `--recovery-unseal`: a SealedSecret opened with keys from files.

use std::path::Path;

use sealer_core::{plaintext::wipe, sealed::manifest};
use yaml::Schema;

use super::{Error, Flags, Format, input, shape};
use crate::{file, manifests, recovery, terminal::Streams};

/// Prints the Secrets of which the input holds SealedSecrets.
pub(super) fn run(flags: &Flags, streams: &mut Streams<'_>) -> Result<(), Error> {
    let paths = flags.list("recovery-private-key").iter().map(Path::new);
    let keyring = recovery::keyring(paths, None, streams)?;
    let text = input(flags, streams)?;
    let objects = manifests::parse(&text, Schema::Kubernetes).map_err(Error::Yaml)?;
    if objects.is_empty() {
        return Err(Error::NoSealedSecret);
    }
    let format = Format::of(flags)?;
    let mut shown = zeroize::Zeroizing::new(String::new());
    for object in objects {
        let mut secret = manifest::unseal(&object, &keyring)?;
        shown.push_str(&format.print(&mut secret, &shape::SECRET));
        wipe(&mut secret);
    }
    let path = flags.filled("sealed-secret-file").map(Path::new);
    Ok(file::write(path, shown.as_bytes(), file::Readers::Owner, streams)?)
}
