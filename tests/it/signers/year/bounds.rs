//! Limits on the number of fetches, and on fetches under way.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::model::{Rule, Violation};

/// Five seconds of a clock that counts in whole seconds: from 1.9 to 6.0 it counts five.
const APART_MS: u64 = 4_000;
/// A step of the clock, a restart or another chain allows one more fetch in this many milliseconds: a callback that arrived before
/// it may wait for two fetches.
const ALLOWANCE_MS: u64 = 15_000;
/// The quota for invented names: a token a second, and a burst. One more, because seconds are whole.
const BURST: u64 = 16 + 1;
/// No fetch of a certificate lasts for longer, whatever the host does.
const LONGEST_MS: u64 = 6_000;
/// The same limit for a list or an issuer.
const LONGEST_OF_EVIDENCE_MS: u64 = 11_000;
/// After this time from its start, no callback waits for a fetch.
const PATIENCE_MS: u64 = 5_000;
/// How long starts of fetches are remembered.
const KEPT_MS: u64 = 30_000;

/// The fetches of all receivers of a year.
#[derive(Debug, Default)]
pub(crate) struct Bounds {
    /// The times of events that allow one more fetch.
    events: VecDeque<u64>,
    /// The recent fetches of each URL.
    fetches: BTreeMap<String, VecDeque<u64>>,
    names: Bucket,
    under_way: BTreeMap<String, usize>,
    names_under_way: usize,
    /// For the record: the most fetches under way.
    pub(crate) most_under_way: usize,
    pub(crate) total: usize,
}

/// A token bucket in milliseconds of true time.
#[derive(Debug)]
struct Bucket {
    thousandths: u64,
    counted_at: u64,
}

impl Default for Bucket {
    fn default() -> Self {
        Self { thousandths: BURST * 1_000, counted_at: 0 }
    }
}

impl Bucket {
    fn take(&mut self, at: u64) -> bool {
        let grown = at.saturating_sub(self.counted_at);
        self.counted_at = at;
        self.thousandths = (self.thousandths + grown).min(BURST * 1_000);
        let left = self.thousandths.checked_sub(1_000);
        self.thousandths = left.unwrap_or(0);
        left.is_some()
    }
}

impl Bounds {
    /// The clock was stepped, the receiver restarted, or its chain replaced.
    pub(crate) fn disturbed(&mut self, at: u64) {
        self.events.retain(|event| event + KEPT_MS > at);
        self.events.push_back(at);
        self.names = Bucket { counted_at: at, ..Bucket::default() };
    }

    /// A fetch of the signing certificate starts.
    pub(crate) fn certificate_departs(&mut self, url: &str, at: u64) -> Result<(), Violation> {
        self.departs(url, at, 1, LONGEST_MS)
    }

    /// A fetch of a list or an issuer starts. An attempt counts from the start of the fetch or check that it is part of, some
    /// seconds before: so the next one may follow it closely, but not the one after that.
    pub(crate) fn evidence_departs(&mut self, url: &str, at: u64) -> Result<(), Violation> {
        self.departs(url, at, 2, LONGEST_OF_EVIDENCE_MS)
    }

    fn departs(
        &mut self,
        url: &str,
        at: u64,
        at_once: usize,
        longest_ms: u64,
    ) -> Result<(), Violation> {
        let under_way = self.under_way.entry(url.to_owned()).or_default();
        *under_way += 1;
        let under_way = *under_way;
        self.count();
        let fetches = self.fetches.entry(url.to_owned()).or_default();
        fetches.retain(|fetch| fetch + KEPT_MS > at);
        fetches.push_back(at);
        let disturbances = since(&self.events, at, ALLOWANCE_MS);
        for periods in [1, 3] {
            let found = since(fetches, at, u64::try_from(periods).unwrap() * APART_MS);
            let allowed = at_once + periods - 1 + disturbances;
            if found > allowed {
                let seconds = 5 * periods;
                let expected =
                    format!("`{url}` is fetched at most {allowed} times in {seconds} seconds");
                let found = format!("{found} fetches, of {fetches:?} ms");
                return Err(Violation::new(Rule::Fetches, expected, found));
            }
        }
        let allowed = 1 + since(&self.events, at, longest_ms);
        if under_way > allowed {
            let expected = format!("at most {allowed} fetches of `{url}` are under way");
            let found = under_way.to_string();
            return Err(Violation::new(Rule::Growth, expected, found));
        }
        Ok(())
    }

    /// The longest time that callers at a time wait for a fetch that had started before.
    pub(crate) fn joined_wait(&self, url: &str, came: u64) -> Duration {
        let departures = self.fetches.get(url).into_iter().flatten();
        let ends =
            departures.filter(|departed| **departed <= came).map(|departed| departed + PATIENCE_MS);
        Duration::from_millis(ends.max().unwrap_or(0).saturating_sub(came))
    }

    /// A fetch of an invented name starts.
    pub(crate) fn name_departs(&mut self, at: u64) -> Result<(), Violation> {
        self.names_under_way += 1;
        self.count();
        if !self.names.take(at) {
            let expected = "made-up names are fetched 60 times a minute, and 16 more at once";
            let found = "one fetch more";
            return Err(Violation::new(Rule::Fetches, expected, found));
        }
        // The grants of the quota while one fetch hangs.
        let each = usize::try_from(BURST + LONGEST_MS / 1_000).unwrap();
        let allowed = each * (1 + since(&self.events, at, LONGEST_MS));
        if self.names_under_way > allowed {
            let expected = format!("at most {allowed} fetches of made-up names are under way");
            let found = self.names_under_way.to_string();
            return Err(Violation::new(Rule::Growth, expected, found));
        }
        Ok(())
    }

    /// A fetch has ended in any way.
    pub(crate) fn ended(&mut self, url: Option<&str>) {
        match url {
            Some(url) => *self.under_way.get_mut(url).expect("it departed") -= 1,
            None => self.names_under_way -= 1,
        }
    }

    pub(crate) fn under_way(&self) -> usize {
        self.under_way.values().sum::<usize>() + self.names_under_way
    }

    /// At the end of a year: nothing is left under way, and no task.
    pub(crate) fn settled(&self, tasks: usize, baseline: usize) -> Result<(), Violation> {
        if self.under_way() > 0 {
            let found = format!("{:?}, {} names", self.under_way, self.names_under_way);
            return Err(Violation::new(Rule::Growth, "no fetch is under way", found));
        }
        if tasks > baseline {
            let expected = format!("{baseline} tasks are left once everything has settled");
            return Err(Violation::new(Rule::Growth, expected, tasks.to_string()));
        }
        Ok(())
    }

    fn count(&mut self) {
        self.total += 1;
        self.most_under_way = self.most_under_way.max(self.under_way());
    }
}

fn since(events: &VecDeque<u64>, at: u64, ms: u64) -> usize {
    events.iter().filter(|event| **event + ms > at).count()
}
