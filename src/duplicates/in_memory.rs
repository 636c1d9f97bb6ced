//! The guard of one process.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Claim, DuplicateGuard, GuardError, Lease, Settled};
use crate::http_client::BoxFuture;
use crate::signature::BodyDigest;

/// Remembers callbacks in memory: for one process, and until it ends.
///
/// | setting | default |
/// |---|---|
/// | [time to live](Self::with_time_to_live) | seven days |
/// | [lease](Self::with_lease) | two minutes |
/// | [capacity](Self::with_capacity) | 100,000 callbacks, 20 MB |
/// | [clock](Self::with_clock) | monotonic |
///
/// Beyond its capacity it forgets the attempt whose lease ended longest ago, and if none did, what was done longest ago;
/// never what is in progress. A lease that ended is forgotten after another time to live in any case.
pub struct InMemory {
    memory: Mutex<Memory>,
    clock: Box<dyn Fn() -> Duration + Send + Sync>,
    time_to_live: Duration,
    lease: Duration,
    capacity: NonZeroUsize,
}

impl InMemory {
    /// How long is remembered what was done: seven days. Over how long Partner Center makes its ten attempts is not
    /// documented; the longest delay that it speaks of is 48 hours, for subscriptions.
    pub const TIME_TO_LIVE: Duration = Duration::from_secs(7 * 24 * 60 * 60);
    /// How long an attempt may take before another may begin: two minutes, longer than the 100 seconds that .NET's
    /// `HttpClient` waits for an answer by default.
    ///
    /// After a crash of a handler's machine, deliveries of what it was handling are answered 503 until the lease ends, with what
    /// is left of it as `Retry-After`. (This guard's leases end with its process; those of a shared store do not.) How long
    /// Partner Center's ten attempts take is not documented, nor whether it waits as it is told: a lease longer than that loses
    /// the event, so it should not be longer than handlers need, and never longer than 45 minutes.
    pub const LEASE: Duration = Duration::from_secs(120);
    /// How many callbacks are remembered: 100,000, in 20 MB on a 64-bit machine. Nothing is set aside in advance.
    pub const CAPACITY: NonZeroUsize = NonZeroUsize::MIN.saturating_add(99_999);

    /// Remembers nothing yet.
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

    /// Replaces how long is remembered what was done.
    #[must_use]
    pub fn with_time_to_live(mut self, time_to_live: Duration) -> Self {
        self.time_to_live = time_to_live;
        self
    }

    /// Replaces how long an attempt may take before another may begin. Longer than any handler runs.
    #[must_use]
    pub fn with_lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Replaces how many callbacks are remembered, each of which takes about 200 bytes.
    #[must_use]
    pub fn with_capacity(mut self, capacity: NonZeroUsize) -> Self {
        self.capacity = capacity;
        self
    }

    /// Reads the time, since whatever point, from `clock`. A clock that steps back stands still for that moment; one that
    /// steps forward ends leases and memories early.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// The memory at the present time. Nobody panics while holding it, and if so, each change to it is whole.
    fn now(&self) -> (MutexGuard<'_, Memory>, Duration) {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let now = memory.advance((self.clock)());
        (memory, now)
    }

    fn settle_claim(&self, digest: BodyDigest) -> Result<Claim, GuardError> {
        let (mut memory, now) = self.now();
        memory.forget_old(now, self.time_to_live);
        match memory.entries.get(&digest) {
            Some(entry) if now < entry.until => {
                return Ok(match entry.stage {
                    Stage::Open => Claim::InProgress {
                        lease_left: Some(entry.until.saturating_sub(now)),
                    },
                    Stage::Done => Claim::Done,
                });
            }
            Some(_) => {} // A lease that has ended: its place is taken over.
            None => memory.make_room(self.capacity, now)?,
        }
        let token = memory.put(digest, Stage::Open, now.saturating_add(self.lease));
        Ok(Claim::First(Lease::new(digest, token.into())))
    }

    fn settle_complete(&self, lease: &Lease) -> Settled {
        let (mut memory, now) = self.now();
        if !memory.is_current(lease) {
            return Settled::Stale;
        }
        let until = now.saturating_add(self.time_to_live);
        memory.put(lease.digest(), Stage::Done, until);
        Settled::Current
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
        Box::pin(async move { self.settle_claim(digest) })
    }

    fn complete<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<Settled, GuardError>> {
        Box::pin(async move { Ok(self.settle_complete(lease)) })
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
    /// No hash map: with entries that come and go it grows, now and then, to twice what it needs.
    entries: BTreeMap<BodyDigest, Entry>,
    /// By their numbers, which is the order in which their leases end.
    open: BTreeMap<u64, BodyDigest>,
    /// By their numbers, which is the order in which they are to be forgotten.
    done: BTreeMap<u64, BodyDigest>,
    last_number: u64,
    /// How far the clock went forward, and what it said last.
    time: Duration,
    read: Duration,
}

struct Entry {
    /// When the lease ends, or what is done is forgotten.
    until: Duration,
    /// The token, while it is open.
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

    /// In the place of what is there, under a number of its own.
    fn put(&mut self, digest: BodyDigest, stage: Stage, until: Duration) -> u64 {
        self.forget(&digest);
        let number = self.last_number.saturating_add(1);
        self.last_number = number;
        self.queue(stage).insert(number, digest);
        let entry = Entry {
            until,
            number,
            stage,
        };
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

    /// Forgets the first in the queue, if it ended by then.
    fn forget_first(&mut self, stage: Stage, by: Duration) -> bool {
        let first = self.queue(stage).first_key_value();
        let Some(digest) = first.map(|(_, digest)| *digest) else {
            return false;
        };
        let has_ended = (self.entries.get(&digest)).is_some_and(|entry| entry.until <= by);
        if has_ended {
            self.forget(&digest);
        }
        has_ended
    }

    fn forget_old(&mut self, now: Duration, time_to_live: Duration) {
        while self.forget_first(Stage::Done, now) {}
        // Attempts that crashed can still be completed, but not for ever.
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
                "it has room for {capacity} callbacks, and all of them are in progress"
            ))),
        }
    }
}
