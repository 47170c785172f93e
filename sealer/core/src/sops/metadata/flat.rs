//! Blocks of formats without nesting: `age__list_0__map_recipient=…`.

use std::collections::BTreeMap;

use super::{Error, Field};

const INTO_MAP: &str = "__map_";
const INTO_LIST: &str = "__list_";
/// More entries than any list of keys has.
const LONGEST: usize = 10_000;

/// The names and texts of a map, nested names joined.
pub(in crate::sops) fn flatten(field: &Field) -> Vec<(String, String)> {
    let mut flat = Vec::new();
    if let Field::Map(fields) = field {
        for (key, field) in fields {
            descend(key.clone(), field, &mut flat);
        }
    }
    flat
}

fn descend(name: String, field: &Field, flat: &mut Vec<(String, String)>) {
    match field {
        Field::Null => flat.push((name, String::new())),
        Field::Text(text) | Field::Bare(text) => flat.push((name, text.clone())),
        Field::List(items) => {
            for (index, item) in items.iter().enumerate() {
                descend(format!("{name}{INTO_LIST}{index}"), item, flat);
            }
        }
        Field::Map(fields) => {
            for (key, field) in fields {
                descend(format!("{name}{INTO_MAP}{key}"), field, flat);
            }
        }
    }
}

/// The map that flattened names stand for.
pub(in crate::sops) fn unflatten<'t>(
    flat: impl IntoIterator<Item = (&'t str, &'t str)>,
) -> Result<Field, Error> {
    let mut root = Place::default();
    for (name, text) in flat {
        let misfit = || Error::Flat(name.to_owned());
        let mut place = &mut root;
        for step in steps(name) {
            place = match (step, place) {
                (Step::Key(key), Place::Map(map)) => map.entry(key).or_default(),
                (Step::Index(index), Place::List(list)) => list.entry(index).or_default(),
                (step, place @ Place::Nothing) => place.become_for(step),
                _ => return Err(misfit()),
            };
        }
        if !matches!(place, Place::Nothing) {
            return Err(misfit());
        }
        *place = Place::Text(text);
    }
    root.field("")
}

enum Step<'t> {
    Key(&'t str),
    Index(usize),
}

#[derive(Default)]
enum Place<'t> {
    #[default]
    Nothing,
    Text(&'t str),
    Map(BTreeMap<&'t str, Self>),
    List(BTreeMap<usize, Self>),
}

impl<'t> Place<'t> {
    fn become_for(&mut self, step: Step<'t>) -> &mut Self {
        *self = match step {
            Step::Key(_) => Self::Map(BTreeMap::new()),
            Step::Index(_) => Self::List(BTreeMap::new()),
        };
        match (step, self) {
            (Step::Key(key), Self::Map(map)) => map.entry(key).or_default(),
            (Step::Index(index), Self::List(list)) => list.entry(index).or_default(),
            _ => unreachable!("the place was made for the step"),
        }
    }

    fn field(&self, name: &str) -> Result<Field, Error> {
        match self {
            Self::Nothing => Ok(Field::Map(Vec::new())),
            Self::Text(text) => Ok(Field::Text((*text).to_owned())),
            Self::Map(map) => {
                let fields =
                    map.iter().map(|(key, place)| Ok(((*key).to_owned(), place.field(key)?)));
                fields.collect::<Result<_, _>>().map(Field::Map)
            }
            Self::List(list) => {
                let complete = list.keys().enumerate().all(|(at, index)| at == *index);
                if !complete || list.len() > LONGEST {
                    return Err(Error::Flat(name.to_owned()));
                }
                list.values()
                    .map(|place| place.field(name))
                    .collect::<Result<_, _>>()
                    .map(Field::List)
            }
        }
    }
}

/// Splits a name where sops does.
fn steps(name: &str) -> Vec<Step<'_>> {
    let mut steps = Vec::new();
    let mut rest = name;
    let mut in_list = false;
    loop {
        let next = [(INTO_MAP, false), (INTO_LIST, true)]
            .into_iter()
            .filter_map(|(mark, list)| Some((rest.find(mark)?, mark, list)))
            .min_by_key(|(at, ..)| *at);
        let piece = next.map_or(rest, |(at, ..)| &rest[..at]);
        steps.push(match in_list.then(|| piece.parse()) {
            Some(index) => Step::Index(index.unwrap_or(0)),
            None => Step::Key(piece),
        });
        let Some((at, mark, list)) = next else { return steps };
        rest = &rest[at + mark.len()..];
        in_list = list;
    }
}
