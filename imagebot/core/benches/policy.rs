//! What it costs to pick one of ten thousand tags: `cargo bench -p imagebot-core`.
//!
//! Each row is the best of many runs over one list: the first policy that looks at it, which parses
//! every tag, and each further policy of the same image. The target is 5 ms for the first.
#![expect(clippy::print_stdout, reason = "the table is the product")]

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use imagebot_core::policy::{Policy, Spec, exclude::Exclude, list::TagList};

const TAGS: usize = 10_000;
const RUNS: usize = 50;

fn main() {
    let versions: Vec<_> =
        (0..TAGS).map(|n| format!("v{}.{}.{}-rc.{}", n % 7, n % 97, n, n % 3)).collect();
    let builds: Vec<_> =
        (0..TAGS).map(|n| format!("main-{n:07x}-{}", 1_700_000_000 + n * 7919 % 86_400)).collect();
    let pattern = "^main-[a-f0-9]+-(?P<ts>[0-9]+)$";
    let exclude = [Exclude::Tag("v1.1.1"), Exclude::Range(">=2.0.0-0 <2.1.0")];
    #[rustfmt::skip]
    let rows = [
        ("semver",               Spec { semver: Some(">=1.0.0-0"), ..Spec::default() }, &versions),
        ("semver with exclude",  Spec { semver: Some(">=1.0.0-0"), exclude: &exclude, ..Spec::default() }, &versions),
        ("numerical, extracted", Spec { numerical: Some("asc"), pattern, extract: "$ts", ..Spec::default() }, &builds),
        ("alphabetical",         Spec { alphabetical: Some("asc"), ..Spec::default() }, &builds),
    ];
    println!("| policy over {TAGS} tags | first | further |");
    println!("|---|---|---|");
    for (name, spec, tags) in rows {
        let policy = Policy::parse(&spec).expect("the rows are policies");
        let mut first = Duration::MAX;
        let mut further = Duration::MAX;
        for _ in 0..RUNS {
            let list = TagList::new(tags.clone());
            first = first.min(timed(|| pick(&policy, &list)));
            further = further.min(timed(|| pick(&policy, &list)));
        }
        println!("| {name} | {first:.2?} | {further:.2?} |");
    }
}

fn pick(policy: &Policy, list: &TagList) {
    let ranking = policy.ranking(list, |_| None);
    black_box(ranking.expect("a tag takes part").nth(0));
}

fn timed(work: impl FnOnce()) -> Duration {
    let begin = Instant::now();
    work();
    begin.elapsed()
}
