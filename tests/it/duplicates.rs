//! Guards: the one in memory keeps the contract, and every way to break it is found out.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
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
async fn the_one_in_memory_conforms() {
    let open = |clock: &TestClock| {
        let node: Arc<dyn DuplicateGuard> = Arc::new(in_memory(clock));
        [Arc::clone(&node), node]
    };
    let outcome = duplicate_guard_conformance(open, LEASE, TIME_TO_LIVE).await;
    assert_eq!(outcome, Ok(()));
}

/// How a guard over a shared store goes wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fault {
    None,
    AbandonCompletes,
    ChecksThenWrites,
    CompletesAgainAfterRelease,
    CompletesWhateverTheToken,
    Down,
    EachNodeForItself,
    EndsLeasesEarly,
    EndsLeasesWhenSetBack,
    ForgetsWhatIsDone,
    KeysOnHalfTheDigest,
    LateSuccessIsLost,
    MistrustsJumps,
    NeverEndsLeases,
    RefusesWhatIsDone,
    ReleaseDoesNothing,
    ReleasesWhateverTheToken,
    SuccessorsInheritTheToken,
    TokensRepeat,
}

/// The last token, and the table.
type Rows = (u128, HashMap<Vec<u8>, Row>);

#[derive(Debug)]
struct Row {
    token: u128,
    is_done: bool,
    since: Duration,
}

/// A guard as over a database: every access takes a turn of the runtime.
#[derive(Debug)]
struct Shared {
    fault: Fault,
    clock: TestClock,
    rows: Arc<Mutex<Rows>>,
}

impl Shared {
    fn key(&self, digest: BodyDigest) -> Vec<u8> {
        let bytes = digest.as_bytes();
        match self.fault {
            Fault::KeysOnHalfTheDigest => bytes[..16].to_vec(),
            _ => bytes.to_vec(),
        }
    }

    /// What stands against a claim.
    fn obstacle(&self, digest: BodyDigest) -> Option<Claim> {
        let rows = self.rows.lock().unwrap();
        let row = rows.1.get(&self.key(digest))?;
        let now = self.clock.now();
        let age = now.saturating_sub(row.since);
        let lease = match self.fault {
            Fault::EndsLeasesEarly => LEASE / 2,
            Fault::NeverEndsLeases => Duration::MAX,
            _ => LEASE,
        };
        let is_over = match self.fault {
            Fault::EndsLeasesWhenSetBack => age > lease || now < row.since,
            Fault::MistrustsJumps => age > lease && age < lease * 3,
            _ => age > lease,
        };
        match (row.is_done, is_over) {
            (true, true) if self.fault == Fault::ForgetsWhatIsDone => None,
            (true, _) if self.fault == Fault::RefusesWhatIsDone => Some(Claim::InProgress),
            (true, _) => Some(Claim::Done),
            (false, true) => None,
            (false, false) => Some(Claim::InProgress),
        }
    }

    fn take(&self, digest: BodyDigest) -> Claim {
        let mut rows = self.rows.lock().unwrap();
        if self.fault != Fault::TokensRepeat {
            rows.0 += 1;
        }
        let old = rows.1.get(&self.key(digest)).map(|row| row.token);
        let token = match self.fault {
            Fault::SuccessorsInheritTheToken => old.unwrap_or(rows.0),
            _ => rows.0,
        };
        let row = Row {
            token,
            is_done: false,
            since: self.clock.now(),
        };
        rows.1.insert(self.key(digest), row);
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
            rows.1.entry(key.clone()).or_insert_with(|| Row {
                token: lease.token(),
                is_done: false,
                since: now,
            });
        }
        let Some(row) = rows.1.get_mut(&key) else {
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
            row.since = now;
        } else if self.fault != Fault::ReleaseDoesNothing {
            rows.1.remove(&key);
        }
        Settled::Current
    }
}

impl DuplicateGuard for Shared {
    fn claim(&self, digest: BodyDigest) -> BoxFuture<'_, Result<Claim, GuardError>> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            if self.fault == Fault::Down {
                return Err(GuardError::new("it is down"));
            }
            if let Some(obstacle) = self.obstacle(digest) {
                return Ok(obstacle);
            }
            if self.fault == Fault::ChecksThenWrites {
                tokio::task::yield_now().await;
            }
            Ok(self.take(digest))
        })
    }

    fn complete<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<Settled, GuardError>> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            Ok(self.settle(lease, true))
        })
    }

    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<Settled, GuardError>> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            Ok(self.settle(lease, false))
        })
    }

    fn abandon(&self, lease: &Lease) {
        if self.fault == Fault::AbandonCompletes {
            self.settle(lease, true);
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
            })
        })
    };
    let outcome = duplicate_guard_conformance(open, LEASE, TIME_TO_LIVE).await;
    outcome.map_err(|error| error.to_string())
}

#[tokio::test]
async fn every_broken_guard_is_found_out_by_its_rule() {
    assert_eq!(conformance_of(Fault::None).await, Ok(()));
    let alone = "one claim at a time, and none once it is completed";
    let released = "a released claim is open to the next, and settled for the last";
    let crash = "an attempt that crashed ends with its lease, and no earlier";
    for (fault, rule, says) in [
        (
            Fault::AbandonCompletes,
            "an abandoned claim is open again when its lease ends at the latest",
            "Done (expected First)",
        ),
        (
            Fault::ChecksThenWrites,
            "of many claims at once, one is first",
            "First(Lease { digest: 0101010101010101010101010101010101010101010101010101010101010101, token: 2 }) (expected InProgress)",
        ),
        (
            Fault::CompletesAgainAfterRelease,
            released,
            "Current (expected Stale)",
        ),
        (
            Fault::CompletesWhateverTheToken,
            released,
            "Current (expected Stale)",
        ),
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
            "a clock that is set back ends no lease, forgets nothing, and blocks nobody for good",
            "First(Lease { digest: 0101010101010101010101010101010101010101010101010101010101010101, token: 2 }) (expected InProgress)",
        ),
        (
            Fault::ForgetsWhatIsDone,
            "what is done stays done for the time to live",
            "First(Lease { digest: 0101010101010101010101010101010101010101010101010101010101010101, token: 2 }) (expected Done)",
        ),
        (
            Fault::KeysOnHalfTheDigest,
            "digests are told apart by every byte",
            "InProgress (expected First)",
        ),
        (
            Fault::LateSuccessIsLost,
            "a late success counts if nobody took over",
            "Stale (expected Current)",
        ),
        (
            Fault::MistrustsJumps,
            "a clock that is set forward is time that passes, and tokens stay apart",
            "InProgress (expected First)",
        ),
        (Fault::NeverEndsLeases, crash, "InProgress (expected First)"),
        (
            Fault::RefusesWhatIsDone,
            alone,
            "InProgress (expected Done)",
        ),
        (
            Fault::ReleaseDoesNothing,
            released,
            "Current (expected Stale)",
        ),
        (
            Fault::ReleasesWhateverTheToken,
            released,
            "Current (expected Stale)",
        ),
        (
            Fault::SuccessorsInheritTheToken,
            "who comes too late does not disturb the attempt that took over",
            "Current (expected Stale)",
        ),
        (Fault::TokensRepeat, released, "Current (expected Stale)"),
    ] {
        let expected = format!("{rule}: the guard says {says}");
        assert_eq!(conformance_of(fault).await, Err(expected), "{fault:?}");
    }
    let down = "the duplicate guard failed: it is down";
    assert_eq!(
        conformance_of(Fault::Down).await,
        Err(format!("{alone}: {down}"))
    );
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
        Ok(claim) => format!("{claim:?}"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn memory_ends_exactly_with_its_time_to_live() {
    let clock = TestClock::default();
    let guard = in_memory(&clock);
    done(&guard, 1).await;
    clock.advance(TIME_TO_LIVE - SECOND);
    assert_eq!(claim(&guard, 1).await, "Done");
    clock.advance(SECOND);
    assert_eq!(claim(&guard, 1).await, "first");

    // A lease ends exactly too, and in time that goes forward: setting the clock back makes nobody wait longer.
    clock.advance(LEASE - SECOND);
    assert_eq!(claim(&guard, 1).await, "InProgress");
    clock.set_back(SECOND * 3600);
    assert_eq!(claim(&guard, 1).await, "InProgress");
    clock.advance(SECOND);
    assert_eq!(claim(&guard, 1).await, "first");
}

#[tokio::test]
async fn a_full_memory_forgets_the_oldest_and_never_what_is_in_progress() {
    let clock = TestClock::default();
    let guard = in_memory(&clock).with_capacity(NonZeroUsize::new(3).unwrap());
    let held = first(&guard, 1).await;
    done(&guard, 2).await;
    done(&guard, 3).await;
    let other = first(&guard, 4).await; // in the place of 2
    assert_eq!(claim(&guard, 1).await, "InProgress");
    assert_eq!(claim(&guard, 3).await, "Done");
    let third = first(&guard, 2).await; // in the place of 3
    let full =
        "the duplicate guard failed: it has room for 3 callbacks, and all of them are in progress";
    assert_eq!(claim(&guard, 3).await, full);
    assert_eq!(claim(&guard, 1).await, "InProgress");

    // Room comes with whatever ends: a completed attempt, a released one, a crashed one.
    assert_eq!(guard.complete(&held).await, Ok(Settled::Current));
    let fourth = first(&guard, 3).await; // in the place of 1
    assert_eq!(claim(&guard, 1).await, full);
    guard.abandon(&fourth);
    done(&guard, 1).await;
    assert_eq!(guard.release(&other).await, Ok(Settled::Current));
    done(&guard, 5).await;
    clock.advance(LEASE);
    done(&guard, 6).await; // in the place of 1; 2 has crashed, and has its place until that is needed
    assert_eq!(guard.complete(&third).await, Ok(Settled::Current));
    let claims = [
        claim(&guard, 2).await,
        claim(&guard, 5).await,
        claim(&guard, 6).await,
    ];
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

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_threads_one_is_first() {
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
    assert_eq!(refused, DuplicateError::InProgress { digest: one });
    drop(attempt);
    let attempt = Attempt::claim(&guard, one).await.unwrap();
    assert_eq!(attempt.release().await, Ok(Settled::Current));
    let attempt = Attempt::claim(&guard, one).await.unwrap();
    clock.advance(LEASE);
    let successor = Attempt::claim(&guard, one).await.unwrap();
    assert_eq!(attempt.complete().await, Ok(Settled::Stale));
    let refused = Attempt::claim(&guard, one).await.unwrap_err();
    assert_eq!(refused, DuplicateError::InProgress { digest: one });
    assert_eq!(successor.complete().await, Ok(Settled::Current));
    let refused = Attempt::claim(&guard, one).await.unwrap_err();
    assert_eq!(refused, DuplicateError::Done { digest: one });
}

#[tokio::test]
async fn an_answer_settles_an_attempt() {
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

/// A guard that never gets round to noting anything.
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
async fn a_success_that_is_being_noted_is_not_taken_back_and_a_failure_is() {
    use futures_util::FutureExt as _;
    let guard: Arc<dyn DuplicateGuard> = Arc::new(Slow::default());
    let attempt = Attempt::claim(&guard, digest(1)).await.unwrap();
    assert!(attempt.complete().now_or_never().is_none());
    assert_eq!(claim(&*guard, 1).await, "InProgress");
    let attempt = Attempt::claim(&guard, digest(2)).await.unwrap();
    assert!(attempt.release().now_or_never().is_none());
    assert_eq!(claim(&*guard, 2).await, "first");
}
