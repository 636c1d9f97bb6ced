//! The rules of the contract of [`DuplicateGuard`](crate::duplicates::DuplicateGuard). A fresh store is opened for each.
//!
//! Each rule says which mistake breaks it. All mistakes named here are ones that a guard over a database can make; the tests
//! of this crate make each of them.

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::runtime::{Builder, Handle};
use tokio::sync::mpsc;

use super::bench::{Bench, Claimed, DIGEST, Outcome, Rule, SECOND, Start, digest, turns};
use crate::duplicates::{Claim, Settled};
use crate::signature::BodyDigest;

/// Rules that sequential callers can break.
impl Bench {
    /// The core of the contract. Broken by nodes that do not share a store, and by a guard that keeps an attempt in progress after
    /// its completion.
    pub(super) async fn one_at_a_time(&self) -> Outcome {
        let rule = Rule("one claim at a time, and none after completion");
        let lease = rule.first(self.claim(0).await)?;
        rule.in_progress(self.claim(1).await)?;
        rule.settled(Settled::Current, self.complete(1, &lease).await)?;
        rule.done(self.claim(0).await)?;
        rule.done(self.claim(1).await)
    }

    /// Broken by a release that does nothing, or that ignores the token: then the old lease could settle the new attempt. Also
    /// broken by tokens that repeat.
    pub(super) async fn released_claims_are_open(&self) -> Outcome {
        let rule = Rule("a released claim is open to the next claim, and its own lease is stale");
        let old = rule.first(self.claim(0).await)?;
        rule.settled(Settled::Current, self.release(0, &old).await)?;
        rule.settled(Settled::Stale, self.release(1, &old).await)?;
        rule.settled(Settled::Stale, self.complete(0, &old).await)?;
        let new = rule.first(self.claim(1).await)?;
        rule.settled(Settled::Stale, self.release(0, &old).await)?;
        rule.settled(Settled::Stale, self.complete(0, &old).await)?;
        rule.in_progress(self.claim(0).await)?;
        rule.settled(Settled::Current, self.complete(0, &new).await)
    }

    /// Broken by a key that is a truncated digest: another callback would be taken for a duplicate, and be lost.
    pub(super) async fn digests_are_compared_in_full(&self) -> Outcome {
        let rule = Rule("digests are compared in every byte");
        rule.first(self.claim(0).await)?;
        for at in 0..32 {
            let mut bytes = *DIGEST.as_bytes();
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1;
            }
            rule.first(self.claim_of(0, BodyDigest::from_bytes(bytes)).await)?;
        }
        Ok(())
    }

    /// Broken by `update … where token = ?` without the digest.
    pub(super) async fn settling_affects_one_callback(&self) -> Outcome {
        // Tokens need not differ between digests: a counter for each digest starts with the same one.
        let rule = Rule("settling one callback affects no other");
        let mut leases = Vec::new();
        for number in 1..=4 {
            leases.push(rule.first(self.claim_of(0, digest(number)).await)?);
        }
        let [completed, released, abandoned, open] = leases.as_slice() else {
            return Ok(());
        };
        rule.settled(Settled::Current, self.complete(1, completed).await)?;
        for other in [released, abandoned, open] {
            rule.in_progress(self.claim_of(0, other.digest()).await)?;
        }
        rule.settled(Settled::Current, self.release(1, released).await)?;
        for other in [abandoned, open] {
            rule.in_progress(self.claim_of(0, other.digest()).await)?;
        }
        self.node(1).abandon(abandoned);
        rule.in_progress(self.claim_of(0, open.digest()).await)?;
        rule.done(self.claim_of(0, completed.digest()).await)?;
        rule.settled(Settled::Current, self.complete(1, open).await)
    }

    /// Broken by one row for all completed callbacks.
    pub(super) async fn all_completions_are_remembered(&self) -> Outcome {
        let rule = Rule("a completed callback is remembered when others complete");
        for number in 1..=MANY {
            let lease = rule.first(self.claim_of(0, digest(number)).await)?;
            rule.settled(Settled::Current, self.complete(1, &lease).await)?;
        }
        for number in 1..=MANY {
            rule.done(self.claim_of(0, digest(number)).await)?;
            rule.done(self.claim_of(1, digest(number)).await)?;
        }
        Ok(())
    }

    /// If a lease expired early, two attempts would run at the same time; if it never expired, a crash would lose the callback.
    pub(super) async fn a_crashed_attempt_ends_with_its_lease(&self) -> Outcome {
        let rule = Rule("a crashed attempt ends with its lease, and no earlier");
        rule.first(self.claim(0).await)?;
        self.clock.advance(self.lease.saturating_sub(SECOND));
        rule.in_progress(self.claim(1).await)?;
        self.clock.advance(SECOND + SECOND);
        rule.first(self.claim(1).await)?;
        rule.in_progress(self.claim(0).await)
    }

    /// A response tells Partner Center to retry after this time. If it is too short, the retry is wasted; if it is longer than
    /// the lease, the guard has reported more than it grants. A guard may also report nothing.
    pub(super) async fn the_remaining_lease_is_true(&self) -> Outcome {
        let rule =
            Rule("the reported remaining lease is not too long, and a claim after it is first");
        // At the start of the lease, and halfway through it.
        for (number, age) in [(1, Duration::ZERO), (2, whole_seconds(self.lease / 2))] {
            let digest = digest(number);
            rule.first(self.claim_of(0, digest).await)?;
            self.clock.advance(age);
            let Some(left) = rule.lease_left(self.claim_of(1, digest).await)? else {
                continue;
            };
            let longest = self.lease.saturating_sub(age);
            if left > longest {
                return Err(
                    rule.wrong("at most the remaining lease", &format!("{left:?} of {longest:?}"))
                );
            }
            self.clock.advance(whole_seconds(left));
            rule.first(self.claim_of(1, digest).await)?;
        }
        Ok(())
    }

    /// The lease of an attempt expires while it still runs, and another attempt takes over. Broken by settling without
    /// comparing the token, and by an abandoned claim that is deleted whatever its state.
    pub(super) async fn a_stale_lease_has_no_effect(&self) -> Outcome {
        let rule = Rule("a stale lease cannot affect the current attempt");
        let old = rule.first(self.claim(0).await)?;
        self.clock.advance(self.lease + SECOND);
        let new = rule.first(self.claim(1).await)?;
        rule.settled(Settled::Stale, self.complete(0, &old).await)?;
        rule.in_progress(self.claim(0).await)?;
        rule.settled(Settled::Stale, self.release(0, &old).await)?;
        rule.in_progress(self.claim(0).await)?;
        self.node(0).abandon(&old);
        rule.in_progress(self.claim(0).await)?;
        rule.settled(Settled::Current, self.complete(1, &new).await)?;
        for lease in [&old, &new] {
            rule.settled(Settled::Stale, self.release(0, lease).await)?;
            self.node(0).abandon(lease);
            rule.done(self.claim(0).await)?;
        }
        Ok(())
    }

    /// The work is done, even if it took longer than its lease. Broken by a completion that requires a current lease.
    pub(super) async fn a_late_completion_counts(&self) -> Outcome {
        let rule = Rule("a late completion counts if there is no successor");
        let lease = rule.first(self.claim(0).await)?;
        self.clock.advance(self.lease + SECOND);
        rule.settled(Settled::Current, self.complete(0, &lease).await)?;
        rule.done(self.claim(1).await)
    }

    /// Broken by an abandoned claim that counts as completed: the callback would be lost.
    pub(super) async fn abandoned_claims_are_not_completed(&self) -> Outcome {
        let rule = Rule("an abandoned claim is open again once its lease has expired");
        let lease = rule.first(self.claim(0).await)?;
        self.node(0).abandon(&lease);
        self.clock.advance(self.lease + SECOND);
        rule.first(self.claim(1).await).map(drop)
    }

    /// The time to live counts from the completion, not from the claim.
    pub(super) async fn completions_are_remembered_for_the_time_to_live(&self) -> Outcome {
        let rule = Rule("a completed callback is remembered for the time to live");
        let lease = rule.first(self.claim(0).await)?;
        self.clock.advance(self.lease.saturating_sub(SECOND));
        rule.settled(Settled::Current, self.complete(0, &lease).await)?;
        self.clock.advance(SECOND + SECOND);
        rule.done(self.claim(1).await)?;
        let rest = self.time_to_live.saturating_sub(SECOND * 3);
        self.clock.advance(rest);
        rule.done(self.claim(0).await)
    }

    /// A clock is set back when it is synchronized. Broken by a guard that takes a start in the
    /// future for an expired lease, and by one that waits until the clock has caught up.
    pub(super) async fn a_clock_set_back_expires_nothing(&self) -> Outcome {
        let rule = Rule(
            "a clock that is set back expires no lease, forgets nothing, and blocks no claim permanently",
        );
        let hour = SECOND * 3600;
        let lease = rule.first(self.claim(0).await)?;
        self.clock.set_back(hour);
        rule.in_progress(self.claim(1).await)?;
        rule.settled(Settled::Current, self.complete(0, &lease).await)?;
        rule.done(self.claim(1).await)?;
        self.clock.set_back(hour);
        rule.done(self.claim(1).await)?;

        let crashed = digest(2);
        rule.first(self.claim_of(0, crashed).await)?;
        self.clock.set_back(hour);
        rule.in_progress(self.claim_of(1, crashed).await)?;
        self.clock.advance(hour + self.lease + SECOND);
        rule.first(self.claim_of(1, crashed).await).map(drop)
    }

    /// Broken by a guard that mistrusts jumps of the clock, and by tokens that are derived from the time.
    pub(super) async fn a_clock_set_forward_lets_time_pass(&self) -> Outcome {
        let rule = Rule("a clock that is set forward lets time pass, and tokens stay distinct");
        let old = rule.first(self.claim(0).await)?;
        self.clock.advance(self.time_to_live / 2);
        let new = rule.first(self.claim(1).await)?;
        self.clock.set_back(self.time_to_live / 2);
        rule.in_progress(self.claim(0).await)?;
        rule.settled(Settled::Stale, self.complete(0, &old).await)?;
        rule.settled(Settled::Current, self.complete(1, &new).await)?;
        rule.done(self.claim(0).await)
    }

    /// A client disconnects, and its request's future is dropped between two steps of a call. Broken by locks in the store that
    /// only the end of the call releases.
    pub(super) async fn dropped_calls_end_with_their_lease(&self) -> Outcome {
        let rule = Rule("a call that is dropped halfway blocks no claim for longer than a lease");
        for (number, turn) in (1..).zip(0..TURNS) {
            let digest = digest(number);
            turns(&mut self.node(0).claim(digest), turn).await;
            self.clock.advance(self.lease + SECOND);
            let released = rule.first(self.claim_of(1, digest).await)?;

            turns(&mut self.node(1).release(&released), turn).await;
            self.clock.advance(self.lease + SECOND);
            let completed = rule.first(self.claim_of(0, digest).await)?;

            let settled = turns(&mut self.node(0).complete(&completed), turn).await;
            self.clock.advance(self.lease + SECOND);
            match (settled, self.claim_of(1, digest).await) {
                // The completion may have been stored nevertheless.
                (None, Ok(Claim::Done)) => {}
                (None, claim) => {
                    let lease = rule.first(claim)?;
                    rule.settled(Settled::Current, self.complete(1, &lease).await)?;
                }
                (Some(settled), claim) => {
                    rule.settled(Settled::Current, settled)?;
                    rule.done(claim)?;
                }
            }
        }
        Ok(())
    }
}

/// Rules that concurrent calls can break: on one thread between two polls, on several at any point.
impl Bench {
    /// Broken by `select` followed by `insert`, without a unique key.
    pub(super) async fn one_of_many_claims_is_first(&self) -> Outcome {
        let rule = Rule("of many concurrent claims, one is first");
        for _ in 0..ROUNDS {
            let lease = rule.one_first(self.concurrent_claims().await)?;
            rule.settled(Settled::Current, self.release(0, &lease).await)?;
        }
        Ok(())
    }

    /// Broken by `insert … on conflict` for new rows, but `select` followed by `update` for expired leases.
    pub(super) async fn one_of_many_claims_takes_over(&self) -> Outcome {
        let rule = Rule("of many concurrent claims after a crash, one is first");
        rule.first(self.claim(0).await)?;
        for _ in 0..ROUNDS {
            self.clock.advance(self.lease + SECOND);
            rule.one_first(self.concurrent_claims().await)?;
        }
        Ok(())
    }

    /// Claims of one callback, alternating between the nodes, polled on one thread.
    async fn concurrent_claims(&self) -> Vec<Claimed> {
        join_all((0..CONCURRENT_CLAIMS).map(|number| self.claim(number % 2))).await
    }

    /// Either the completion is current and no successor exists, or a successor exists and the completion is stale. Broken by
    /// `select token` followed by `update … set done`.
    pub(super) async fn a_late_completion_excludes_a_successor(&self) -> Outcome {
        let rule = Rule("a late completion and a successor exclude each other");
        for (number, start) in (1..).zip(Start::all()) {
            let digest = digest(number);
            let old = rule.first(self.claim_of(0, digest).await)?;
            self.clock.advance(self.lease + SECOND);
            let complete = self.node(0).complete(&old);
            let claim = self.node(1).claim(digest);
            match start.race(complete, claim).await {
                (settled, Ok(Claim::First(new))) => {
                    rule.settled(Settled::Stale, settled)?;
                    rule.in_progress(self.claim_of(0, digest).await)?;
                    rule.settled(Settled::Current, self.complete(1, &new).await)?;
                }
                (settled, claim) => {
                    rule.succeeded(claim)?;
                    rule.settled(Settled::Current, settled)?;
                }
            }
            rule.done(self.claim_of(0, digest).await)?;
        }
        Ok(())
    }

    /// Broken by `select token` followed by `delete`: the delete removes the successor's row.
    pub(super) async fn a_late_release_spares_the_successor(&self) -> Outcome {
        let rule = Rule("a late release does not open the successor");
        for (number, start) in (1..).zip(Start::all()) {
            let digest = digest(number);
            let old = rule.first(self.claim_of(0, digest).await)?;
            self.clock.advance(self.lease + SECOND);
            let release = self.node(0).release(&old);
            let claim = self.node(1).claim(digest);
            let (settled, claim) = start.race(release, claim).await;
            let new = match claim {
                // A claim during the release finds the old attempt.
                Ok(Claim::InProgress { .. }) => {
                    rule.settled(Settled::Current, settled)?;
                    rule.first(self.claim_of(1, digest).await)?
                }
                claim => {
                    rule.succeeded(settled)?;
                    rule.first(claim)?
                }
            };
            rule.in_progress(self.claim_of(0, digest).await)?;
            rule.settled(Settled::Current, self.complete(1, &new).await)?;
        }
        Ok(())
    }

    /// Finds races that need no suspension point, which a single thread cannot see. A panic of the guard is reported too.
    pub(super) async fn one_of_many_threads_is_first(&self) -> Outcome {
        let rule = Rule("of many claims on as many threads, one is first");
        for _ in 0..ROUNDS {
            let claims = self.claims_on_threads().await;
            if claims.len() != THREADS {
                return Err(rule.wrong("a claim", "nothing because it panicked"));
            }
            rule.one_first(claims)?;
            self.clock.advance(self.lease + SECOND);
        }
        Ok(())
    }

    /// Claims on threads of their own. Waits without blocking, because the caller's runtime may drive what the claims wait for.
    async fn claims_on_threads(&self) -> Vec<Claimed> {
        let (sender, mut results) = mpsc::unbounded_channel();
        let barrier = Arc::new(Barrier::new(THREADS));
        for node in self.nodes.iter().cycle().take(THREADS) {
            let node = Arc::clone(node);
            let barrier = Arc::clone(&barrier);
            let sender = sender.clone();
            let runtime = Handle::try_current();
            thread::spawn(move || {
                barrier.wait();
                let claim = match runtime {
                    Ok(runtime) => runtime.block_on(node.claim(DIGEST)),
                    Err(_) => {
                        Builder::new_current_thread().build().ok()?.block_on(node.claim(DIGEST))
                    }
                };
                sender.send(claim).ok()
            });
        }
        drop(sender);
        let mut claims = Vec::new();
        while let Some(claim) = results.recv().await {
            claims.push(claim);
        }
        claims
    }
}

/// Rounded up, like `Retry-After`.
fn whole_seconds(time: Duration) -> Duration {
    Duration::from_secs(time.as_secs() + u64::from(time.subsec_nanos() > 0))
}

/// How many callbacks are completed. Few enough for the capacity of any guard.
const MANY: u8 = 16;
/// More polls than a call in memory needs; one over a network is dropped while it waits for its first response.
const TURNS: usize = 8;
const CONCURRENT_CLAIMS: usize = 32;
const ROUNDS: usize = 8;
const THREADS: usize = 8;
