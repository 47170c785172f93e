//! `sops completion`, and the words that the shell then asks for.

use super::{
    Done,
    commands::{COMMANDS, Command, Does, GLOBAL, find},
    context::Context,
    failure::Failure,
    grammar::{Flag, HELP},
    help::VERSION,
};

/// The word behind a line that a shell wants completed.
pub(super) const ASKED: &str = "--generate-bash-completion";

const BASH: &str = r#"_sops_complete() {
  [[ "${COMP_WORDS[0]}" == "source" ]] && return 0
  local cur="${COMP_WORDS[COMP_CWORD]}" words
  COMPREPLY=()
  if [[ "$cur" == -* ]]; then
    words=$("${COMP_WORDS[@]:0:COMP_CWORD}" "$cur" --generate-bash-completion)
  else
    words=$("${COMP_WORDS[@]:0:COMP_CWORD}" --generate-bash-completion)
  fi
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o bashdefault -o default -o nospace -F _sops_complete sops
"#;

const ZSH: &str = r#"#compdef sops
_sops_complete() {
  local -a found
  local cur="${words[-1]}"
  if [[ "$cur" == -* ]]; then
    found=("${(@f)$(_CLI_ZSH_AUTOCOMPLETE_HACK=1 ${words[@]:0:#words[@]-1} $cur --generate-bash-completion)}")
  else
    found=("${(@f)$(_CLI_ZSH_AUTOCOMPLETE_HACK=1 ${words[@]:0:#words[@]-1} --generate-bash-completion)}")
  fi
  if [[ -n "${found[1]}" ]]; then _describe 'values' found; else _files; fi
}
compdef _sops_complete sops
"#;

pub(super) fn bash(context: &mut Context<'_, '_>) -> Done {
    context.print(BASH.as_bytes())
}

pub(super) fn zsh(context: &mut Context<'_, '_>) -> Done {
    context.print(ZSH.as_bytes())
}

/// The words that may follow `words`: flags behind a dash, else commands.
///
/// With `described`, as zsh wants it, each command has its usage behind a colon.
pub(super) fn suggestions(words: &[String], described: bool) -> String {
    let mut commands = COMMANDS;
    let mut flags: Vec<Flag> = GLOBAL.concat().into_iter().chain([HELP, VERSION]).collect();
    let mut chosen: Option<&Command> = None;
    for word in words {
        let Some(command) = find(commands, word) else { continue };
        commands = match command.does {
            Does::Choose(commands) => commands,
            Does::Run(_) => &[],
        };
        flags.extend(command.flags());
        chosen = Some(command);
    }
    if let Some(last) = words.last().filter(|last| last.starts_with('-')) {
        return matching(&flags, last, words);
    }
    let names = commands.iter().map(|command| (command.name, command.usage));
    let helps = [("help", HELP_USAGE), ("h", HELP_USAGE)];
    let helps = helps.into_iter().filter(|_| chosen.is_none());
    let line = |(name, usage): (&str, &str)| {
        if described { format!("{name}:{usage}\n") } else { format!("{name}\n") }
    };
    names.chain(helps).map(line).collect()
}

const HELP_USAGE: &str = "Shows a list of commands or help for one command";

fn matching(flags: &[Flag], last: &str, words: &[String]) -> String {
    let typed = last.trim_start_matches('-');
    let mut lines = String::new();
    for flag in flags {
        let dashed =
            flag.names.iter().map(|name| if name.len() == 1 { ("-", name) } else { ("--", name) });
        let dashed: Vec<_> = dashed.collect();
        let given = |(dash, name): &(&str, &&str)| {
            words.iter().any(|word| word.strip_prefix(dash) == Some(name))
        };
        if dashed.iter().any(given) {
            continue;
        }
        for (dash, name) in dashed {
            if last.starts_with("--") && dash == "-" {
                continue;
            }
            if name.starts_with(typed) && **name != *typed {
                lines.extend([dash, name, "\n"]);
            }
        }
    }
    lines
}

/// A word that names no help.
pub(super) fn no_topic(word: &str) -> Failure {
    Failure::new(super::failure::Code::CannotWrite, format!("No help topic for '{word}'"))
}
