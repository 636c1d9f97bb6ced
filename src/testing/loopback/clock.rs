//! The clock of a fake.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::UnixTime;
use time::OffsetDateTime;

/// Tells a fake the time. Default: the system's.
#[derive(Clone)]
pub(crate) struct Clock(Arc<dyn Fn() -> OffsetDateTime + Send + Sync>);

impl Clock {
    pub(crate) fn new(now: impl Fn() -> OffsetDateTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    pub(crate) fn now(&self) -> OffsetDateTime {
        (self.0)()
    }

    /// The time in whole seconds; times before 1970 are 1970.
    pub(crate) fn unix_time(&self) -> UnixTime {
        let now = u64::try_from(self.now().unix_timestamp()).unwrap_or_default();
        UnixTime::since_unix_epoch(Duration::from_secs(now))
    }

    /// Moves the clock forward.
    pub(crate) fn advance(&mut self, time: Duration) {
        let earlier = self.clone();
        let time = time.try_into().unwrap_or_default();
        *self = Self::new(move || earlier.now().saturating_add(time));
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new(OffsetDateTime::now_utc)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Clock").field(&self.now()).finish()
    }
}
