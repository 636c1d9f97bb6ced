//! Conformance of [`Inbox`] implementations.

mod bench;
mod claims;
mod operations;
mod order;
mod races;
mod storing;

use std::sync::Arc;

use crate::crypto::Backend;
use crate::http_client::BoxFuture;
use crate::inbox::Inbox;
use crate::testing::conformance::bench::TestClock;
pub use bench::InboxNonconformance;
use bench::{Bench, Callbacks};

/// How [`inbox_conformance`] wants an inbox to be opened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct InboxSetup {
    /// The clock of leases and backoffs.
    pub clock: TestClock,
    /// Whether callbacks of one resource are handled in order of arrival.
    pub is_ordered: bool,
}

/// Checks an [`Inbox`] against every rule of its contract.
///
/// `open` returns two nodes that share a new, empty store and use the given clock; for an inbox of one process they are the same.
/// It is called once for each rule. Nothing waits in real time. Requires a tokio runtime. `backend` verifies the
/// callbacks that are stored.
///
/// | rules of | what is checked |
/// |---|---|
/// | storing | a digest is new once, on both nodes and among concurrent stores; body and evidence come back byte for byte; a genuine body that is not an event is stored; an ignored one is kept |
/// | claims | one worker at a time; order of arrival; leases expire by the given clock, also if it is set back; tokens grow |
/// | settling | a stale or settled token changes nothing; a late success counts; backoff, release, renewal and parking |
/// | order | one callback of a resource at a time; failed ones hold up their successors, parked ones do not; retried ones join; a store that races with the completion of its predecessor becomes due |
/// | operators | filters and pages; what is being handled is spared; what is done is retried only by name; pruning by age; counts |
/// | dropped calls | leave nothing behind but what a lease ends |
///
/// Durability is not checked: it needs a process that is killed. Nor are deadlines.
///
/// # Errors
///
/// [`InboxNonconformance`] with the first rule that the inbox breaks.
///
/// # Example
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// use std::sync::Arc;
///
/// use partner_center_webhooks::crypto::DefaultBackend;
/// use partner_center_webhooks::inbox::Inbox;
/// use partner_center_webhooks::testing::{InboxSetup, MemoryInbox, inbox_conformance};
///
/// let open = |setup: InboxSetup| {
///     let clock = setup.clock.clone();
///     let inbox = MemoryInbox::new().with_clock(move || clock.now());
///     let node: Arc<dyn Inbox> = Arc::new(match setup.is_ordered {
///         true => inbox.ordered_by_resource(),
///         false => inbox,
///     });
///     Box::pin(async move { [Arc::clone(&node), node] }) as _
/// };
/// inbox_conformance(DefaultBackend::new(), open).await
/// # }).map_err(Box::new)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub async fn inbox_conformance(
    backend: impl Backend + 'static,
    open: impl Fn(InboxSetup) -> BoxFuture<'static, [Arc<dyn Inbox>; 2]> + Sync,
) -> Result<(), InboxNonconformance> {
    let callbacks = Callbacks::new(backend).await?;
    let bench = async |is_ordered| {
        let clock = TestClock::default();
        let nodes = open(InboxSetup { clock: clock.clone(), is_ordered }).await;
        Bench { clock, nodes, callbacks: callbacks.clone() }
    };
    for is_ordered in [false, true] {
        bench(is_ordered).await.a_digest_is_stored_once().await?;
        bench(is_ordered).await.what_was_stored_comes_back().await?;
        bench(is_ordered).await.what_is_ignored_is_kept().await?;
        bench(is_ordered).await.a_claim_excludes_others_until_its_lease_expires().await?;
        bench(is_ordered).await.claims_are_in_order_of_arrival().await?;
        bench(is_ordered).await.a_stale_token_has_no_effect().await?;
        bench(is_ordered).await.a_late_success_counts().await?;
        bench(is_ordered).await.a_settled_claim_is_stale().await?;
        bench(is_ordered).await.a_failure_backs_off().await?;
        bench(is_ordered).await.an_extended_lease_lasts().await?;
        bench(is_ordered).await.a_released_claim_is_due_and_no_failure().await?;
        bench(is_ordered).await.a_parked_callback_waits_for_an_operator().await?;
        bench(is_ordered).await.tokens_grow().await?;
        bench(is_ordered).await.a_clock_set_back_ends_no_lease().await?;
        bench(is_ordered).await.lists_are_filtered_and_paged().await?;
        bench(is_ordered).await.operators_spare_what_is_being_handled().await?;
        bench(is_ordered).await.done_is_retried_only_by_name().await?;
        bench(is_ordered).await.discarded_is_not_claimed().await?;
        bench(is_ordered).await.only_old_and_settled_is_pruned().await?;
        bench(is_ordered).await.counts_are_right().await?;
        bench(is_ordered).await.one_of_many_stores_is_new().await?;
        bench(is_ordered).await.concurrent_claims_share_nothing().await?;
        bench(is_ordered).await.dropped_calls_leave_nothing_behind().await?;
    }
    bench(true).await.one_of_a_resource_at_a_time().await?;
    bench(true).await.a_parked_one_does_not_hold_up_its_resource().await?;
    bench(true).await.a_failed_one_holds_up_its_resource().await?;
    bench(true).await.a_retried_one_joins_its_resource().await?;
    bench(true).await.completions_and_stores_race_without_loss().await?;
    bench(false).await.an_unordered_inbox_keeps_no_order_of_resources().await
}
