//! Failures, and how long they prevent the next attempt.
//!
//! | failures in a row | cool-down, from the start of the last attempt |
//! |---|---|
//! | 1 | the configured one |
//! | 2, 3, … | twice, three times as long, up to the limit |
//!
//! A success ends the row. A failure is forgotten ten minutes after its cool-down.

use std::time::Duration;

use super::moment::Moment;

/// Deadlines and cool-downs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    /// The deadline of the work.
    pub(crate) limit: Duration,
    /// How long waiters wait, counted from the start of the work. The work goes on after that, so that it can be joined by the
    /// next caller.
    pub(crate) patience: Duration,
    /// The least time from the start of failed work to the next start. Each failure in a row adds as much.
    pub(crate) cool_down: Duration,
    /// The limit of that growth.
    pub(crate) longest_cool_down: Duration,
    /// How long after its start successful work is joined like work that is under way. Zero for work whose result is kept
    /// elsewhere, as signers and tokens are.
    pub(crate) kept: Duration,
}

/// A remembered failure.
///
/// It is counted from the start of the attempt: work that took long cools down for less.
#[derive(Clone, Debug)]
pub(crate) struct Failure<E> {
    pub(crate) error: E,
    /// When the first failed attempt in a row started.
    pub(crate) since: Moment,
    /// When the last one started.
    pub(crate) at: Moment,
    /// How long after that the next attempt may start.
    cool_down: Duration,
    /// How many attempts have failed since the last success.
    in_a_row: u32,
}

impl<E> Failure<E> {
    /// The failure of an attempt that started at the time `at`, in a row with `before`.
    pub(super) fn after(before: Option<&Self>, error: E, at: &Moment, times: Times) -> Self {
        let in_a_row = before.map_or(0, |before| before.in_a_row).saturating_add(1);
        let cool_down = times.cool_down.saturating_mul(in_a_row);
        let cool_down = cool_down.min(times.longest_cool_down);
        Self {
            error,
            since: before.map_or(at, |before| &before.since).clone(),
            at: at.clone(),
            cool_down,
            in_a_row,
        }
    }

    /// How long until the next attempt may start, by the caller's clock.
    #[cfg_attr(
        not(any(feature = "event-grid-receive", feature = "receiver")),
        expect(dead_code, reason = "tokens are not spaced")
    )]
    pub(crate) fn wait(&self, now: Duration) -> Duration {
        let end = self.at.time.saturating_add(self.cool_down);
        end.saturating_sub(now).min(self.cool_down)
    }

    /// By the greater of both clocks' values, so that a clock that is set back does not prolong it.
    pub(super) fn is_cooling(&self, now: &Moment) -> bool {
        self.at.age_at(now) < self.cool_down
    }

    /// Whether it is neither cooling down nor needed to recognize failures in a row.
    pub(super) fn is_old(&self, now: &Moment) -> bool {
        self.at.age_at(now) >= self.cool_down.saturating_add(REMEMBERED)
    }
}

/// How long a failure is remembered after its cool-down, so that the next one in a row cools down for longer.
const REMEMBERED: Duration = Duration::from_secs(10 * 60);
