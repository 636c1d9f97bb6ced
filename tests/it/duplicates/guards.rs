//! Guards: the one in memory keeps the contract, and every way to break the contract is detected.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};
use std::time::Duration;

use partner_center_webhooks::duplicates::{
    Attempt, Claim, DuplicateError, DuplicateGuard, GuardError, InMemory, Lease, Settled,
};
use partner_center_webhooks::http_client::BoxFuture;
use partner_center_webhooks::signature::BodyDigest;
use partner_center_webhooks::testing::{TestClock, duplicate_guard_conformance};

const LEASE: Duration = Duration::from_secs(10);
const TIME_TO_LIVE: Duration = Duration::from_secs(100);
const SECOND: Duration = Duration::from_secs(1);

fn in_memory(clock: &TestClock) -> InMemory {
    let clock = clock.clone();
    InMemory::new()
        .with_lease(LEASE)
        .with_time_to_live(TIME_TO_LIVE)
        .with_clock(move || clock.now())
}

#[tokio::test]
async fn the_in_memory_guard_conforms() {
    let open = |clock: &TestClock| {
        let node: Arc<dyn DuplicateGuard> = Arc::new(in_memory(clock));
        [Arc::clone(&node), node]
    };
    let outcome = duplicate_guard_conformance(open, LEASE, TIME_TO_LIVE).await;
    assert_eq!(outcome, Ok(()));
}

/// Faults of a guard over a shared store.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fault {
    None,
    AbandonCompletes,
    AbandonForgetsADoneSuccessor,
    AbandonForgetsWhatIsDone,
    AbandonReleasesWhateverTheToken,
    ChecksThenWrites,
    CompletesAgainAfterRelease,
    /// `select token`, then `update … set done`.
    CompletesWithoutComparing,
    CompletesWhateverTheToken,
    CutOffClaimsStay,
    CutOffCompletionsStay,
    CutOffReleasesStay,
    Down,
    EachNodeForItself,
    EndsLeasesEarly,
    EndsLeasesWhenSetBack,
    ForgetsWhatIsDone,
    KeysOnHalfTheDigest,
    LateSuccessIsLost,
    /// The lease starts again with each claim.
    LeaseLeftIsTheWhole,
    LeaseLeftIsTooLong,
    LeaseLeftIsTooShort,
    LeaseLeftIsUnknown,
    MistrustsJumps,
    NeverEndsLeases,
    PanicsOnOtherThreads,
    /// A process-wide lock around `select` and `insert`.
    RacesBetweenNodes,
    /// `select`, then `insert`, without a step between them that a single thread could notice.
    RacesBetweenThreads,
    RefusesWhatIsDone,
    ReleaseDoesNothing,
    ReleasesWhateverTheToken,
    /// `select token`, then `delete`.
    ReleasesWithoutComparing,
    /// One row for all completed callbacks.
    RemembersTheLastOnly,
    /// `update … where token = ?`, with tokens that are counted for each digest.
    SettlesByTokenAlone,
    SuccessorsInheritTheToken,
    /// `insert … on conflict` for new rows, but `select` then `update` for expired leases.
    TakesOverWithoutComparing,
    TokensRepeat,
}

#[derive(Debug, Default)]
struct Rows {
    last: u128,
    of_digests: HashMap<Vec<u8>, u128>,
    table: HashMap<Vec<u8>, Row>,
}

#[derive(Debug)]
struct Row {
    token: u128,
    is_done: bool,
    /// A call is in the middle of it.
    is_held: bool,
    since: Duration,
}

/// Like a guard over a database: every access takes a turn of the runtime.
#[derive(Debug)]
struct Shared {
    fault: Fault,
    clock: TestClock,
    rows: Arc<Mutex<Rows>>,
    turn: tokio::sync::Mutex<()>,
    home: ThreadId,
}

impl Shared {
    fn key(&self, digest: BodyDigest) -> Vec<u8> {
        let bytes = digest.as_bytes();
        match self.fault {
            Fault::KeysOnHalfTheDigest => bytes[..16].to_vec(),
            _ => bytes.to_vec(),
        }
    }

    /// The entry that prevents a claim.
    fn obstacle(&self, rows: &Rows, digest: BodyDigest) -> Option<Claim> {
        let row = rows.table.get(&self.key(digest))?;
        if row.is_held {
            return Some(Claim::InProgress { lease_left: None });
        }
        let now = self.clock.now();
        let age = now.saturating_sub(row.since);
        let lease = match self.fault {
            Fault::EndsLeasesEarly => LEASE / 2,
            Fault::NeverEndsLeases => Duration::MAX,
            _ => LEASE,
        };
        let is_over = match self.fault {
            Fault::EndsLeasesWhenSetBack => age >= lease || now < row.since,
            Fault::MistrustsJumps => age >= lease && age < lease * 3,
            _ => age >= lease,
        };
        let left = LEASE.saturating_sub(age);
        let lease_left = match self.fault {
            Fault::LeaseLeftIsTheWhole => Some(LEASE),
            Fault::LeaseLeftIsTooLong => Some(left + SECOND),
            Fault::LeaseLeftIsTooShort => Some(left.saturating_sub(SECOND)),
            Fault::LeaseLeftIsUnknown => None,
            _ => Some(left),
        };
        match (row.is_done, is_over) {
            (true, true) if self.fault == Fault::ForgetsWhatIsDone => None,
            (true, _) if self.fault == Fault::RefusesWhatIsDone => {
                Some(Claim::InProgress { lease_left })
            }
            (true, _) => Some(Claim::Done),
            (false, true) => None,
            (false, false) => Some(Claim::InProgress { lease_left }),
        }
    }

    fn take(&self, rows: &mut Rows, digest: BodyDigest) -> Claim {
        let key = self.key(digest);
        if self.fault != Fault::TokensRepeat {
            rows.last += 1;
            *rows.of_digests.entry(key.clone()).or_default() += 1;
        }
        let old = rows.table.get(&key).map(|row| row.token);
        let token = match self.fault {
            Fault::SettlesByTokenAlone => rows.of_digests[&key],
            Fault::SuccessorsInheritTheToken => old.unwrap_or(rows.last),
            _ => rows.last,
        };
        let row = Row { token, is_done: false, is_held: false, since: self.clock.now() };
        rows.table.insert(key, row);
        Claim::First(Lease::new(digest, token))
    }

    fn settle(&self, lease: &Lease, completes: bool) -> Settled {
        let mut rows = self.rows.lock().unwrap();
        let key = self.key(lease.digest());
        let now = self.clock.now();
        let minds_no_token = match completes {
            true => Fault::CompletesWhateverTheToken,
            false => Fault::ReleasesWhateverTheToken,
        };
        if completes && self.fault == Fault::CompletesAgainAfterRelease {
            rows.table.entry(key.clone()).or_insert_with(|| Row {
                token: lease.token(),
                is_done: false,
                is_held: false,
                since: now,
            });
        }
        let Some(row) = rows.table.get_mut(&key) else {
            return Settled::Stale;
        };
        let is_current = !row.is_done && row.token == lease.token();
        let is_late = now.saturating_sub(row.since) > LEASE;
        if !is_current && self.fault != minds_no_token
            || is_late && self.fault == Fault::LateSuccessIsLost
        {
            return Settled::Stale;
        }
        if completes {
            row.is_done = true;
            row.is_held = false;
            row.since = now;
            if self.fault == Fault::SettlesByTokenAlone {
                let rows = rows.table.values_mut();
                rows.filter(|row| row.token == lease.token()).for_each(|row| row.is_done = true);
            } else if self.fault == Fault::RemembersTheLastOnly {
                rows.table.retain(|other, row| *other == key || !row.is_done);
            }
        } else if self.fault != Fault::ReleaseDoesNothing {
            rows.table.remove(&key);
        }
        Settled::Current
    }
}

impl Shared {
    /// With the token at the time of the write, whatever the token was before.
    fn settle_unseen(&self, lease: &Lease, completes: bool) -> Settled {
        let rows = self.rows.lock().unwrap();
        let row = rows.table.get(&self.key(lease.digest()));
        let token = row.map_or_else(|| lease.token(), |row| row.token);
        drop(rows);
        self.settle(&Lease::new(lease.digest(), token), completes);
        Settled::Current
    }

    fn is_current(&self, lease: &Lease) -> bool {
        let rows = self.rows.lock().unwrap();
        let row = rows.table.get(&self.key(lease.digest()));
        row.is_some_and(|row| !row.is_done && row.token == lease.token())
    }

    /// Locks the row for a turn.
    async fn hold(&self, digest: BodyDigest) {
        let hold = |is_held| {
            if let Some(row) = self.rows.lock().unwrap().table.get_mut(&self.key(digest)) {
                row.is_held = is_held;
            }
        };
        hold(true);
        tokio::task::yield_now().await;
        hold(false);
    }
}

impl DuplicateGuard for Shared {
    fn claim(&self, digest: BodyDigest) -> BoxFuture<'_, Result<Claim, GuardError>> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            if self.fault == Fault::Down {
                return Err(GuardError::new("it is down"));
            }
            let _turn = match self.fault {
                Fault::PanicsOnOtherThreads if thread::current().id() != self.home => {
                    std::panic::resume_unwind(Box::new("another thread"));
                }
                Fault::RacesBetweenNodes => Some(self.turn.lock().await),
                _ => None,
            };
            {
                let mut rows = self.rows.lock().unwrap();
                if let Some(obstacle) = self.obstacle(&rows, digest) {
                    return Ok(obstacle);
                }
                let is_new = !rows.table.contains_key(&self.key(digest));
                let lets_go = match self.fault {
                    Fault::ChecksThenWrites
                    | Fault::CutOffClaimsStay
                    | Fault::RacesBetweenNodes
                    | Fault::RacesBetweenThreads => true,
                    Fault::TakesOverWithoutComparing => !is_new,
                    _ => false,
                };
                if !lets_go {
                    return Ok(self.take(&mut rows, digest));
                }
            }
            match self.fault {
                Fault::CutOffClaimsStay => {}
                Fault::RacesBetweenThreads => thread::sleep(Duration::from_millis(5)),
                _ => tokio::task::yield_now().await,
            }
            let claim = self.take(&mut self.rows.lock().unwrap(), digest);
            if self.fault == Fault::CutOffClaimsStay {
                self.hold(digest).await;
            }
            Ok(claim)
        })
    }

    fn complete<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<Settled, GuardError>> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            match self.fault {
                Fault::CompletesWithoutComparing if self.is_current(lease) => {
                    tokio::task::yield_now().await;
                    return Ok(self.settle_unseen(lease, true));
                }
                Fault::CutOffCompletionsStay if self.is_current(lease) => {
                    self.hold(lease.digest()).await
                }
                _ => {}
            }
            Ok(self.settle(lease, true))
        })
    }

    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<Settled, GuardError>> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            match self.fault {
                Fault::ReleasesWithoutComparing if self.is_current(lease) => {
                    tokio::task::yield_now().await;
                    return Ok(self.settle_unseen(lease, false));
                }
                Fault::CutOffReleasesStay if self.is_current(lease) => {
                    self.hold(lease.digest()).await
                }
                _ => {}
            }
            Ok(self.settle(lease, false))
        })
    }

    fn abandon(&self, lease: &Lease) {
        if self.fault == Fault::AbandonCompletes {
            self.settle(lease, true);
        }
        let mut rows = self.rows.lock().unwrap();
        let key = self.key(lease.digest());
        let is_forgotten = rows.table.get(&key).is_some_and(|row| {
            let is_own = row.token == lease.token();
            match self.fault {
                Fault::AbandonForgetsADoneSuccessor => row.is_done && !is_own,
                Fault::AbandonForgetsWhatIsDone => is_own,
                Fault::AbandonReleasesWhateverTheToken => !row.is_done,
                _ => false,
            }
        });
        if is_forgotten {
            rows.table.remove(&key);
        }
    }
}

async fn conformance_of(fault: Fault) -> Result<(), String> {
    let open = |clock: &TestClock| {
        let rows = Arc::default();
        [(); 2].map(|()| -> Arc<dyn DuplicateGuard> {
            Arc::new(Shared {
                fault,
                clock: clock.clone(),
                rows: match fault {
                    Fault::EachNodeForItself => Arc::default(),
                    _ => Arc::clone(&rows),
                },
                turn: tokio::sync::Mutex::default(),
                home: thread::current().id(),
            })
        })
    };
    let outcome = duplicate_guard_conformance(open, LEASE, TIME_TO_LIVE).await;
    outcome.map_err(|error| error.to_string())
}

const RACED: &str = "of many claims on as many threads, one is first: the guard returned First";

#[tokio::test]
async fn every_broken_guard_fails_its_rule() {
    for sound in [Fault::None, Fault::LeaseLeftIsUnknown] {
        assert_eq!(conformance_of(sound).await, Ok(()), "{sound:?}");
    }
    let mut otherwise = Vec::new();
    let alone = "one claim at a time, and none after completion";
    let released = "a released claim is open to the next claim, and its own lease is stale";
    let late = "a stale lease cannot affect the current attempt";
    let cut_off = "a call that is dropped halfway blocks no claim for longer than a lease";
    let crash = "a crashed attempt ends with its lease, and no earlier";
    let left = "the reported remaining lease is not too long, and a claim after it is first";
    for (fault, rule, says) in [
        (
            Fault::AbandonCompletes,
            "an abandoned claim is open again once its lease has expired",
            "Done (expected First)",
        ),
        (
            Fault::ChecksThenWrites,
            "of many concurrent claims, one is first",
            "First(Lease { digest: 0101010101010101010101010101010101010101010101010101010101010101, token: 2 }) (expected InProgress)",
        ),
        (Fault::CompletesAgainAfterRelease, released, "Current (expected Stale)"),
        (Fault::CompletesWhateverTheToken, released, "Current (expected Stale)"),
        (
            Fault::EachNodeForItself,
            alone,
            "First(Lease { digest: 0101010101010101010101010101010101010101010101010101010101010101, token: 1 }) (expected InProgress)",
        ),
        (
            Fault::EndsLeasesEarly,
            crash,
            "First(Lease { digest: 0101010101010101010101010101010101010101010101010101010101010101, token: 2 }) (expected InProgress)",
        ),
        (
            Fault::EndsLeasesWhenSetBack,
            "a clock that is set back expires no lease, forgets nothing, and blocks no claim permanently",
            "First(Lease { digest: 0101010101010101010101010101010101010101010101010101010101010101, token: 2 }) (expected InProgress)",
        ),
        (
            Fault::ForgetsWhatIsDone,
            "a completed callback is remembered for the time to live",
            "First(Lease { digest: 0101010101010101010101010101010101010101010101010101010101010101, token: 2 }) (expected Done)",
        ),
        (
            Fault::KeysOnHalfTheDigest,
            "digests are compared in every byte",
            "InProgress { lease_left: Some(10s) } (expected First)",
        ),
        (
            Fault::LateSuccessIsLost,
            "a late completion counts if there is no successor",
            "Stale (expected Current)",
        ),
        (
            Fault::MistrustsJumps,
            "a clock that is set forward lets time pass, and tokens stay distinct",
            "InProgress { lease_left: Some(0ns) } (expected First)",
        ),
        (Fault::LeaseLeftIsTheWhole, left, "10s of 5s (expected at most the remaining lease)"),
        (Fault::LeaseLeftIsTooLong, left, "11s of 10s (expected at most the remaining lease)"),
        (Fault::LeaseLeftIsTooShort, left, "InProgress { lease_left: Some(0ns) } (expected First)"),
        (Fault::NeverEndsLeases, crash, "InProgress { lease_left: Some(0ns) } (expected First)"),
        (Fault::RefusesWhatIsDone, alone, "InProgress { lease_left: Some(10s) } (expected Done)"),
        (Fault::ReleaseDoesNothing, released, "Current (expected Stale)"),
        (Fault::ReleasesWhateverTheToken, released, "Current (expected Stale)"),
        (
            Fault::SuccessorsInheritTheToken,
            "a stale lease cannot affect the current attempt",
            "Current (expected Stale)",
        ),
        (
            Fault::AbandonForgetsADoneSuccessor,
            late,
            "First(Lease { digest: 0101010101010101010101010101010101010101010101010101010101010101, token: 3 }) (expected Done)",
        ),
        (
            Fault::AbandonForgetsWhatIsDone,
            late,
            "First(Lease { digest: 0101010101010101010101010101010101010101010101010101010101010101, token: 3 }) (expected Done)",
        ),
        (
            Fault::AbandonReleasesWhateverTheToken,
            late,
            "First(Lease { digest: 0101010101010101010101010101010101010101010101010101010101010101, token: 3 }) (expected InProgress)",
        ),
        (
            Fault::CompletesWithoutComparing,
            "a late completion and a successor exclude each other",
            "Current (expected Stale)",
        ),
        (Fault::CutOffClaimsStay, cut_off, "InProgress { lease_left: None } (expected First)"),
        (Fault::CutOffCompletionsStay, cut_off, "InProgress { lease_left: None } (expected First)"),
        (Fault::CutOffReleasesStay, cut_off, "InProgress { lease_left: None } (expected First)"),
        (
            Fault::PanicsOnOtherThreads,
            "of many claims on as many threads, one is first",
            "nothing because it panicked (expected a claim)",
        ),
        (
            Fault::RacesBetweenNodes,
            "of many concurrent claims, one is first",
            "First(Lease { digest: 0101010101010101010101010101010101010101010101010101010101010101, token: 2 }) (expected InProgress)",
        ),
        (
            Fault::ReleasesWithoutComparing,
            "a late release does not open the successor",
            "First(Lease { digest: 0101010101010101010101010101010101010101010101010101010101010101, token: 3 }) (expected InProgress)",
        ),
        (
            Fault::RemembersTheLastOnly,
            "a completed callback is remembered when others complete",
            "First(Lease { digest: 0101010101010101010101010101010101010101010101010101010101010101, token: 17 }) (expected Done)",
        ),
        (
            Fault::SettlesByTokenAlone,
            "settling one callback affects no other",
            "Done (expected InProgress)",
        ),
        (
            Fault::TakesOverWithoutComparing,
            "of many concurrent claims after a crash, one is first",
            "First(Lease { digest: 0101010101010101010101010101010101010101010101010101010101010101, token: 3 }) (expected InProgress)",
        ),
        (Fault::TokensRepeat, released, "Current (expected Stale)"),
    ] {
        let expected = Err(format!("{rule}: the guard returned {says}"));
        let found = conformance_of(fault).await;
        // Its claims wait between two steps, which threads may detect first.
        let is_raced = matches!(fault, Fault::CutOffClaimsStay)
            && found.as_ref().is_err_and(|said| said.starts_with(RACED));
        if found != expected && !is_raced {
            otherwise.push((fault, found));
        }
    }
    assert_eq!(otherwise, []);
    // The first claim differs from run to run.
    let raced = conformance_of(Fault::RacesBetweenThreads).await;
    let raced = raced.unwrap_err();
    assert!(raced.starts_with(RACED), "{raced}");
    let down = "the duplicate guard failed: it is down";
    assert_eq!(conformance_of(Fault::Down).await, Err(format!("{alone}: {down}")));
}

fn digest(number: u8) -> BodyDigest {
    BodyDigest::from_bytes([number; 32])
}

async fn first(guard: &dyn DuplicateGuard, number: u8) -> Lease {
    match guard.claim(digest(number)).await {
        Ok(Claim::First(lease)) => lease,
        other => panic!("{number}: {other:?}"),
    }
}

async fn done(guard: &dyn DuplicateGuard, number: u8) {
    let lease = first(guard, number).await;
    assert_eq!(guard.complete(&lease).await, Ok(Settled::Current));
}

async fn claim(guard: &dyn DuplicateGuard, number: u8) -> String {
    match guard.claim(digest(number)).await {
        Ok(Claim::First(_)) => "first".to_owned(),
        Ok(Claim::InProgress { .. }) => "InProgress".to_owned(),
        Ok(claim) => format!("{claim:?}"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn a_completed_callback_is_forgotten_exactly_at_its_time_to_live() {
    let clock = TestClock::default();
    let guard = in_memory(&clock);
    done(&guard, 1).await;
    clock.advance(TIME_TO_LIVE - SECOND);
    assert_eq!(claim(&guard, 1).await, "Done");
    clock.advance(SECOND);
    assert_eq!(claim(&guard, 1).await, "first");

    // A lease expires exactly, too, and in forward time: setting the clock back prolongs no wait.
    clock.advance(LEASE - SECOND);
    assert_eq!(claim(&guard, 1).await, "InProgress");
    clock.set_back(SECOND * 3600);
    assert_eq!(claim(&guard, 1).await, "InProgress");
    clock.advance(SECOND);
    assert_eq!(claim(&guard, 1).await, "first");
}

#[tokio::test]
async fn a_full_memory_forgets_the_oldest_and_never_attempts_in_progress() {
    let clock = TestClock::default();
    let guard = in_memory(&clock).with_capacity(NonZeroUsize::new(3).unwrap());
    let held = first(&guard, 1).await;
    done(&guard, 2).await;
    done(&guard, 3).await;
    let other = first(&guard, 4).await; // replaces 2
    assert_eq!(claim(&guard, 1).await, "InProgress");
    assert_eq!(claim(&guard, 3).await, "Done");
    let third = first(&guard, 2).await; // replaces 3
    let full = "the duplicate guard failed: it is full, and every remembered callback is in progress (capacity: 3)";
    assert_eq!(claim(&guard, 3).await, full);
    assert_eq!(claim(&guard, 1).await, "InProgress");

    // Each ended attempt makes room: a completed one, a released one, a crashed one.
    assert_eq!(guard.complete(&held).await, Ok(Settled::Current));
    let fourth = first(&guard, 3).await; // replaces 1
    assert_eq!(claim(&guard, 1).await, full);
    guard.abandon(&fourth);
    done(&guard, 1).await;
    assert_eq!(guard.release(&other).await, Ok(Settled::Current));
    done(&guard, 5).await;
    clock.advance(LEASE);
    done(&guard, 6).await; // replaces 2, which has crashed; completed callbacks stay
    assert_eq!(guard.complete(&third).await, Ok(Settled::Stale));
    let claims = [claim(&guard, 1).await, claim(&guard, 5).await, claim(&guard, 6).await];
    assert_eq!(claims, ["Done", "Done", "Done"]);
}

#[tokio::test]
async fn crashed_attempts_make_room() {
    let clock = TestClock::default();
    let guard = in_memory(&clock).with_capacity(NonZeroUsize::new(3).unwrap());
    let mut leases = Vec::new();
    for number in 1..=3 {
        leases.push(first(&guard, number).await);
        clock.advance(SECOND);
    }
    clock.advance(LEASE - SECOND - SECOND);
    done(&guard, 4).await;
    assert_eq!(guard.complete(&leases[0]).await, Ok(Settled::Stale));
    assert_eq!(claim(&guard, 3).await, "InProgress");
}

#[test]
fn the_defaults_are_the_documented_ones() {
    assert_eq!(InMemory::TIME_TO_LIVE, SECOND * 7 * 24 * 60 * 60);
    assert_eq!(InMemory::LEASE, SECOND * 120);
    assert_eq!(InMemory::CAPACITY.get(), 100_000);
    let shown = "InMemory { time_to_live: 604800s, lease: 120s, capacity: 100000, .. }";
    assert_eq!(format!("{:?}", InMemory::new()), shown);
}

/// An expired lease is worth less than a completed callback.
#[tokio::test]
async fn expired_leases_make_room_before_completed_callbacks() {
    let clock = TestClock::default();
    let guard = in_memory(&clock).with_capacity(NonZeroUsize::new(3).unwrap());
    first(&guard, 1).await;
    first(&guard, 2).await;
    clock.advance(LEASE + SECOND);
    done(&guard, 3).await;
    done(&guard, 4).await;
    done(&guard, 5).await;
    for number in 3..=5 {
        assert_eq!(claim(&guard, number).await, "Done", "{number}");
    }
}

/// Entries past their age make room first, then expired leases, then completed callbacks.
#[tokio::test]
async fn an_expired_lease_keeps_its_place_when_others_are_forgotten() {
    let clock = TestClock::default();
    let guard = in_memory(&clock).with_capacity(NonZeroUsize::new(2).unwrap());
    done(&guard, 1).await;
    clock.advance(TIME_TO_LIVE - LEASE);
    let late = first(&guard, 2).await;
    clock.advance(LEASE);
    first(&guard, 3).await; // replaces 1
    assert_eq!(guard.complete(&late).await, Ok(Settled::Current));
}

/// A digest that is claimed again after it was forgotten has a new place in the order and has left the old one.
#[tokio::test]
async fn a_callback_claimed_again_is_not_forgotten_as_its_old_entry() {
    let clock = TestClock::default();
    let guard = in_memory(&clock).with_capacity(NonZeroUsize::new(2).unwrap());
    done(&guard, 1).await;
    clock.advance(TIME_TO_LIVE);
    first(&guard, 1).await;
    done(&guard, 2).await;
    first(&guard, 3).await; // replaces 2
    assert_eq!(claim(&guard, 1).await, "InProgress");
    clock.advance(LEASE);
    done(&guard, 1).await;
    first(&guard, 4).await; // replaces 3
    assert_eq!(claim(&guard, 1).await, "Done");
}

#[tokio::test]
async fn a_crashed_attempt_is_forgotten_a_time_to_live_after_its_lease() {
    let clock = TestClock::default();
    let guard = in_memory(&clock);
    let late = first(&guard, 1).await;
    clock.advance(LEASE + TIME_TO_LIVE - SECOND);
    let later = first(&guard, 2).await;
    assert_eq!(guard.complete(&late).await, Ok(Settled::Current));
    clock.advance(LEASE + TIME_TO_LIVE);
    first(&guard, 3).await;
    assert_eq!(guard.complete(&later).await, Ok(Settled::Stale));
}

/// Neither a memory full of leases nor one full of completed callbacks is searched for each claim.
#[tokio::test]
async fn a_full_memory_is_not_searched() {
    let clock = TestClock::default();
    let guard = in_memory(&clock).with_capacity(NonZeroUsize::new(20_000).unwrap());
    let number = |number: u32| {
        let mut bytes = [0; 32];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        BodyDigest::from_bytes(bytes)
    };
    let mut firsts = 0;
    let begin = std::time::Instant::now();
    for claimed in 0..100_000 {
        let claim = guard.claim(number(claimed)).await;
        firsts += u32::from(matches!(claim, Ok(Claim::First(_))));
    }
    assert_eq!(firsts, 20_000);
    clock.advance(LEASE);
    for claimed in 100_000..140_000 {
        let Ok(Claim::First(lease)) = guard.claim(number(claimed)).await else {
            panic!("{claimed}");
        };
        guard.complete(&lease).await.unwrap();
    }
    let took = begin.elapsed();
    assert!(took < SECOND * 20, "{took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_of_many_threads_is_first() {
    let guard: Arc<dyn DuplicateGuard> = Arc::new(InMemory::new());
    for number in 0..50 {
        let claims = (0..16).map(|_| {
            let guard = Arc::clone(&guard);
            tokio::spawn(async move { claim(&*guard, number).await })
        });
        let mut firsts = 0;
        for claim in claims.collect::<Vec<_>>() {
            firsts += usize::from(claim.await.unwrap() == "first");
        }
        assert_eq!(firsts, 1);
    }
}

#[tokio::test]
async fn an_attempt_is_settled_once() {
    let clock = TestClock::default();
    let guard: Arc<dyn DuplicateGuard> = Arc::new(in_memory(&clock));
    let one = digest(1);
    let attempt = Attempt::claim(&guard, one).await.unwrap();
    let refused = Attempt::claim(&guard, one).await.unwrap_err();
    assert_eq!(refused, DuplicateError::in_progress(one, Some(LEASE)));
    drop(attempt);
    let attempt = Attempt::claim(&guard, one).await.unwrap();
    assert_eq!(attempt.release().await, Ok(Settled::Current));
    let attempt = Attempt::claim(&guard, one).await.unwrap();
    clock.advance(LEASE);
    let successor = Attempt::claim(&guard, one).await.unwrap();
    assert_eq!(attempt.complete().await, Ok(Settled::Stale));
    let refused = Attempt::claim(&guard, one).await.unwrap_err();
    assert_eq!(refused, DuplicateError::in_progress(one, Some(LEASE)));
    assert_eq!(successor.complete().await, Ok(Settled::Current));
    let refused = Attempt::claim(&guard, one).await.unwrap_err();
    assert_eq!(refused, DuplicateError::Done { digest: one });
}

#[tokio::test]
async fn a_response_settles_an_attempt() {
    let guard: Arc<dyn DuplicateGuard> = Arc::new(InMemory::new());
    for (number, (status, afterwards)) in (1..).zip([
        (200, "Done"),
        (204, "Done"),
        (299, "Done"),
        (199, "first"),
        (300, "first"),
        (404, "first"),
        (503, "first"),
    ]) {
        let attempt = Attempt::claim(&guard, digest(number)).await.unwrap();
        attempt.settle(status).await;
        assert_eq!(claim(&*guard, number).await, afterwards, "{status}");
    }
}

/// A guard that never completes a write.
#[derive(Debug, Default)]
struct Slow(InMemory);

impl DuplicateGuard for Slow {
    fn claim(&self, digest: BodyDigest) -> BoxFuture<'_, Result<Claim, GuardError>> {
        self.0.claim(digest)
    }

    fn complete<'a>(&'a self, _: &'a Lease) -> BoxFuture<'a, Result<Settled, GuardError>> {
        Box::pin(std::future::pending())
    }

    fn release<'a>(&'a self, _: &'a Lease) -> BoxFuture<'a, Result<Settled, GuardError>> {
        Box::pin(std::future::pending())
    }

    fn abandon(&self, lease: &Lease) {
        self.0.abandon(lease);
    }
}

#[tokio::test]
async fn a_success_being_recorded_is_not_undone_and_a_failure_is() {
    use futures_util::FutureExt as _;
    let guard: Arc<dyn DuplicateGuard> = Arc::new(Slow::default());
    let attempt = Attempt::claim(&guard, digest(1)).await.unwrap();
    assert!(attempt.complete().now_or_never().is_none());
    assert_eq!(claim(&*guard, 1).await, "InProgress");
    let attempt = Attempt::claim(&guard, digest(2)).await.unwrap();
    assert!(attempt.release().now_or_never().is_none());
    assert_eq!(claim(&*guard, 2).await, "first");
}
