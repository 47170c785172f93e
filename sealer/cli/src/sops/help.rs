//! What help prints.

use super::{
    commands::{COMMANDS, Command, Does, GLOBAL},
    grammar::{Flag, HELP, Kind},
};

/// The flag that asks for the version.
pub(super) const VERSION: Flag = Flag::switch(&["version", "v"], "print the version");

const ABOUT: &str = "\
sops is an editor of encrypted files: a file keeps its form, and its values are encrypted.

   The keys for whom a new file is encrypted are given by flags, by the variables behind them, or by
   the nearest `.sops.yaml`. Existing files are opened with the keys that they name.

   Flags of sops itself stand in front of the file or command; those of a command anywhere behind it.
   Without a command and one of -d, -e, -r and --set, the file is opened in an editor: $SOPS_EDITOR,
   $EDITOR, or else vim, nano or vi.

   This is Signet's `sealctl`, which takes the words of sops.";

/// The help of sops itself.
pub(super) fn program() -> String {
    let mut rows: Vec<_> = COMMANDS.iter().map(|one| (one.name.to_owned(), one.usage)).collect();
    rows.push(("help, h".to_owned(), "Shows a list of commands or help for one command"));
    let flags: Vec<Flag> = GLOBAL.concat().into_iter().chain([HELP, VERSION]).collect();
    format!(
        "NAME:\n   sops - encrypted file editor\n\nUSAGE:\n   {ABOUT}\n\nVERSION:\n   {}\n\nCOMMANDS:\n{}\nGLOBAL OPTIONS:\n{}",
        super::VERSION,
        table(
            &rows
                .iter()
                .map(|(name, usage)| (name.clone(), (*usage).to_owned()))
                .collect::<Vec<_>>()
        ),
        options(&flags),
    )
}

/// The help of one command; `path` is how it is called.
pub(super) fn command(command: &Command, path: &str) -> String {
    let (name, usage, arguments) = (path, command.usage, command.arguments);
    let flags = command.flags();
    match command.does {
        Does::Choose(commands) => {
            let rows: Vec<_> =
                commands.iter().map(|one| (one.name.to_owned(), one.usage.to_owned())).collect();
            format!(
                "NAME:\n   {name} - {usage}\n\nUSAGE:\n   {name} command [command options] {arguments}\n\nCOMMANDS:\n{}\nOPTIONS:\n{}   \n",
                table(&rows),
                options(&[HELP]),
            )
        }
        Does::Run(_) if flags.is_empty() => {
            format!("NAME:\n   {name} - {usage}\n\nUSAGE:\n   {name} {arguments}\n")
        }
        Does::Run(_) => format!(
            "NAME:\n   {name} - {usage}\n\nUSAGE:\n   {name} [command options] {arguments}\n\nOPTIONS:\n{}   \n",
            options(&flags),
        ),
    }
}

fn options(flags: &[Flag]) -> String {
    table(&flags.iter().map(|flag| (spelling(flag), description(flag))).collect::<Vec<_>>())
}

/// `--in-place, -i`, with ` value` behind each if there is one.
fn spelling(flag: &Flag) -> String {
    let value = if matches!(flag.kind, Kind::Switch | Kind::On) { "" } else { " value" };
    let name = |name: &&str| format!("{}{name}{value}", if name.len() == 1 { "-" } else { "--" });
    flag.names.iter().map(name).collect::<Vec<_>>().join(", ")
}

fn description(flag: &Flag) -> String {
    let default = match flag.kind {
        Kind::Text(default) if !default.is_empty() => format!(" (default: {default:?})"),
        Kind::Number => " (default: 0)".to_owned(),
        _ => String::new(),
    };
    let variable = flag.variable;
    let variable = if variable.is_empty() { String::new() } else { format!(" [${variable}]") };
    format!("{}{default}{variable}", flag.usage)
}

/// Two columns, the second aligned.
fn table(rows: &[(String, String)]) -> String {
    let width = rows.iter().map(|(left, _)| left.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (left, right) in rows {
        let line = format!("   {left:width$}  {right}\n");
        text.push_str(&line);
    }
    text
}
