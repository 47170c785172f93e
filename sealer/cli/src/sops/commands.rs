//! Every command of sops: what it is for, its flags, and who does it.

use super::{
    Done, completion,
    context::Context,
    decrypt, edit, encrypt, exec_env, exec_file, filestatus,
    flags::{
        BACKGROUND, CHANGES, COMMENT_SELECTORS, CONTEXT, DECRYPTION_ORDER, EXTRACT, FILE,
        FILENAME_OVERRIDE, IDEMPOTENT, IGNORE_MAC, IN_PLACE, INPUT_TYPE, KEYS, MEMBERS, OUTPUT,
        SELECTORS, SERVICES, SHOW_MASTER_KEYS, THRESHOLD, TYPES, USER, VERBOSE, YES,
    },
    grammar::{Flag, Kind},
    groups, keyservice, publish, rotate, set, updatekeys,
};

/// A command, or a group of commands.
pub(super) struct Command {
    pub(super) name: &'static str,
    pub(super) usage: &'static str,
    /// What stands behind the flags in the usage line.
    pub(super) arguments: &'static str,
    /// In the order in which they are listed.
    pub(super) flags: &'static [&'static [Flag]],
    pub(super) does: Does,
}

/// What a command does.
pub(super) enum Does {
    Run(fn(&mut Context<'_, '_>) -> Done),
    Choose(&'static [Command]),
}

impl Command {
    /// All flags, in one list.
    pub(super) fn flags(&self) -> Vec<Flag> {
        self.flags.concat()
    }
}

/// The command of this name.
pub(super) fn find(commands: &'static [Command], name: &str) -> Option<&'static Command> {
    commands.iter().find(|command| command.name == name)
}

/// The flags of sops itself, in front of any command.
pub(super) const GLOBAL: &[&[Flag]] = &[
    &[
        Flag::switch(&["decrypt", "d"], "decrypt a file"),
        Flag::switch(&["encrypt", "e"], "encrypt a file"),
        Flag::switch(&["rotate", "r"], "encrypt all values of a file with a new data key"),
        Flag::switch(&["disable-version-check"], "taken and ignored: nobody is asked for versions")
            .or("SOPS_DISABLE_VERSION_CHECK"),
        Flag::switch(&["check-for-updates"], "taken and ignored: nobody is asked for versions"),
    ],
    KEYS,
    &[IN_PLACE, EXTRACT],
    TYPES,
    &[SHOW_MASTER_KEYS],
    CHANGES,
    &[IGNORE_MAC, Flag::switch(&["mac-only-encrypted"], "let values in clear text change freely")],
    SELECTORS,
    COMMENT_SELECTORS,
    &[
        Flag::text(&["config"], "the file with rules, instead of the nearest `.sops.yaml`")
            .or("SOPS_CONFIG"),
        CONTEXT,
        Flag::text(&["set"], "set a value. Example: --set '[\"somekey\"][0] {\"somevalue\":true}'"),
        THRESHOLD,
        Flag::new(&["indent"], Kind::Number, "how many blanks indent YAML and JSON"),
        VERBOSE,
        OUTPUT,
        FILENAME_OVERRIDE,
        DECRYPTION_ORDER,
    ],
    SERVICES,
];

/// Every command, in the order in which help lists them.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "completion",
        usage: "Print what completes sops' words in a shell",
        arguments: "[arguments...]",
        flags: &[],
        does: Does::Choose(&[
            Command {
                name: "bash",
                usage: "Completion for bash: `source <(sops completion bash)`",
                arguments: "[arguments...]",
                flags: &[],
                does: Does::Run(completion::bash),
            },
            Command {
                name: "zsh",
                usage: "Completion for zsh: `source <(sops completion zsh)`",
                arguments: "[arguments...]",
                flags: &[],
                does: Does::Run(completion::zsh),
            },
        ]),
    },
    Command {
        name: "exec-env",
        usage: "run a command with the values of a file in its environment",
        arguments: "[file to decrypt] [command to run]",
        flags: &[
            &[
                BACKGROUND,
                Flag::switch(&["pristine"], "give the command no other variables"),
                USER,
                Flag::switch(&["same-process"], "become the command"),
                DECRYPTION_ORDER,
            ],
            SERVICES,
        ],
        does: Does::Run(exec_env::run),
    },
    Command {
        name: "exec-file",
        usage: "run a command with the decrypted file as a temporary file",
        arguments: "[file to decrypt] [command to run]",
        flags: &[
            &[
                BACKGROUND,
                Flag::switch(&["no-fifo"], "make a regular file instead of a fifo"),
                USER,
            ],
            TYPES,
            &[
                Flag::text(&["filename"], "the temporary file's name (default: tmp-file)"),
                DECRYPTION_ORDER,
            ],
            SERVICES,
        ],
        does: Does::Run(exec_file::run),
    },
    Command {
        name: "publish",
        usage: "put a file, or all files of a directory, where the rules say",
        arguments: "file",
        flags: &[
            &[
                YES,
                Flag::switch(&["omit-extensions"], "leave the ending off the destination's name"),
                Flag::switch(&["recursive"], "publish all that is in the directory"),
                VERBOSE,
                DECRYPTION_ORDER,
            ],
            SERVICES,
        ],
        does: Does::Run(publish::run),
    },
    Command {
        name: "keyservice",
        usage: "serve the keys of this machine to other machines",
        arguments: "[arguments...]",
        flags: &[&[
            Flag::new(&["network", "net"], Kind::Text("tcp"), "tcp or unix"),
            Flag::new(
                &["address", "addr"],
                Kind::Text("127.0.0.1:5000"),
                "an address and port, or the path of a socket",
            ),
            Flag::switch(&["prompt"], "ask before every answer"),
            VERBOSE,
        ]],
        does: Does::Run(keyservice::run),
    },
    Command {
        name: "filestatus",
        usage: "say whether a file is encrypted",
        arguments: "file",
        flags: &[&[INPUT_TYPE]],
        does: Does::Run(filestatus::run),
    },
    Command {
        name: "groups",
        usage: "change the key groups of a file",
        arguments: "[arguments...]",
        flags: &[],
        does: Does::Choose(&[
            Command {
                name: "add",
                usage: "add a key group to a file",
                arguments: "[arguments...]",
                flags: &[&[FILE], MEMBERS, &[IN_PLACE, THRESHOLD, CONTEXT], SERVICES],
                does: Does::Run(groups::add),
            },
            Command {
                name: "delete",
                usage: "delete a key group from a file",
                arguments: "[index]",
                flags: &[&[FILE, IN_PLACE, THRESHOLD], SERVICES],
                does: Does::Run(groups::delete),
            },
        ]),
    },
    Command {
        name: "updatekeys",
        usage: "give files the keys that the rules say",
        arguments: "file",
        flags: &[&[YES, INPUT_TYPE], SERVICES],
        does: Does::Run(updatekeys::run),
    },
    Command {
        name: "decrypt",
        usage: "print a file in clear text; standard input if none is named",
        arguments: "[file]",
        flags: &[
            &[IN_PLACE, EXTRACT, OUTPUT],
            TYPES,
            &[IGNORE_MAC, FILENAME_OVERRIDE, DECRYPTION_ORDER],
            SERVICES,
        ],
        does: Does::Run(decrypt::run),
    },
    Command {
        name: "encrypt",
        usage: "print a file encrypted; standard input if none is named",
        arguments: "[file]",
        flags: &[
            &[IN_PLACE, OUTPUT],
            KEYS,
            TYPES,
            SELECTORS,
            &[CONTEXT, THRESHOLD, FILENAME_OVERRIDE],
            SERVICES,
        ],
        does: Does::Run(encrypt::run),
    },
    Command {
        name: "rotate",
        usage: "encrypt all values of a file with a new data key",
        arguments: "file",
        flags: &[
            &[IN_PLACE, OUTPUT],
            TYPES,
            &[CONTEXT],
            CHANGES,
            &[FILENAME_OVERRIDE, DECRYPTION_ORDER],
            SERVICES,
        ],
        does: Does::Run(rotate::run),
    },
    Command {
        name: "edit",
        usage: "open a file in an editor, and encrypt it again",
        arguments: "file",
        flags: &[
            KEYS,
            TYPES,
            SELECTORS,
            &[CONTEXT, THRESHOLD, SHOW_MASTER_KEYS, IGNORE_MAC, DECRYPTION_ORDER],
            SERVICES,
        ],
        does: Does::Run(edit::run),
    },
    Command {
        name: "set",
        usage: "set one value, given as JSON. Example: sops set file '[\"somekey\"][0]' '{\"somevalue\":true}'",
        arguments: "file index [ value ]",
        flags: &[
            TYPES,
            &[
                Flag::switch(&["value-file"], "read the value from the file that `value` names"),
                Flag::switch(&["value-stdin"], "read the value from standard input"),
                THRESHOLD,
                IGNORE_MAC,
                DECRYPTION_ORDER,
                IDEMPOTENT,
            ],
            SERVICES,
        ],
        does: Does::Run(set::set),
    },
    Command {
        name: "unset",
        usage: "remove one value",
        arguments: "file index",
        flags: &[TYPES, &[THRESHOLD, IGNORE_MAC, DECRYPTION_ORDER, IDEMPOTENT], SERVICES],
        does: Does::Run(set::unset),
    },
];
