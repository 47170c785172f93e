//! The help of every command, and what is generated from it.

use super::*;

#[test]
fn the_help_says_what_the_commands_do() {
    let mut command = Args::command();
    command.build();
    let mut all = command.render_long_help().to_string();
    for name in [
        "seal",
        "unseal",
        "inspect",
        "reseal",
        "set",
        "unset",
        "cert",
        "keys",
        "encrypt",
        "decrypt",
        "explain",
        "git",
        "completions",
        "man",
    ] {
        let help = command.find_subcommand_mut(name).unwrap().render_long_help();
        all = format!("{all}\n==== {name} ====\n{help}");
    }
    let keys = command.find_subcommand_mut("keys").unwrap();
    for name in ["list", "export", "backup", "import", "rotate"] {
        let help = keys.find_subcommand_mut(name).unwrap().render_long_help();
        all = format!("{all}\n==== keys {name} ====\n{help}");
    }
    insta::assert_snapshot!(all);
}

#[test]
fn the_command_line_is_consistent() {
    Args::command().debug_assert();
}

#[test]
fn completions_and_manual_pages_are_rendered() {
    for shell in ["bash", "zsh", "fish"] {
        assert!(sealctl(&format!("completions {shell}"), "").product().contains("sealctl"));
    }
    assert!(sealctl("man", "").product().contains("sealctl"));
    let page = sealctl("man encrypt", "").product();
    assert!(page.contains("sealctl\\-encrypt") && page.contains("encrypted\\-regex"), "{page}");
    insta::assert_snapshot!(sealctl("man fly", "").failure(), @"sealctl: error: there is no command `fly`");
}

#[test]
fn sops_flags_are_taken_for_commands() {
    for (line, wanted) in [("sealctl -d f.yaml", "Decrypt("), ("sealctl -e -i f.yaml", "Encrypt(")]
    {
        let args = Args::try_parse_from(line.split(' ')).unwrap();
        assert!(format!("{:?}", args.command).starts_with(wanted), "{line}");
    }
}

#[test]
fn secrets_in_the_environment_are_not_shown() {
    let line = ["sealctl", "decrypt", "--age-key", "AGE-SECRET-KEY-1XYZ", "f.yaml"];
    let args = Args::try_parse_from(line).unwrap();
    assert!(!format!("{args:?}").contains("XYZ"));
}
