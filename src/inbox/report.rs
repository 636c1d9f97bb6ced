//! What is logged and counted. Without feature `metrics`, nothing is counted.
#![cfg_attr(
    not(feature = "metrics"),
    allow(dead_code, unused_macros, unused_variables, reason = "the macros expand to nothing")
)]

use std::fmt::Display;
use std::time::Duration;

use time::OffsetDateTime;
use tokio::time::Instant;

use super::contract::Stored;
use super::error::InboxError;
#[cfg(feature = "metrics")]
use super::record::{State, Stats};
use crate::event::EventName;
use crate::log;
use crate::receiver::Error;
use crate::signature::BodyDigest;

#[cfg(feature = "metrics")]
macro_rules! count {
    ($name:literal, $count:expr $(, $label:literal => $value:expr)*) => {
        metrics::counter!($name $(, $label => $value)*).increment($count)
    };
}
#[cfg(not(feature = "metrics"))]
macro_rules! count {
    ($($ignored:tt)*) => {};
}

#[cfg(feature = "metrics")]
macro_rules! seconds {
    ($name:literal, $time:expr $(, $label:literal => $value:expr)*) => {
        metrics::histogram!($name $(, $label => $value)*).record($time.as_secs_f64())
    };
}
#[cfg(not(feature = "metrics"))]
macro_rules! seconds {
    ($($ignored:tt)*) => {};
}

#[cfg(feature = "metrics")]
macro_rules! gauge {
    ($name:literal, set($time:expr) $(, $label:literal => $label_value:expr)*) => {
        metrics::gauge!($name $(, $label => $label_value)*).set($time.as_seconds_f64())
    };
    ($name:literal, $call:ident($value:expr) $(, $label:literal => $label_value:expr)*) => {
        metrics::gauge!($name $(, $label => $label_value)*).$call($value)
    };
}
#[cfg(not(feature = "metrics"))]
macro_rules! gauge {
    ($($ignored:tt)*) => {};
}

/// A callback from its admission to its response.
#[derive(Debug)]
pub(super) struct InFlight(Instant);

impl InFlight {
    pub(super) fn begin() -> Self {
        gauge!("partner_center_callbacks_in_flight", increment(1.0));
        Self(Instant::now())
    }

    /// It is durable.
    pub(super) fn stored(&self, stored: Stored, digest: &BodyDigest, event: Option<&EventName>) {
        let is_new = stored == Stored::New;
        log::inbox::stored(is_new, digest);
        self.ended(if is_new { "stored" } else { "duplicate" }, "none");
        if is_new {
            count!("partner_center_events_total", 1, "event" => event_label(event));
        }
    }

    /// It was not stored, because the inbox failed.
    pub(super) fn unavailable(&self, error: &InboxError) {
        failed("store", error);
        self.ended("unavailable", "inbox");
    }

    /// It was refused. The receiver has logged why.
    pub(super) fn refused(&self, error: &Error) {
        self.ended("refused", error.kind().as_str());
    }

    fn ended(&self, outcome: &'static str, kind: &'static str) {
        count!("partner_center_callbacks_total", 1, "outcome" => outcome, "kind" => kind);
        seconds!("partner_center_callback_duration_seconds", self.0.elapsed(), "outcome" => outcome);
        gauge!(
            "partner_center_last_callback_timestamp_seconds",
            set(OffsetDateTime::now_utc() - OffsetDateTime::UNIX_EPOCH),
            "outcome" => outcome
        );
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        gauge!("partner_center_callbacks_in_flight", decrement(1.0));
    }
}

/// How long a store took, whatever its result.
pub(super) fn committed(took: Duration) {
    seconds!("partner_center_inbox_commit_duration_seconds", took);
}

/// A call of the inbox failed.
pub(super) fn failed(step: &'static str, error: &InboxError) {
    log::inbox::failed(step, error);
    let operation = match step {
        "claim" | "keep" | "prune" | "store" => step,
        _ => "settle",
    };
    count!("partner_center_inbox_errors_total", 1, "operation" => operation, "error" => error.as_str());
}

/// An attempt ended. `reason` is the handler's error.
pub(super) fn attempt(outcome: &'static str, digest: &BodyDigest, reason: Option<&dyn Display>) {
    log::inbox::attempt(outcome, digest, reason);
    count!("partner_center_inbox_attempts_total", 1, "outcome" => outcome);
}

/// An attempt ended after another one took over.
pub(super) fn attempt_stale(step: &'static str, digest: &BodyDigest) {
    log::inbox::attempt_stale(step, digest);
    count!("partner_center_inbox_attempts_total", 1, "outcome" => "stale");
}

/// How long a handler ran, and how long its callback had been stored when it ended.
pub(super) fn handled(took: Duration, stored_at: OffsetDateTime) {
    seconds!("partner_center_inbox_attempt_duration_seconds", took);
    let delay = OffsetDateTime::now_utc() - stored_at;
    seconds!("partner_center_inbox_delay_seconds", delay.unsigned_abs());
}

/// Callbacks that were settled long ago were deleted.
pub(super) fn pruned(pruned: u64) {
    log::inbox::pruned(pruned);
    count!("partner_center_inbox_pruned_total", pruned);
}

/// Names that are documented, so that a label has few values.
#[cfg(feature = "metrics")]
fn event_label(event: Option<&EventName>) -> String {
    match event {
        None => "none".to_owned(),
        Some(EventName::Other(_)) => "other".to_owned(),
        Some(name) => name.as_str().to_owned(),
    }
}

#[cfg(feature = "metrics")]
impl Stats {
    /// Sets the gauges of the inbox, for the `metrics` facade. Call it on a timer, every 15 s for example: the counts are those of the
    /// moment, and of all processes that share the inbox.
    ///
    /// # Example
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use std::sync::Arc;
    /// use std::time::Duration;
    ///
    /// use partner_center_webhooks::inbox::{Inbox, describe_metrics};
    /// use partner_center_webhooks::testing::MemoryInbox;
    ///
    /// describe_metrics(); // once, after the recorder was installed
    /// let inbox: Arc<dyn Inbox> = Arc::new(MemoryInbox::new());
    /// let reporting = tokio::spawn(async move {
    ///     let mut timer = tokio::time::interval(Duration::from_secs(15));
    ///     loop {
    ///         timer.tick().await;
    ///         if let Ok(stats) = inbox.stats().await {
    ///             stats.set_gauges();
    ///         }
    ///     }
    /// });
    /// # reporting.abort();
    /// # Ok(()) }) }
    /// ```
    pub fn set_gauges(&self) {
        for (state, count) in [
            (State::Pending, self.pending),
            (State::Waiting, self.waiting),
            (State::Done, self.done),
            (State::Parked, self.parked),
            (State::Discarded, self.discarded),
            (State::Ignored, self.ignored),
        ] {
            metrics::gauge!("partner_center_inbox_events", "state" => state.as_str())
                .set(float(count));
        }
        let oldest = self.oldest_pending.unwrap_or(OffsetDateTime::UNIX_EPOCH);
        gauge!(
            "partner_center_inbox_oldest_pending_timestamp_seconds",
            set(oldest - OffsetDateTime::UNIX_EPOCH)
        );
        metrics::gauge!("partner_center_inbox_in_progress").set(float(self.in_progress));
        metrics::gauge!("partner_center_inbox_size_bytes").set(float(self.size_bytes));
        if let Some(limit) = self.limit_bytes {
            metrics::gauge!("partner_center_inbox_limit_bytes").set(float(limit));
        }
    }
}

/// The one conversion in the standard library that is not a cast.
#[cfg(feature = "metrics")]
fn float(count: u64) -> f64 {
    Duration::from_secs(count).as_secs_f64()
}

/// Describes the metrics to the recorder of the `metrics` facade, and sets the counters to 0, so that a rate exists from the first
/// event on. Call it once, after the recorder was installed.
#[cfg(feature = "metrics")]
pub fn describe_metrics() {
    use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
    describe_counter!("partner_center_callbacks_total", "Callbacks by outcome");
    describe_counter!("partner_center_events_total", "New events by documented name");
    describe_counter!("partner_center_inbox_attempts_total", "Attempts to handle a callback");
    describe_counter!("partner_center_inbox_errors_total", "Failed calls of the inbox");
    describe_counter!("partner_center_inbox_pruned_total", "Deleted callbacks");
    describe_gauge!("partner_center_callbacks_in_flight", "Callbacks without a response");
    describe_gauge!("partner_center_inbox_events", "Stored callbacks by state");
    describe_gauge!("partner_center_inbox_in_progress", "Callbacks under a lease");
    for (name, text) in [
        ("partner_center_inbox_size_bytes", "Size of the store"),
        ("partner_center_inbox_limit_bytes", "Size at which callbacks are refused"),
    ] {
        describe_gauge!(name, Unit::Bytes, text);
    }
    for (name, text) in [
        ("partner_center_last_callback_timestamp_seconds", "Time of the latest callback"),
        ("partner_center_inbox_oldest_pending_timestamp_seconds", "When the oldest was stored"),
    ] {
        describe_gauge!(name, Unit::Seconds, text);
    }
    for (name, text) in [
        ("partner_center_callback_duration_seconds", "From the head of a request to its outcome"),
        ("partner_center_inbox_attempt_duration_seconds", "How long handlers ran"),
        ("partner_center_inbox_commit_duration_seconds", "How long stores took"),
        ("partner_center_inbox_delay_seconds", "From the store to the end of an attempt"),
    ] {
        describe_histogram!(name, Unit::Seconds, text);
    }
    for (outcome, kind) in [("stored", "none"), ("duplicate", "none"), ("unavailable", "inbox")] {
        count!("partner_center_callbacks_total", 0, "outcome" => outcome, "kind" => kind);
    }
    for outcome in ["completed", "discarded", "failed", "parked", "released", "stale"] {
        count!("partner_center_inbox_attempts_total", 0, "outcome" => outcome);
    }
    count!("partner_center_inbox_pruned_total", 0);
}
