//! From the tag that is in force to the one that would be: a step up, down, or off a rule.

use super::{Policy, explanation::Rule};

/// How a new tag relates to the one in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It is the same.
    Same,
    /// It goes before the one in force, by the policy's own order.
    Up,
    /// It goes behind the one in force.
    Down,
    /// The policy itself drops the one in force, which is its author's will.
    Released(Rule),
}

impl Policy {
    /// The step from `current` to `next`; `time` says when a tag was made, for orders that need it.
    ///
    /// A tag of unknown time could be anything, so leaving it counts as a step down.
    pub fn step(&self, current: &str, next: &str, time: impl Fn(&str) -> Option<i64>) -> Step {
        if current == next {
            return Step::Same;
        }
        let before = match self.judge(current, None, time(current)) {
            Ok(before) => before,
            Err(dropped) if dropped.rule == Rule::Untimed => return Step::Down,
            Err(dropped) => return Step::Released(dropped.rule),
        };
        match self.judge(next, None, time(next)) {
            Ok(after) if self.prefers(&after, &before) => Step::Up,
            _ => Step::Down,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Spec;

    #[test]
    fn a_step_is_judged_by_the_policys_own_order() {
        let versions = Spec { semver: Some("1.x"), ..Spec::default() };
        let smallest = Spec { numerical: Some("desc"), ..Spec::default() };
        let newest = Spec { newest: true, ..Spec::default() };
        #[rustfmt::skip]
        let cases = [
            (versions, "1.9.0",  "1.10.0", Step::Up),
            (versions, "1.10.0", "1.9.0",  Step::Down),
            (versions, "1.9.0",  "1.9.0",  Step::Same),
            (versions, "2.0.0",  "1.9.0",  Step::Released(Rule::OutOfRange)),
            (versions, "main",   "1.9.0",  Step::Released(Rule::NotAVersion)),
            (smallest, "9",      "10",     Step::Down),
            (smallest, "10",     "9",      Step::Up),
            (newest,   "t1",     "t2",     Step::Up),
            (newest,   "t2",     "t1",     Step::Down),
            (newest,   "gone",   "t2",     Step::Down),
        ];
        for (spec, current, next, expected) in cases {
            let policy = Policy::parse(&spec).unwrap();
            let time = |tag: &str| tag.strip_prefix('t')?.parse().ok();
            assert_eq!(policy.step(current, next, time), expected, "{current} to {next}");
        }
    }
}
