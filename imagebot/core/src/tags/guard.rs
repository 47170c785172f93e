//! Whether a list of tags may take the place of the one before it.
//!
//! A registry that lost its storage, a proxy that cut an answer, a login that sees less: each gives
//! a list that is shorter than the truth, and a policy would move back to what is left of it.

/// The share of the known tags that may be gone at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(u8);

/// Why a text is no limit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a share from `0%` to `100%`")]
pub struct Invalid(String);

/// What is known of the list before.
#[derive(Clone, Copy, Debug)]
pub enum Known<'t> {
    /// Its tags, in descending order.
    Tags(&'t [String]),
    /// Only how many there were.
    Count(usize),
}

/// What a list would lose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// How many tags were known.
    pub known: usize,
    /// How many are listed.
    pub listed: usize,
    /// How many of the known ones are not listed.
    pub gone: usize,
    /// Some of those, the last in order first.
    pub examples: Vec<String>,
}

/// Fewer tags than this go without a word, unless they are all.
const FEW: usize = 10;
/// How many are named.
const EXAMPLES: usize = 3;

impl Default for Limit {
    fn default() -> Self {
        Self(50)
    }
}

impl Limit {
    /// Reads a percentage, such as `50%`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let digits =
            text.trim().strip_suffix('%').filter(|it| it.bytes().all(|b| b.is_ascii_digit()));
        let percent =
            digits.and_then(|digits| digits.parse().ok()).filter(|percent| *percent <= 100);
        percent.map(Self).ok_or_else(|| Invalid(text.to_owned()))
    }

    /// Whether anything may go.
    fn is_off(self) -> bool {
        self.0 == 100
    }

    fn is_exceeded(self, gone: usize, known: usize) -> bool {
        gone as u128 * 100 > known as u128 * u128::from(self.0)
    }
}

/// What would be lost if `listed`, in descending order, took the place of `known`; nothing, if it may.
pub fn judge(known: Known<'_>, listed: &[String], limit: Limit) -> Option<Loss> {
    let (count, gone, examples) = match known {
        Known::Tags(tags) => {
            let gone: Vec<_> = missing(tags, listed).collect();
            let examples = gone.iter().take(EXAMPLES).map(|tag| (*tag).clone()).collect();
            (tags.len(), gone.len(), examples)
        }
        Known::Count(count) => (count, count.saturating_sub(listed.len()), Vec::new()),
    };
    let all = gone > 0 && listed.is_empty();
    let many = gone >= FEW && limit.is_exceeded(gone, count);
    let lost = !limit.is_off() && (all || many);
    lost.then_some(Loss { known: count, listed: listed.len(), gone, examples })
}

/// The tags of one descending list that another has not.
fn missing<'t>(tags: &'t [String], listed: &'t [String]) -> impl Iterator<Item = &'t String> {
    let mut listed = listed.iter().peekable();
    tags.iter().filter(move |tag| {
        while listed.next_if(|other| other > tag).is_some() {}
        listed.peek() != Some(tag)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(range: std::ops::Range<usize>) -> Vec<String> {
        range.rev().map(|number| format!("v{number:04}")).collect()
    }

    #[test]
    fn a_list_that_lost_too_much_is_held_back() {
        let half = Limit::default();
        #[rustfmt::skip]
        let cases = [
            // known           listed              limit                            gone
            (tags(0..100),     tags(0..100),       half,                            None),
            (tags(0..100),     tags(50..200),      half,                            None),
            (tags(0..100),     tags(51..200),      half,                            Some(51)),
            (tags(0..100),     tags(0..40),        half,                            Some(60)),
            (tags(0..100),     tags(500..600),     half,                            Some(100)),
            (tags(0..100),     tags(0..40),        Limit::parse("60%").unwrap(),    None),
            (tags(0..100),     tags(0..89),        Limit::parse("10%").unwrap(),    Some(11)),
            (tags(0..100),     tags(0..90),        Limit::parse("0%").unwrap(),     Some(10)),
            (tags(0..100),     tags(0..91),        Limit::parse("0%").unwrap(),     None),
            (tags(0..9),       tags(0..1),         half,                            None),
            (tags(0..1),       tags(0..0),         half,                            Some(1)),
            (tags(0..100),     tags(0..0),         Limit::parse("99%").unwrap(),    Some(100)),
            (tags(0..100),     tags(0..0),         Limit::parse("100%").unwrap(),   None),
            (tags(0..0),       tags(0..0),         half,                            None),
        ];
        for (known, listed, limit, gone) in cases {
            let row = format!("{} known, {} listed, {limit:?}", known.len(), listed.len());
            let found = judge(Known::Tags(&known), &listed, limit);
            assert_eq!(found.as_ref().map(|loss| loss.gone), gone, "{row}");
            // The count alone sees no more than the tags do.
            let counted = judge(Known::Count(known.len()), &listed, limit);
            assert!(counted.is_none() || found.is_some(), "{row}");
        }
    }

    #[test]
    fn a_loss_names_the_last_tags_that_are_gone() {
        let loss = judge(Known::Tags(&tags(0..20)), &tags(0..5), Limit::default()).unwrap();
        assert_eq!(loss.examples, ["v0019", "v0018", "v0017"]);
        assert_eq!((loss.known, loss.listed, loss.gone), (20, 5, 15));
        assert!(
            judge(Known::Count(20), &tags(0..5), Limit::default()).unwrap().examples.is_empty()
        );
    }

    #[test]
    fn a_limit_is_a_percentage() {
        for text in ["0%", "50%", " 100% "] {
            assert!(Limit::parse(text).is_ok(), "{text}");
        }
        for text in ["", "50", "101%", "-1%", "+5%", "1.5%", "%", "999%"] {
            assert!(Limit::parse(text).is_err(), "{text}");
        }
    }
}
