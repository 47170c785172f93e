//! `--validate` and `--re-encrypt`: what only the controller can do, for it has the keys.

use std::path::Path;

use serde_json::Value;
use yaml::Schema;

use super::{Error, Flags, Format, input, product, shape, target::Target};
use crate::{controller::Controller, emit, file, manifests, sealed_file, terminal::Streams};

/// Asks whether the controller opens every SealedSecret of the input.
pub(super) fn validate(flags: &Flags, streams: &mut Streams<'_>) -> Result<(), Error> {
    let controller = Target::of(flags)?.controller()?;
    let text = input(flags, streams)?;
    let objects =
        manifests::parse(&text, Schema::Kubernetes).map_err(|_| Error::Undecryptable(None))?;
    for object in objects {
        if !controller.verify(&object)? {
            let name = object["metadata"]["name"].as_str().unwrap_or_default();
            return Err(Error::Undecryptable(Some(name.to_owned())));
        }
    }
    Ok(())
}

/// Lets the controller seal every SealedSecret of the input for its newest key.
///
/// A file that is given alone is changed in place: of YAML the sealed values and no other byte.
pub(super) fn re_encrypt(flags: &Flags, streams: &mut Streams<'_>) -> Result<(), Error> {
    let controller = Target::of(flags)?.controller()?;
    let text = input(flags, streams)?;
    let in_place =
        flags.filled("secret-file").filter(|_| flags.filled("sealed-secret-file").is_none());
    if let (Some(path), None) = (in_place, manifests::concatenated(&text)) {
        let edited = edited(&text, path, &controller)?;
        let readers = file::Readers::AsBefore;
        return Ok(file::write(Some(Path::new(path)), edited.as_bytes(), readers, streams)?);
    }
    let format = match in_place {
        Some(_) => Format::Json,
        None => Format::of(flags)?,
    };
    let mut printed = String::new();
    for mut object in manifests::parse(&text, Schema::Kubernetes).map_err(Error::Yaml)? {
        for (key, value) in rotated(&object, &controller)? {
            object["spec"]["encryptedData"][key] = value;
        }
        if let Some(spec) = object["spec"].as_object_mut() {
            // The deprecated form comes back as one value a key.
            spec.remove("data");
        }
        emit::strip(&mut object);
        printed.push_str(&format.print(&mut object, &shape::SEALED_SECRET));
    }
    match in_place {
        Some(path) => {
            let readers = file::Readers::AsBefore;
            Ok(file::write(Some(Path::new(path)), printed.as_bytes(), readers, streams)?)
        }
        None => product(&printed, flags, streams),
    }
}

/// `text` with the values of every SealedSecret sealed anew.
fn edited(text: &str, path: &str, controller: &Controller) -> Result<String, Error> {
    sealed_file::rewrite(Path::new(path), text, |object| {
        if object["spec"]["data"].is_string() {
            return Err(Error::NotSealed { path: path.to_owned() });
        }
        let values = rotated(object, controller)?.into_iter();
        Ok(values.map(|(key, value)| (key, value.as_str().map(str::to_owned))).collect())
    })
}

/// The values of a SealedSecret, sealed anew by the controller.
fn rotated(object: &Value, controller: &Controller) -> Result<Vec<(String, Value)>, Error> {
    let answer = controller.rotate_values(object)?;
    let Some(old) = object["spec"]["encryptedData"].as_object().filter(|old| !old.is_empty())
    else {
        // The deprecated form comes back as one value a key.
        let all = answer.as_object().into_iter().flatten();
        return Ok(all.map(|(key, value)| (key.clone(), value.clone())).collect());
    };
    let of = |key: &String| answer.get(key).filter(|value| value.is_string());
    old.keys()
        .map(|key| match of(key) {
            Some(value) => Ok((key.clone(), value.clone())),
            None => Err(Error::Incomplete(key.clone())),
        })
        .collect()
}
