//! A guard for one process.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::guard::{Claim, DuplicateGuard, GuardError, Lease, Settled};
use crate::http_client::BoxFuture;
use crate::signature::BodyDigest;

/// Remembers callbacks in memory, for the life of one process.
///
/// | setting | default |
/// |---|---|
/// | [time to live](Self::with_time_to_live) | seven days |
/// | [lease](Self::with_lease) | two minutes |
/// | [capacity](Self::with_capacity) | 100,000 callbacks, 20 MB |
/// | [clock](Self::with_clock) | monotonic |
///
/// When it is full, it forgets the attempt whose lease expired longest ago or, if no lease expired, the callback that was
/// completed longest ago; never one in progress. An expired lease is forgotten after another time to live in any case.
pub struct InMemory {
    memory: Mutex<Memory>,
    clock: Box<dyn Fn() -> Duration + Send + Sync>,
    time_to_live: Duration,
    lease: Duration,
    capacity: NonZeroUsize,
}

impl InMemory {
    /// How long completed callbacks are remembered: seven days. The time that Partner Center's ten attempts take is not
    /// documented; the longest delay that its documentation mentions is 48 hours, for subscriptions.
    pub const TIME_TO_LIVE: Duration = Duration::from_secs(7 * 24 * 60 * 60);
    /// How long an attempt may take before another one may start: two minutes, longer than the 100 s that .NET's `HttpClient`
    /// waits for a response by default.
    ///
    /// After a crash, deliveries of the callback that was being handled get 503 until the lease expires, with the remaining time
    /// as `Retry-After`. (Leases of this guard end with its process; those of a shared store do not.) The time that Partner
    /// Center's ten attempts take is not documented, nor whether it obeys `Retry-After`. A lease longer than all attempts loses the
    /// event, so it should be no longer than handlers need, and never longer than 45 minutes.
    pub const LEASE: Duration = Duration::from_secs(120);
    /// How many callbacks are remembered: 100,000, in 20 MB on a 64-bit machine. Memory is allocated as needed.
    pub const CAPACITY: NonZeroUsize = NonZeroUsize::MIN.saturating_add(99_999);

    /// An empty guard.
    pub fn new() -> Self {
        let start = Instant::now();
        Self {
            memory: Mutex::default(),
            clock: Box::new(move || start.elapsed()),
            time_to_live: Self::TIME_TO_LIVE,
            lease: Self::LEASE,
            capacity: Self::CAPACITY,
        }
    }

    /// Replaces how long completed callbacks are remembered.
    #[must_use]
    pub fn with_time_to_live(mut self, time_to_live: Duration) -> Self {
        self.time_to_live = time_to_live;
        self
    }

    /// Replaces how long an attempt may take before another one may start. It must exceed the run time of any handler.
    #[must_use]
    pub fn with_lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Replaces how many callbacks are remembered. Each takes about 200 bytes.
    #[must_use]
    pub fn with_capacity(mut self, capacity: NonZeroUsize) -> Self {
        self.capacity = capacity;
        self
    }

    /// Reads the time from `clock`, counted from any fixed point. A step back counts as no time; a step forward expires leases and
    /// completed callbacks early.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// The memory at the present time. Every change under the lock is complete, so a poisoned lock is safe to use.
    fn now(&self) -> (MutexGuard<'_, Memory>, Duration) {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let now = memory.advance((self.clock)());
        (memory, now)
    }

    fn settle_release(&self, lease: &Lease) -> Settled {
        let (mut memory, _) = self.now();
        if !memory.is_current(lease) {
            return Settled::Stale;
        }
        memory.forget(&lease.digest());
        Settled::Current
    }
}

impl DuplicateGuard for InMemory {
    fn claim(&self, digest: BodyDigest) -> BoxFuture<'_, Result<Claim, GuardError>> {
        Box::pin(async move {
            let (mut memory, now) = self.now();
            memory.forget_old(now, self.time_to_live);
            match memory.entries.get(&digest) {
                Some(entry) if now < entry.until => {
                    return Ok(match entry.stage {
                        Stage::Open => {
                            Claim::InProgress { lease_left: Some(entry.until.saturating_sub(now)) }
                        }
                        Stage::Done => Claim::Done,
                    });
                }
                Some(_) => {} // An expired lease is replaced.
                None => memory.make_room(self.capacity, now)?,
            }
            let token = memory.put(digest, Stage::Open, now.saturating_add(self.lease));
            Ok(Claim::First(Lease::new(digest, token.into())))
        })
    }

    fn complete<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<Settled, GuardError>> {
        Box::pin(async move {
            let (mut memory, now) = self.now();
            if !memory.is_current(lease) {
                return Ok(Settled::Stale);
            }
            let until = now.saturating_add(self.time_to_live);
            memory.put(lease.digest(), Stage::Done, until);
            Ok(Settled::Current)
        })
    }

    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<Settled, GuardError>> {
        Box::pin(async move { Ok(self.settle_release(lease)) })
    }

    fn abandon(&self, lease: &Lease) {
        self.settle_release(lease);
    }
}

impl Default for InMemory {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for InMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InMemory")
            .field("time_to_live", &self.time_to_live)
            .field("lease", &self.lease)
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Memory {
    /// Not a hash map, because with changing entries that sometimes grows to twice the size it needs.
    entries: BTreeMap<BodyDigest, Entry>,
    /// By number, which is the order in which their leases expire.
    open: BTreeMap<u64, BodyDigest>,
    /// By number, which is the order in which they are to be forgotten.
    done: BTreeMap<u64, BodyDigest>,
    last_number: u64,
    /// The sum of the clock's steps forward, and its last reading.
    time: Duration,
    read: Duration,
}

struct Entry {
    /// When the lease expires, or the completed callback is forgotten.
    until: Duration,
    /// The token, while the callback is in progress.
    number: u64,
    stage: Stage,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Stage {
    Open,
    Done,
}

impl Memory {
    fn advance(&mut self, read: Duration) -> Duration {
        self.time = self.time.saturating_add(read.saturating_sub(self.read));
        self.read = read;
        self.time
    }

    fn is_current(&self, lease: &Lease) -> bool {
        self.entries.get(&lease.digest()).is_some_and(|entry| {
            entry.stage == Stage::Open && u128::from(entry.number) == lease.token()
        })
    }

    /// Replaces the entry of `digest`, under a new number.
    fn put(&mut self, digest: BodyDigest, stage: Stage, until: Duration) -> u64 {
        self.forget(&digest);
        let number = self.last_number.saturating_add(1);
        self.last_number = number;
        self.queue(stage).insert(number, digest);
        let entry = Entry { until, number, stage };
        self.entries.insert(digest, entry);
        number
    }

    fn forget(&mut self, digest: &BodyDigest) {
        if let Some(entry) = self.entries.remove(digest) {
            self.queue(entry.stage).remove(&entry.number);
        }
    }

    fn queue(&mut self, stage: Stage) -> &mut BTreeMap<u64, BodyDigest> {
        match stage {
            Stage::Open => &mut self.open,
            Stage::Done => &mut self.done,
        }
    }

    /// Forgets the first in the queue if it expired at the time `by` or before.
    fn forget_first(&mut self, stage: Stage, by: Duration) -> bool {
        let first = self.queue(stage).first_key_value();
        let Some(digest) = first.map(|(_, digest)| *digest) else {
            return false;
        };
        let has_expired = (self.entries.get(&digest)).is_some_and(|entry| entry.until <= by);
        if has_expired {
            self.forget(&digest);
        }
        has_expired
    }

    fn forget_old(&mut self, now: Duration, time_to_live: Duration) {
        while self.forget_first(Stage::Done, now) {}
        // Expired attempts can still be completed, but not forever.
        if let Some(by) = now.checked_sub(time_to_live) {
            while self.forget_first(Stage::Open, by) {}
        }
    }

    fn make_room(&mut self, capacity: NonZeroUsize, now: Duration) -> Result<(), GuardError> {
        let has_room = self.entries.len() < capacity.get()
            || self.forget_first(Stage::Open, now)
            || self.forget_first(Stage::Done, Duration::MAX);
        match has_room {
            true => Ok(()),
            false => Err(GuardError::new(format_args!(
                "it is full, and every remembered callback is in progress (capacity: {capacity})"
            ))),
        }
    }
}
