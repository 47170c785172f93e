//! How words become flags and arguments: as Go's `flag` and urfave/cli read them.
//!
//! `-name` and `--name` are one flag, a switch takes a value only behind `=`, and a command takes its
//! flags wherever they stand, while those of sops itself end at the first word that is none.

use golang::strconv::{parse_bool, parse_int};

use crate::persona::Environment;

/// A flag as a command declares it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flag {
    /// The long name, then the other one if there is any.
    pub(super) names: &'static [&'static str],
    pub(super) kind: Kind,
    /// The variable that is read where the flag is not given; empty for none.
    pub(super) variable: &'static str,
    pub(super) usage: &'static str,
}

/// What a flag takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Switch,
    /// A switch that is on until it is turned off: `--name=false`.
    On,
    /// A text, and what it is by default.
    Text(&'static str),
    Number,
    /// A text that may be given several times.
    List,
}

/// The flags that were given to one command, or stand in the environment.
#[derive(Debug, Default)]
pub(super) struct Flags(Vec<Given>);

#[derive(Debug)]
struct Given {
    name: &'static str,
    value: String,
    /// Whether it was typed.
    typed: bool,
}

/// What a command was called with.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    pub(super) flags: Flags,
    pub(super) arguments: Vec<String>,
}

/// Words that are not understood.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Misuse(pub(super) String);

/// The flag of every command that asks for its help.
pub(super) const HELP: Flag = Flag::switch(&["help", "h"], "show help");

impl Flag {
    pub(super) const fn new(
        names: &'static [&'static str],
        kind: Kind,
        usage: &'static str,
    ) -> Self {
        Self { names, kind, variable: "", usage }
    }

    pub(super) const fn switch(names: &'static [&'static str], usage: &'static str) -> Self {
        Self::new(names, Kind::Switch, usage)
    }

    pub(super) const fn text(names: &'static [&'static str], usage: &'static str) -> Self {
        Self::new(names, Kind::Text(""), usage)
    }

    pub(super) const fn or(self, variable: &'static str) -> Self {
        Self { variable, ..self }
    }

    fn is_switch(&self) -> bool {
        matches!(self.kind, Kind::Switch | Kind::On)
    }

    /// Refuses a value that the kind does not take.
    fn check(&self, name: &str, value: &str) -> Result<(), Misuse> {
        let message = match self.kind {
            Kind::Switch | Kind::On if parse_bool(value).is_none() => {
                format!("invalid boolean value {value:?} for -{name}: parse error")
            }
            Kind::Number if parse_int(value, 0).is_none() => {
                format!("invalid value {value:?} for flag -{name}: parse error")
            }
            _ => return Ok(()),
        };
        Err(Misuse(message))
    }
}

impl Flags {
    /// The flags that the environment sets.
    fn of(known: &[Flag], environment: &Environment) -> Result<Self, Misuse> {
        let mut flags = Self::default();
        for flag in known.iter().filter(|flag| !flag.variable.is_empty()) {
            let Some(value) = environment.get(flag.variable) else { continue };
            let value = value.to_string_lossy();
            let values = match flag.kind {
                // A variable that is there but empty turns a switch off.
                Kind::Switch | Kind::On if value.is_empty() => vec!["false".to_owned()],
                Kind::List => value.split(',').map(|part| part.trim().to_owned()).collect(),
                _ => vec![value.into_owned()],
            };
            for value in values {
                flag.check(flag.names[0], &value)?;
                flags.0.push(Given { name: flag.names[0], value, typed: false });
            }
        }
        Ok(flags)
    }

    fn last(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|given| given.name == name).map(|given| given.value.as_str())
    }

    /// The text of a flag; empty if there is none, which to sops is the same.
    pub(super) fn text(&self, name: &str) -> &str {
        self.last(name).unwrap_or_default()
    }

    /// The text of a flag, if it is not empty.
    pub(super) fn some(&self, name: &str) -> Option<&str> {
        self.last(name).filter(|text| !text.is_empty())
    }

    /// Whether a switch is on.
    pub(super) fn switch(&self, name: &str) -> bool {
        self.last(name).and_then(parse_bool).unwrap_or(false)
    }

    /// Whether a switch that is on by default still is.
    pub(super) fn still_on(&self, name: &str) -> bool {
        self.last(name).and_then(parse_bool).unwrap_or(true)
    }

    /// The number of a flag; 0 if there is none, which to sops is the same.
    pub(super) fn number(&self, name: &str) -> i64 {
        self.last(name).and_then(|text| parse_int(text, 0)).unwrap_or(0)
    }

    /// The number of a flag that was typed.
    pub(super) fn typed_number(&self, name: &str) -> Option<i64> {
        self.0.iter().any(|given| given.typed && given.name == name).then(|| self.number(name))
    }

    /// Every text that a flag was given.
    pub(super) fn list(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |given| given.name == name).map(|given| given.value.as_str())
    }
}

/// Reads the words of sops itself: flags until the first word that is none.
pub(super) fn leading(
    known: &[Flag],
    words: &[String],
    environment: &Environment,
) -> Result<Parsed, Misuse> {
    let mut flags = Flags::of(known, environment)?;
    let mut spelled: Vec<(&str, String)> = Vec::new();
    let mut rest = words;
    while let [word, after @ ..] = rest {
        let Some(name) = word.strip_prefix('-').filter(|name| !name.is_empty()) else { break };
        rest = after;
        if name == "-" {
            break;
        }
        let name = name.strip_prefix('-').unwrap_or(name);
        let (name, value) = match name.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (name, None),
        };
        if name.is_empty() || name.starts_with('-') {
            return Err(Misuse(format!("bad flag syntax: {word}")));
        }
        let flag = known.iter().find(|flag| flag.names.contains(&name));
        let flag = match flag {
            Some(flag) => flag,
            None if HELP.names.contains(&name) => &HELP,
            None => {
                return Err(Misuse(format!("flag provided but not defined: -{name}")));
            }
        };
        let value = match (value, flag.is_switch(), rest) {
            (Some(value), ..) => value,
            (None, true, _) => "true".to_owned(),
            (None, false, [value, after @ ..]) => {
                rest = after;
                value.clone()
            }
            (None, false, []) => {
                return Err(Misuse(format!("flag needs an argument: -{name}")));
            }
        };
        flag.check(name, &value)?;
        spelled.push((flag.names[0], name.to_owned()));
        flags.0.push(Given { name: flag.names[0], value, typed: true });
    }
    one_form_each(&spelled)?;
    Ok(Parsed { flags, arguments: rest.to_vec() })
}

/// Reads the words of a command: its flags may stand behind its arguments.
pub(super) fn anywhere(
    known: &[Flag],
    words: &[String],
    environment: &Environment,
) -> Result<Parsed, Misuse> {
    leading(known, &reordered(known, words), environment)
}

/// The words with all flags of the command in front.
///
/// The word behind a flag that takes a value stays with it, as long as it is no flag itself.
fn reordered(known: &[Flag], words: &[String]) -> Vec<String> {
    let flag = |word: &str| {
        let name = word.strip_prefix("--").or_else(|| word.strip_prefix('-'))?;
        let name = name.split('=').next()?;
        known.iter().chain([&HELP]).find(|flag| flag.names.contains(&name))
    };
    let (mut flags, mut rest) = (Vec::new(), Vec::new());
    let mut value_next = false;
    for (index, word) in words.iter().enumerate() {
        if let Some(flag) = flag(word) {
            flags.push(word.clone());
            value_next = !flag.is_switch() && !word.contains('=');
        } else if value_next {
            flags.push(word.clone());
            value_next = false;
        } else if word == "--" {
            rest.insert(0, word.clone());
            rest.extend_from_slice(&words[index + 1..]);
            break;
        } else {
            rest.push(word.clone());
        }
    }
    flags.extend(rest);
    flags
}

/// Refuses `-i --in-place`.
fn one_form_each(spelled: &[(&str, String)]) -> Result<(), Misuse> {
    let both = |(flag, name): &&(&str, String)| {
        spelled.iter().any(|(known, form)| known == flag && form != name) && name != flag
    };
    match spelled.iter().find(both) {
        None => Ok(()),
        Some((flag, name)) => {
            Err(Misuse(format!("Cannot use two forms of the same flag: {name} {flag}")))
        }
    }
}

#[cfg(test)]
mod tests;
