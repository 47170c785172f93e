//! The tags that take part, the best first, sorted as far as anyone asks.

use super::{Candidate, Counts, Dropped, NoMatch, Order, Policy, explanation::Rule, list::TagList};

/// How many candidates are sorted at first.
const CHUNK: usize = 16;

/// What a policy makes of a list.
#[derive(Debug)]
pub struct Ranking<'p, 't> {
    policy: &'p Policy,
    candidates: Vec<Candidate<'t>>,
    /// How many of the candidates, from the front, are the best in their order.
    sorted: usize,
    near: Vec<(Candidate<'t>, Rule)>,
    untimed: Vec<&'t str>,
}

impl Policy {
    /// Ranks `list`. `time` says when a tag was made, for orders that need it; tags without a time
    /// are [`Ranking::untimed`], and are an error only where nothing else takes part.
    pub fn ranking<'p, 't>(
        &'p self,
        list: &'t TagList,
        time: impl Fn(&str) -> Option<i64>,
    ) -> Result<Ranking<'p, 't>, NoMatch> {
        let versions = match self.order {
            Order::SemVer(_) if !self.filter.extracts() => Some(list.versions()),
            _ => None,
        };
        let mut counts = Counts::default();
        let mut ranking = Ranking {
            policy: self,
            candidates: Vec::new(),
            sorted: 0,
            near: Vec::new(),
            untimed: Vec::new(),
        };
        for (index, tag) in list.tags().iter().enumerate() {
            let parsed = versions.map(|versions| &versions[index]);
            let time = if self.needs_times() { time(tag) } else { None };
            let judged = self.judge(tag, parsed, time);
            if let Err(Dropped { rule, rank: Some(candidate) }) = judged {
                counts.dropped(rule);
                ranking.approach(candidate, rule);
                continue;
            }
            match counts.take(self, tag, judged)? {
                Ok(candidate) => ranking.candidates.push(candidate),
                Err(Rule::Untimed) => ranking.untimed.push(tag),
                Err(_) => {}
            }
        }
        if ranking.candidates.is_empty() && ranking.untimed.is_empty() {
            return Err(counts.no_match());
        }
        Ok(ranking)
    }
}

impl<'t> Ranking<'_, 't> {
    /// How many tags take part.
    pub fn len(&self) -> usize {
        self.candidates.len()
    }

    /// Whether no tag takes part.
    pub fn is_empty(&self) -> bool {
        self.candidates.is_empty()
    }

    /// The tag at a place, the winner's being 0.
    pub fn nth(&mut self, place: usize) -> Option<&'t str> {
        while place >= self.sorted && self.sorted < self.candidates.len() {
            let policy = self.policy;
            let order = |left: &Candidate<'_>, right: &Candidate<'_>| policy.order(right, left);
            let rest = &mut self.candidates[self.sorted..];
            let chunk = self.sorted.max(CHUNK).min(rest.len());
            if chunk < rest.len() {
                rest.select_nth_unstable_by(chunk, order);
            }
            rest[..chunk].sort_unstable_by(order);
            self.sorted += chunk;
        }
        self.candidates.get(place).map(|candidate| candidate.tag)
    }

    /// The tags that would take part if the registry had said when they were made.
    pub fn untimed(&self) -> &[&'t str] {
        &self.untimed
    }

    /// The best tags that a rule dropped and that would go before `tag`, one a rule, best first.
    pub fn near(&self, tag: &str) -> Vec<(&'t str, Rule)> {
        let chosen = self.candidates.iter().find(|candidate| candidate.tag == tag);
        let above = |it: &&(Candidate<'_>, Rule)| {
            chosen.is_none_or(|chosen| self.policy.prefers(&it.0, chosen))
        };
        let mut near: Vec<_> = self.near.iter().filter(above).collect();
        near.sort_by(|left, right| self.policy.order(&right.0, &left.0));
        near.into_iter().map(|(candidate, rule)| (candidate.tag, *rule)).collect()
    }

    /// The few tags that tell the story, best first, each with what became of it: the one that was
    /// `selected`, those before it that were `dropped` for another reason than a rule, the best of
    /// what each rule dropped, and where there is room those behind.
    pub fn shortlist(
        &mut self,
        selected: Option<&str>,
        dropped: &[(String, String)],
        most: usize,
    ) -> Vec<(String, String)> {
        let near = self.near(selected.unwrap_or_default());
        // The selected one, and then each side in turn has half of the room.
        let room = most.saturating_sub(usize::from(selected.is_some()));
        let from_near =
            near.len().min(room / 2).max(room.saturating_sub(dropped.len())).min(near.len());
        let mut rows: Vec<(String, String)> = Vec::new();
        rows.extend(
            near.iter().take(from_near).map(|(tag, rule)| ((*tag).to_owned(), rule.to_string())),
        );
        rows.extend(dropped.iter().take(room - from_near).cloned());
        if let Some(selected) = selected.filter(|tag| rows.iter().all(|(row, _)| row != tag)) {
            rows.push((selected.to_owned(), "selected".to_owned()));
        }
        let mut place = 0;
        let mut behind = selected.is_none();
        while let Some(tag) = self.nth(place).filter(|_| rows.len() < most) {
            place += 1;
            if behind && rows.iter().all(|(row, _)| row != tag) {
                rows.push((tag.to_owned(), "goes behind".to_owned()));
            }
            behind |= Some(tag) == selected;
        }
        let rank = |tag: &str| {
            let own = self.candidates.iter().find(|candidate| candidate.tag == tag);
            own.or_else(|| self.near.iter().map(|(it, _)| it).find(|it| it.tag == tag))
        };
        rows.sort_by(|(left, _), (right, _)| match (rank(left), rank(right)) {
            (Some(left), Some(right)) => self.policy.order(right, left),
            // What is in force and no longer listed has no place.
            (left, right) => right.is_some().cmp(&left.is_some()),
        });
        rows
    }

    /// Keeps the best tag that each rule dropped.
    fn approach(&mut self, candidate: Candidate<'t>, rule: Rule) {
        match self.near.iter_mut().find(|(_, known)| *known == rule) {
            Some((best, _)) if self.policy.prefers(&candidate, best) => *best = candidate,
            Some(_) => {}
            None => self.near.push((candidate, rule)),
        }
    }
}

#[cfg(test)]
mod tests;
