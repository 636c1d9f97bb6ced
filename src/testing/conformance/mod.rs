//! Conformance of [`DuplicateGuard`] implementations.
//!
//! The rules run against the guard itself, with a clock that the check controls, so a check of a guard in memory takes
//! milliseconds. For a guard over a database, `open` should create a new table or schema.

mod bench;
#[cfg(feature = "inbox")]
mod inbox;
mod rules;

use std::sync::Arc;
use std::time::Duration;

use crate::duplicates::DuplicateGuard;
use bench::Bench;
pub use bench::{Nonconformance, TestClock};
#[cfg(feature = "inbox")]
pub use inbox::{InboxNonconformance, InboxSetup, inbox_conformance};

/// Checks a [`DuplicateGuard`] against every rule of its contract.
///
/// `open` returns two nodes that share a new, empty store and use the given clock; for a guard of one process they are the
/// same. It is called once for each rule. `lease` is the lease of an attempt, and `time_to_live` the minimum time for which
/// completed callbacks are remembered. Both are whole seconds; the lease has at least two, and the time to live is at least
/// twice the lease. Nothing waits in real time.
///
/// Some claims run on threads of their own, within the caller's tokio runtime if there is one.
///
/// # Errors
///
/// [`Nonconformance`] with the first rule that the guard breaks.
///
/// # Example
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use partner_center_webhooks::duplicates::{DuplicateGuard, InMemory};
/// use partner_center_webhooks::testing::{TestClock, duplicate_guard_conformance};
///
/// let open = |clock: &TestClock| {
///     let clock = clock.clone();
///     let node: Arc<dyn DuplicateGuard> = Arc::new(InMemory::new().with_clock(move || clock.now()));
///     [Arc::clone(&node), node]
/// };
/// duplicate_guard_conformance(open, InMemory::LEASE, InMemory::TIME_TO_LIVE).await
/// # }).map_err(Box::new)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub async fn duplicate_guard_conformance(
    open: impl Fn(&TestClock) -> [Arc<dyn DuplicateGuard>; 2],
    lease: Duration,
    time_to_live: Duration,
) -> Result<(), Nonconformance> {
    let bench = || {
        let clock = TestClock::default();
        let nodes = open(&clock);
        Bench { clock, nodes, lease, time_to_live }
    };
    bench().one_at_a_time().await?;
    bench().released_claims_are_open().await?;
    bench().digests_are_compared_in_full().await?;
    bench().settling_affects_one_callback().await?;
    bench().all_completions_are_remembered().await?;
    bench().one_of_many_claims_is_first().await?;
    bench().a_crashed_attempt_ends_with_its_lease().await?;
    bench().the_remaining_lease_is_true().await?;
    bench().one_of_many_claims_takes_over().await?;
    bench().one_of_many_threads_is_first().await?;
    bench().a_stale_lease_has_no_effect().await?;
    bench().a_late_completion_counts().await?;
    bench().a_late_completion_excludes_a_successor().await?;
    bench().a_late_release_spares_the_successor().await?;
    bench().abandoned_claims_are_not_completed().await?;
    bench().completions_are_remembered_for_the_time_to_live().await?;
    bench().dropped_calls_end_with_their_lease().await?;
    bench().a_clock_set_back_expires_nothing().await?;
    bench().a_clock_set_forward_lets_time_pass().await
}
