//! The signers of one URL, and when they are due to be refreshed and checked.
//!
//! A set has one *current* signer, whose certificate the URL served last, and at most two *former* ones with other keys, which are
//! accepted for seven days after they were replaced. Sets are immutable: each change makes a new set, so that a callback keeps a
//! consistent one.
//!
//! | due | when |
//! |---|---|
//! | refresh | a day after the fetch or a week before the certificate expires, but at least ten minutes after the last attempt |
//! | check | twelve hours after the last one or a day before the lists expire; an hour after it if a list is missing |

use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::UnixTime;

use super::times;
use super::verdict::Verdict;
use crate::chain::VerifiedSigner;
use crate::spawn::single_flight::Moment;

/// The signers of one URL: the current one, and up to two that it replaced. Cheap to clone.
///
/// [`Signers::find`](super::Signers::find) returns it. A callback keeps the set that it was given, whatever happens to the URL
/// meanwhile.
#[derive(Clone, Debug)]
pub struct SignerSet(Arc<Set>);

/// Never changed, so that the callbacks that hold it agree on its signers.
#[derive(Clone, Debug)]
struct Set {
    /// The current signer or, if there is none, the one replaced last.
    first: Kept,
    /// Replaced signers, the latest first.
    others: Vec<Kept>,
    /// `None` for imports before the first fetch: then no mismatch is final.
    fetched: Option<Fetched>,
    refresh: Schedule,
    check: Schedule,
}

/// A signer, and until when its signatures are accepted.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) signer: Arc<VerifiedSigner>,
    /// [`Duration::MAX`] for the current one.
    pub(super) until: Duration,
    /// When an earlier receiver exported it, if that was long ago and it was not fetched since.
    pub(super) exported: Option<Duration>,
}

impl Kept {
    /// This signer, once another one replaced it at the time `now`. An old export must not revive a signer that was replaced long
    /// ago.
    pub(super) fn replaced(self, now: Duration) -> Self {
        let since = self.exported.map_or(now, |exported| exported.min(now));
        Self { until: self.until.min(since.saturating_add(times::FORMER_AGE)), ..self }
    }
}

/// The last successful fetch of the certificate.
#[derive(Clone, Debug)]
pub(super) struct Fetched {
    /// The number of the fetch.
    pub(super) number: u64,
    /// When it started: the host served the certificate then or later.
    pub(super) at: Moment,
}

/// When an action is next due. An attempt counts from its start.
#[derive(Clone, Copy, Debug, Default)]
struct Schedule {
    /// When the last attempt started.
    attempted: Duration,
    /// When the next one may start.
    next: Duration,
}

impl Schedule {
    /// An attempt started at the time `now`; the next one is due after `wait`, whatever its outcome.
    fn after_attempt(now: Duration, wait: Duration) -> Self {
        Self { attempted: now, next: now.saturating_add(wait) }
    }

    /// A clock that was set back makes everything due.
    fn is_due(&self, now: Duration) -> bool {
        now < self.attempted || self.next <= now
    }
}

impl SignerSet {
    /// A set that was not fetched: everything is due at once.
    fn of(first: Kept, others: Vec<Kept>) -> Self {
        Self(Arc::new(Set {
            first,
            others,
            fetched: None,
            refresh: Schedule::default(),
            check: Schedule::default(),
        }))
    }

    /// The set with a change.
    fn with(&self, change: impl FnOnce(&mut Set)) -> Self {
        let mut set = Set::clone(&self.0);
        change(&mut set);
        Self(Arc::new(set))
    }

    /// The signer whose certificate the URL served last or, before the first fetch after a start, the latest import.
    pub fn current(&self) -> &Arc<VerifiedSigner> {
        &self.0.first.signer
    }

    /// The signers to try at the time `now`, the current one first.
    pub(crate) fn usable(&self, now: UnixTime) -> impl Iterator<Item = &Arc<VerifiedSigner>> {
        let seconds = Duration::from_secs(now.as_secs());
        self.kept()
            .filter(move |kept| seconds < kept.until && kept.signer.is_valid_at(now))
            .map(|kept| &kept.signer)
    }

    /// Whether any signer is usable at the time `now`.
    pub(super) fn is_usable(&self, now: Duration) -> bool {
        self.usable(UnixTime::since_unix_epoch(now)).next().is_some()
    }

    /// Signers that newer revocation lists would make usable at the time `now`.
    pub(super) fn unproven(&self, now: Duration) -> impl Iterator<Item = &Arc<VerifiedSigner>> {
        let time = UnixTime::since_unix_epoch(now);
        self.kept()
            .filter(move |kept| now < kept.until && kept.signer.misses_evidence_at(time))
            .map(|kept| &kept.signer)
    }

    /// Every signer, the current one first, valid at this time or not.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<VerifiedSigner>> {
        self.kept().map(|kept| &kept.signer)
    }

    /// Each signer with the end of its acceptance, the current one first.
    pub(super) fn kept(&self) -> impl Iterator<Item = &Kept> {
        std::iter::once(&self.0.first).chain(&self.0.others)
    }

    /// Whether a signer that is usable at the time `now` is not among `tried`.
    ///
    /// If so, the signature is tried under it before anything is fetched.
    pub(super) fn has_other_than(&self, tried: &Self, now: UnixTime) -> bool {
        self.usable(now).any(|signer| {
            let is_tried =
                |tried: &Arc<VerifiedSigner>| tried.fingerprint() == signer.fingerprint();
            !tried.usable(now).any(is_tried)
        })
    }

    /// Whether the certificate was fetched after `arrival`, or less than [`times::FRESH`] ago: then a signature that does not match
    /// is refused for good.
    pub(super) fn is_fresh(&self, arrival: u64, now: Duration) -> bool {
        self.0.fetched.as_ref().is_some_and(|fetched| {
            let is_recent = fetched.at.time <= now && fetched.at.age(now) < times::FRESH;
            fetched.number > arrival || is_recent
        })
    }

    /// The age of the certificate, if its fetch started before `arrival`.
    pub(super) fn age_before(&self, arrival: u64, now: Duration) -> Option<Duration> {
        let fetched = self.0.fetched.as_ref().filter(|fetched| fetched.number <= arrival)?;
        Some(fetched.at.age(now))
    }

    /// The fetch starts behind the callback that sees this.
    pub(super) fn refresh_is_due(&self, now: Duration) -> bool {
        self.0.refresh.is_due(now)
    }

    /// When the fetch of the current signer started, if it was fetched.
    pub(super) fn fetched_at(&self) -> Option<&Moment> {
        self.0.fetched.as_ref().map(|fetched| &fetched.at)
    }

    /// The check starts behind the callback that sees this.
    pub(super) fn check_is_due(&self, now: Duration) -> bool {
        self.0.check.is_due(now)
    }

    /// The set after a fetch of the certificate has started.
    ///
    /// Recorded at the start, so that a fetch that hangs or fails is not repeated by each callback.
    pub(super) fn with_refresh_attempt(&self, now: Duration) -> Self {
        self.with(|set| set.refresh = Schedule::after_attempt(now, times::REFRESH_RETRY))
    }

    /// The set after a check of its revocation lists has started.
    ///
    /// Recorded at the start, as that of a fetch.
    pub(super) fn with_check_attempt(&self, now: Duration) -> Self {
        self.with(|set| set.check = Schedule::after_attempt(now, times::REVOCATION_RETRY))
    }

    /// The set with the signers in `verdicts` renewed or dropped; `None` if none is left.
    ///
    /// The schedules of a set whose current signer is gone start anew: what the URL serves is unknown then.
    pub(super) fn after(&self, verdicts: &[Verdict]) -> Option<Self> {
        let renew = |kept: &Kept| {
            let verdict = verdicts.iter().find(|verdict| verdict.is_about(&kept.signer));
            let signer = match verdict {
                Some(verdict) => verdict.renewed.clone()?,
                None => Arc::clone(&kept.signer),
            };
            Some(Kept { signer, ..kept.clone() })
        };
        let mut passed = self.kept().filter_map(renew);
        let mut set = Set::clone(&self.0);
        set.first = passed.next()?;
        set.others = passed.collect();
        if set.first.signer.fingerprint() != self.current().fingerprint() {
            // The signer that the URL serves is gone, so no mismatch is final under the others.
            set.fetched = None;
            set.refresh = Schedule::default();
        }
        Some(Self(Arc::new(set)))
    }

    /// The set after a check of the signers in `checked` that started at the time `now`. A signer that was added meanwhile still
    /// needs a check of its own.
    ///
    /// The next check is due before the first list expires, so that there is always one in force.
    pub(super) fn checked(&self, checked: &Self, now: Duration) -> Self {
        let was_checked = |signer: &Arc<VerifiedSigner>| {
            (checked.iter()).any(|checked| checked.fingerprint() == signer.fingerprint())
        };
        if !self.iter().all(was_checked) {
            return self.clone();
        }
        let lists_end = self.iter().filter_map(|signer| signer.revocation_lists_end()).min();
        let day_before = lists_end.map_or(Duration::MAX, |end| {
            Duration::from_secs(end.as_secs()).saturating_sub(times::REFRESH_AGE)
        });
        let age = match self.iter().any(|signer| signer.misses_lists()) {
            true => times::REVOCATION_RETRY,
            false => times::LIST_AGE,
        };
        let next =
            (now.saturating_add(age).min(day_before)).max(now.saturating_add(times::REFRESH_RETRY));
        self.with(|set| set.check = Schedule { attempted: now, next })
    }

    /// The set with `signer` as the current one.
    ///
    /// A signer of the same certificate keeps its schedule of checks. The previous one becomes a former signer, unless it has the same
    /// key: its signatures verify under the new certificate too.
    pub(super) fn with_current(
        before: Option<&Self>,
        signer: Arc<VerifiedSigner>,
        fetched: Fetched,
    ) -> Self {
        let now = fetched.at.time;
        let week_before_end = Duration::from_secs(signer.valid_until().as_secs())
            .saturating_sub(times::REFRESH_BEFORE_END);
        let next = (now.saturating_add(times::REFRESH_AGE).min(week_before_end))
            .max(now.saturating_add(times::REFRESH_RETRY));
        let is_known = before
            .is_some_and(|set| (set.iter()).any(|kept| kept.fingerprint() == signer.fingerprint()));
        let check = before.map(|set| set.0.check).filter(|_| is_known);
        let others = before.map_or_else(Vec::new, |set| set.formers_behind(&signer, now));
        let first = Kept { signer, until: Duration::MAX, exported: None };
        Self(Arc::new(Set {
            first,
            others,
            fetched: Some(fetched),
            refresh: Schedule { attempted: now, next },
            check: check.unwrap_or_default(),
        }))
    }

    /// The set with an imported signer. It is the current one until the URL has been fetched.
    ///
    /// A signer whose key is held already adds nothing, and neither does a third former one.
    pub(super) fn with_former(before: Option<&Self>, former: Kept, now: Duration) -> Self {
        let Some(before) = before else {
            return Self::of(former, Vec::new());
        };
        let former = former.replaced(now);
        let is_held = before.iter().any(|kept| kept.has_key_of(&former.signer));
        before.with(|set| {
            if !is_held && now < former.until && set.others.len() < times::MAX_FORMERS {
                set.others.push(former);
                set.check = Schedule::default();
            }
        })
    }

    /// The former signers once `current` is the current one: at most two, of other keys.
    ///
    /// The order is kept, so the one that was replaced first is dropped first.
    fn formers_behind(&self, current: &VerifiedSigner, now: Duration) -> Vec<Kept> {
        let mut others: Vec<Kept> = Vec::new();
        for kept in self.kept() {
            let key_is_held = kept.signer.has_key_of(current)
                || others.iter().any(|held| held.signer.has_key_of(&kept.signer));
            if !key_is_held && others.len() < times::MAX_FORMERS {
                others.push(kept.clone().replaced(now));
            }
        }
        others
    }

    /// When its last signer expires, in seconds since 1970. The row that expires first makes room.
    pub(super) fn valid_until(&self) -> u64 {
        let ends = self.iter().map(|signer| signer.valid_until().as_secs());
        ends.max().unwrap_or_default()
    }
}
