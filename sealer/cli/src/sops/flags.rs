//! The flags that commands share, grouped as they are listed.

use super::grammar::{Flag, Kind};

pub(super) const IN_PLACE: Flag =
    Flag::switch(&["in-place", "i"], "write the result back into the file");
pub(super) const OUTPUT: Flag =
    Flag::text(&["output"], "write the result into the file `FILE` instead of stdout");
pub(super) const EXTRACT: Flag =
    Flag::text(&["extract"], "print one value only. Example: --extract '[\"somekey\"][0]'");
pub(super) const IGNORE_MAC: Flag =
    Flag::switch(&["ignore-mac"], "decrypt even if the file was changed since it was encrypted");
pub(super) const FILENAME_OVERRIDE: Flag = Flag::text(
    &["filename-override"],
    "the name by which rules and types are found, instead of the file's own",
);
pub(super) const DECRYPTION_ORDER: Flag =
    Flag::text(&["decryption-order"], "the kinds of keys to try first, separated by commas")
        .or("SOPS_DECRYPTION_ORDER");
pub(super) const CONTEXT: Flag = Flag::text(
    &["encryption-context"],
    "the encryption context of KMS keys: key:value pairs, separated by commas",
);
pub(super) const THRESHOLD: Flag = Flag::new(
    &["shamir-secret-sharing-threshold"],
    Kind::Number,
    "how many key groups it takes to open the file",
);
pub(super) const SHOW_MASTER_KEYS: Flag =
    Flag::switch(&["show-master-keys", "s"], "show the metadata in the editor too");
pub(super) const IDEMPOTENT: Flag =
    Flag::switch(&["idempotent"], "leave a file alone that needs no change");
pub(super) const YES: Flag =
    Flag::switch(&["yes", "y"], "approve every change without being asked");
pub(super) const VERBOSE: Flag = Flag::switch(&["verbose"], "say more on stderr");
pub(super) const BACKGROUND: Flag =
    Flag::switch(&["background"], "do not wait for the command (DEPRECATED)");
pub(super) const USER: Flag = Flag::text(&["user"], "the user as whom the command runs");
pub(super) const FILE: Flag = Flag::text(&["file", "f"], "the file whose groups change");
pub(super) const AWS_PROFILE: Flag =
    Flag::text(&["aws-profile"], "the profile of the AWS configuration");
pub(super) const INPUT_TYPE: Flag = Flag::text(
    &["input-type"],
    "json, yaml, dotenv, ini or binary; without it the file's name says the type",
);
pub(super) const OUTPUT_TYPE: Flag = Flag::text(
    &["output-type"],
    "json, yaml, dotenv, ini or binary; without it the type is the input's",
);

/// For whom: one flag a kind of key, comma separated.
pub(super) const KEYS: &[Flag] = &[
    Flag::text(&["kms", "k"], "ARNs of AWS KMS keys, separated by commas").or("SOPS_KMS_ARN"),
    AWS_PROFILE,
    Flag::text(&["gcp-kms"], "resource IDs of GCP KMS keys, separated by commas")
        .or("SOPS_GCP_KMS_IDS"),
    Flag::text(&["hckms"], "IDs of HuaweiCloud KMS keys (region:key-uuid), separated by commas")
        .or("SOPS_HUAWEICLOUD_KMS_IDS"),
    Flag::text(&["azure-kv"], "URLs of Azure Key Vault keys, separated by commas")
        .or("SOPS_AZURE_KEYVAULT_URLS"),
    Flag::text(
        &["hc-vault-transit"],
        "URIs of Vault transit keys (such as 'https://vault.example.org:8200/v1/transit/keys/dev'), separated by commas",
    )
    .or("SOPS_VAULT_URIS"),
    Flag::text(&["pgp", "p"], "fingerprints of PGP keys, separated by commas").or("SOPS_PGP_FP"),
    Flag::text(&["age", "a"], "age recipients, separated by commas").or("SOPS_AGE_RECIPIENTS"),
];

/// Which types a file is read and written as.
pub(super) const TYPES: &[Flag] = &[INPUT_TYPE, OUTPUT_TYPE];

/// Which values are encrypted.
pub(super) const SELECTORS: &[Flag] = &[
    Flag::text(&["unencrypted-suffix"], "leave values below a key with this ending in clear text"),
    Flag::text(&["encrypted-suffix"], "encrypt only values below a key with this ending"),
    Flag::text(&["unencrypted-regex"], "leave values below a key that matches in clear text"),
    Flag::text(&["encrypted-regex"], "encrypt only values below a key that matches"),
];

/// What selects values by the comment before them.
pub(super) const COMMENT_SELECTORS: &[Flag] = &[
    Flag::text(
        &["unencrypted-comment-regex"],
        "leave values behind a comment that matches in clear text",
    ),
    Flag::text(&["encrypted-comment-regex"], "encrypt only values behind a comment that matches"),
];

/// Which keys a file gains and loses.
pub(super) const CHANGES: &[Flag] = &[
    Flag::text(&["add-gcp-kms"], "GCP KMS keys to add"),
    Flag::text(&["rm-gcp-kms"], "GCP KMS keys to remove"),
    Flag::text(&["add-hckms"], "HuaweiCloud KMS keys to add"),
    Flag::text(&["rm-hckms"], "HuaweiCloud KMS keys to remove"),
    Flag::text(&["add-azure-kv"], "Azure Key Vault keys to add"),
    Flag::text(&["rm-azure-kv"], "Azure Key Vault keys to remove"),
    Flag::text(&["add-kms"], "AWS KMS keys to add"),
    Flag::text(&["rm-kms"], "AWS KMS keys to remove"),
    Flag::text(&["add-hc-vault-transit"], "Vault transit keys to add"),
    Flag::text(&["rm-hc-vault-transit"], "Vault transit keys to remove"),
    Flag::text(&["add-age"], "age recipients to add"),
    Flag::text(&["rm-age"], "age recipients to remove"),
    Flag::text(&["add-pgp"], "PGP keys to add"),
    Flag::text(&["rm-pgp"], "PGP keys to remove"),
];

/// The members of a new group: one key a flag.
pub(super) const MEMBERS: &[Flag] = &[
    Flag::new(&["pgp"], Kind::List, "a PGP key of the new group"),
    Flag::new(&["kms"], Kind::List, "an AWS KMS key of the new group"),
    AWS_PROFILE,
    Flag::new(&["gcp-kms"], Kind::List, "a GCP KMS key of the new group"),
    Flag::new(&["hckms"], Kind::List, "a HuaweiCloud KMS key of the new group"),
    Flag::new(&["azure-kv"], Kind::List, "an Azure Key Vault key of the new group"),
    Flag::new(&["hc-vault-transit"], Kind::List, "a Vault transit key of the new group"),
    Flag::new(&["age"], Kind::List, "an age recipient of the new group"),
];

/// Who wraps and unwraps data keys.
pub(super) const SERVICES: &[Flag] = &[
    Flag::new(&["enable-local-keyservice"], Kind::On, "use the keys of this machine")
        .or("SOPS_ENABLE_LOCAL_KEYSERVICE"),
    Flag::new(
        &["keyservice"],
        Kind::List,
        "a key service to ask too, such as tcp://myserver.com:5000; may be given several times",
    )
    .or("SOPS_KEYSERVICE"),
];
