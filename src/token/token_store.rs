//! The cached tokens.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use time::OffsetDateTime;

use super::provider::AccessToken;

/// One token for each scope.
///
/// A partner uses two or three scopes. Entries are never removed; an expired one is replaced.
#[derive(Default)]
pub(super) struct TokenStore(Mutex<HashMap<Box<str>, Entry>>);

struct Entry {
    token: AccessToken,
    /// The number of the request that returned it.
    number: u64,
    renew_at: Option<OffsetDateTime>,
    /// When a renewal was last started.
    tried_at: Option<OffsetDateTime>,
}

impl TokenStore {
    /// The token for `scope`, unless it has expired or is `rejected`.
    pub(super) fn usable(
        &self,
        scope: &str,
        rejected: Option<&AccessToken>,
        now: OffsetDateTime,
    ) -> Option<AccessToken> {
        let entries = self.entries();
        let token = &entries.get(scope)?.token;
        let is_expired = token.expires_at().is_some_and(|expiry| expiry <= now);
        (rejected != Some(token) && !is_expired).then(|| token.clone())
    }

    /// Whether the token for `scope` should be renewed.
    pub(super) fn renewal_is_due(&self, scope: &str, now: OffsetDateTime) -> bool {
        let entries = self.entries();
        entries.get(scope).is_some_and(|entry| entry.is_due(now))
    }

    /// Claims the renewal of the token for `scope`, if it is due.
    pub(super) fn claim_renewal(&self, scope: &str, now: OffsetDateTime) -> bool {
        let mut entries = self.entries();
        match entries.get_mut(scope).filter(|entry| entry.is_due(now)) {
            Some(entry) => {
                entry.tried_at = Some(now);
                true
            }
            None => false,
        }
    }

    /// Stores a token that was received `now`, unless a later request has already returned one.
    pub(super) fn store(&self, scope: &str, token: &AccessToken, number: u64, now: OffsetDateTime) {
        let mut entries = self.entries();
        let is_latest = |previous: &Entry| previous.number < number;
        if entries.get(scope).is_none_or(is_latest) {
            let entry = Entry {
                token: token.clone(),
                number,
                renew_at: token.expires_at().map(|expiry| renewal(expiry, now)),
                tried_at: None,
            };
            entries.insert(scope.into(), entry);
        }
    }

    /// A poisoned lock is usable, because no holder leaves an entry half-changed.
    fn entries(&self) -> MutexGuard<'_, HashMap<Box<str>, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    /// Tokens without an expiry are never due: they are replaced when they are rejected.
    fn is_due(&self, now: OffsetDateTime) -> bool {
        // If the clock was set back, the wait counts as over.
        let is_recent = |at| at <= now && now - at < RETRY;
        self.renew_at.is_some_and(|at| at <= now) && !self.tried_at.is_some_and(is_recent)
    }
}

/// When to renew a token that was received `now`.
fn renewal(expiry: OffsetDateTime, now: OffsetDateTime) -> OffsetDateTime {
    let before = expiry.saturating_sub(BEFORE_EXPIRY.try_into().unwrap_or_default());
    before.max(now.saturating_add((expiry - now) / 2))
}

pub(super) const BEFORE_EXPIRY: Duration = Duration::from_secs(5 * 60);
pub(super) const RETRY: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_lived_token_is_renewed_at_half_its_lifetime() {
        let at = |seconds| OffsetDateTime::from_unix_timestamp(seconds).unwrap();
        for (expiry, renewed) in [(3600, 3300), (600, 300), (599, 299), (10, 5), (0, 0), (-10, -5)]
        {
            let difference = (renewal(at(expiry), at(0)) - at(renewed)).whole_seconds();
            assert_eq!(difference, 0, "{expiry}");
        }
    }
}
