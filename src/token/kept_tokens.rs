//! The tokens that are kept.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use time::OffsetDateTime;

use super::AccessToken;

/// One token for each scope.
#[derive(Default)]
pub(super) struct KeptTokens(Mutex<HashMap<Box<str>, Kept>>);

struct Kept {
    token: AccessToken,
    /// Of the request that brought it.
    number: u64,
    /// When to ask for another one.
    renew_at: Option<OffsetDateTime>,
    /// When another one was asked for.
    tried_at: Option<OffsetDateTime>,
}

impl KeptTokens {
    /// The token for `scope`, if it has not ended and is not the one that was refused.
    pub(super) fn good(
        &self,
        scope: &str,
        refused: Option<&AccessToken>,
        now: OffsetDateTime,
    ) -> Option<AccessToken> {
        let kept = self.kept();
        let token = &kept.get(scope)?.token;
        let has_ended = token.expires_at().is_some_and(|end| end <= now);
        (refused != Some(token) && !has_ended).then(|| token.clone())
    }

    /// Whether to ask for another token.
    pub(super) fn renewal_is_due(&self, scope: &str, now: OffsetDateTime) -> bool {
        self.kept().get(scope).is_some_and(|kept| kept.is_due(now))
    }

    /// The same, and notes that it is asked for.
    pub(super) fn may_renew(&self, scope: &str, now: OffsetDateTime) -> bool {
        let mut kept = self.kept();
        match kept.get_mut(scope).filter(|kept| kept.is_due(now)) {
            Some(kept) => {
                kept.tried_at = Some(now);
                true
            }
            None => false,
        }
    }

    /// Keeps what came `now`, unless what was asked for later has come.
    pub(super) fn keep(&self, scope: &str, token: &AccessToken, number: u64, now: OffsetDateTime) {
        let mut kept = self.kept();
        let is_latest = |before: &Kept| before.number < number;
        if kept.get(scope).is_none_or(is_latest) {
            let new = Kept {
                token: token.clone(),
                number,
                renew_at: token.expires_at().map(|end| renewal(end, now)),
                tried_at: None,
            };
            kept.insert(scope.into(), new);
        }
    }

    /// No holder of the lock can leave the tokens half-changed, so a panic elsewhere does not matter.
    fn kept(&self) -> MutexGuard<'_, HashMap<Box<str>, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn is_due(&self, now: OffsetDateTime) -> bool {
        // A clock that was set back counts as a wait that is over.
        let is_tried = |at| at <= now && now - at < RETRY;
        self.renew_at.is_some_and(|at| at <= now) && !self.tried_at.is_some_and(is_tried)
    }
}

/// When to replace a token that is given `now`.
fn renewal(end: OffsetDateTime, now: OffsetDateTime) -> OffsetDateTime {
    let before = end.saturating_sub(BEFORE_END.try_into().unwrap_or_default());
    before.max(now.saturating_add((end - now) / 2))
}

pub(super) const BEFORE_END: Duration = Duration::from_secs(5 * 60);
pub(super) const RETRY: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_of_a_short_life_is_kept_for_half_of_it() {
        let at = |seconds| OffsetDateTime::from_unix_timestamp(seconds).unwrap();
        for (end, renewed) in [
            (3600, 3300),
            (600, 300),
            (599, 299),
            (10, 5),
            (0, 0),
            (-10, -5),
        ] {
            let difference = (renewal(at(end), at(0)) - at(renewed)).whole_seconds();
            assert_eq!(difference, 0, "{end}");
        }
    }
}
