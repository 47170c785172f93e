//! What the values of flags may be, and what is said of others, in Go's words.

/// What a flag holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Any text.
    Text,
    /// Texts, divided by commas as in CSV; repeated, they add up.
    List,
    /// One text; repeated, they add up.
    Each,
    /// On without a value.
    Switch,
    /// A scope's name, or nothing.
    Scope,
    /// A signed number.
    Level,
    /// A severity of klog: a name or a signed number.
    Severity,
    /// A number.
    Size,
    /// `file=level`, divided by commas.
    Modules,
    /// `file:line`.
    Trace,
}

impl Kind {
    /// What the flag means when it has no value.
    pub(super) fn without_value(self) -> Option<&'static str> {
        (self == Self::Switch).then_some("true")
    }

    /// What help calls a value.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Text | Self::Scope => "string",
            Self::List => "strings",
            Self::Each => "stringArray",
            Self::Switch => "",
            Self::Level => "Level",
            Self::Severity => "severity",
            Self::Size => "uint",
            Self::Modules => "moduleSpec",
            Self::Trace => "traceLocation",
        }
    }

    /// The values that `text` gives, or why it gives none.
    pub(super) fn read(self, text: &str) -> Result<Vec<String>, String> {
        let whole = || vec![text.to_owned()];
        match self {
            Self::Text | Self::Each => Ok(whole()),
            Self::List => comma_separated(text),
            Self::Switch => match text {
                "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(vec!["true".to_owned()]),
                "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(vec!["false".to_owned()]),
                _ => Err(format!("strconv.ParseBool: parsing {text:?}: invalid syntax")),
            },
            Self::Scope => match text {
                "" => Ok(vec!["strict".to_owned()]),
                "strict" | "namespace-wide" | "cluster-wide" => Ok(whole()),
                _ => Err("must be one of: strict, namespace-wide, cluster-wide".to_owned()),
            },
            Self::Level => number(text).map(|()| whole()),
            Self::Severity => match text.to_uppercase().as_str() {
                "INFO" | "WARNING" | "ERROR" | "FATAL" => Ok(whole()),
                _ => number(text).map(|()| whole()),
            },
            Self::Size => {
                text.parse::<u64>().map(|_| whole()).map_err(|_| "parse error".to_owned())
            }
            Self::Modules => {
                let is_one = |one: &str| {
                    one.split_once('=').is_some_and(|(_, level)| level.parse::<u32>().is_ok())
                };
                let good = text.split(',').filter(|one| !one.is_empty()).all(is_one);
                let why = "syntax error: expect comma-separated list of filename=N";
                good.then(whole).ok_or_else(|| why.to_owned())
            }
            Self::Trace => {
                let place = text.split_once(':').filter(|(file, _)| file.contains('.'));
                let good = place.is_some_and(|(_, line)| line.parse::<u32>().is_ok_and(|n| n > 0));
                let why = "syntax error: expect file.go:234";
                (good || text.is_empty()).then(whole).ok_or_else(|| why.to_owned())
            }
        }
    }
}

fn number(text: &str) -> Result<(), String> {
    let why = || format!("strconv.ParseInt: parsing {text:?}: invalid syntax");
    text.parse::<i32>().map(drop).map_err(|_| why())
}

/// One record of CSV: quotes hold commas, and two quotes in them are one.
fn comma_separated(text: &str) -> Result<Vec<String>, String> {
    let mut fields = Vec::new();
    if text.is_empty() {
        return Ok(fields);
    }
    let mut rest = Some(text);
    while let Some(text) = rest {
        let (field, more) = match text.strip_prefix('"') {
            Some(quoted) => quoted_field(quoted)?,
            None => plain_field(text)?,
        };
        fields.push(field);
        rest = more;
    }
    Ok(fields)
}

fn plain_field(text: &str) -> Result<(String, Option<&str>), String> {
    let (field, more) =
        text.split_once(',').map_or((text, None), |(field, more)| (field, Some(more)));
    if field.contains('"') {
        return Err("parse error: bare \" in non-quoted field".to_owned());
    }
    Ok((field.to_owned(), more))
}

fn quoted_field(text: &str) -> Result<(String, Option<&str>), String> {
    let open = || "parse error: extraneous or missing \" in quoted-field".to_owned();
    let (mut field, mut rest) = (String::new(), text);
    loop {
        let (part, after) = rest.split_once('"').ok_or_else(open)?;
        field.push_str(part);
        if let Some(more) = after.strip_prefix('"') {
            field.push('"');
            rest = more;
        } else if after.is_empty() {
            return Ok((field, None));
        } else {
            return Ok((field, Some(after.strip_prefix(',').ok_or_else(open)?)));
        }
    }
}
