//! The guard of one process.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::num::{NonZeroU64, NonZeroUsize};
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
/// Beyond its capacity it forgets what was done longest ago, and never what is in progress.
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
        memory.forget_old(now);
        match memory.entries.get(&digest) {
            Some(entry) if now < entry.until => {
                return Ok(match entry.token {
                    Some(_) => Claim::InProgress,
                    None => Claim::Done,
                });
            }
            Some(_) => {} // A lease that has ended: its place is taken over.
            None => memory.make_room(self.capacity, now)?,
        }
        let token = memory.last_token.saturating_add(1);
        memory.last_token = token;
        let entry = Entry {
            until: now.saturating_add(self.lease),
            token: NonZeroU64::new(token),
        };
        memory.entries.insert(digest, entry);
        Ok(Claim::First(Lease::new(digest, token.into())))
    }

    fn settle_complete(&self, lease: &Lease) -> Settled {
        let (mut memory, now) = self.now();
        let Some(entry) = memory.current(lease) else {
            return Settled::Stale;
        };
        *entry = Entry {
            until: now.saturating_add(self.time_to_live),
            token: None,
        };
        memory.done.push_back(lease.digest());
        Settled::Current
    }

    fn settle_release(&self, lease: &Lease) -> Settled {
        let (mut memory, _) = self.now();
        if memory.current(lease).is_none() {
            return Settled::Stale;
        }
        memory.entries.remove(&lease.digest());
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
    entries: HashMap<BodyDigest, Entry>,
    /// What is done, in the order in which it is to be forgotten.
    done: VecDeque<BodyDigest>,
    last_token: u64,
    /// How far the clock went forward, and what it said last.
    time: Duration,
    read: Duration,
}

struct Entry {
    /// When the lease ends, or what is done is forgotten.
    until: Duration,
    /// Of the lease; none if it is done.
    token: Option<NonZeroU64>,
}

impl Memory {
    fn advance(&mut self, read: Duration) -> Duration {
        self.time = self.time.saturating_add(read.saturating_sub(self.read));
        self.read = read;
        self.time
    }

    fn current(&mut self, lease: &Lease) -> Option<&mut Entry> {
        let entry = self.entries.get_mut(&lease.digest())?;
        let token = entry.token?.get();
        (u128::from(token) == lease.token()).then_some(entry)
    }

    fn forget_old(&mut self, now: Duration) {
        while let Some(oldest) = self.done.front()
            && self
                .entries
                .get(oldest)
                .is_none_or(|entry| entry.until <= now)
        {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) -> bool {
        let oldest = self.done.pop_front();
        oldest.is_some_and(|oldest| self.entries.remove(&oldest).is_some())
    }

    fn make_room(&mut self, capacity: NonZeroUsize, now: Duration) -> Result<(), GuardError> {
        if self.entries.len() < capacity.get() || self.forget_oldest() {
            return Ok(());
        }
        // Attempts that crashed, and were not delivered again.
        self.entries.retain(|_, entry| now < entry.until);
        match self.entries.len() < capacity.get() {
            true => Ok(()),
            false => Err(GuardError::new(format_args!(
                "it has room for {capacity} callbacks, and all of them are in progress"
            ))),
        }
    }
}
