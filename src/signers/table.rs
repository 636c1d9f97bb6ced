//! What is kept: an immutable table that is replaced as a whole, so that reading it takes no lock.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls_pki_types::UnixTime;

use super::times;
use crate::chain::{ChainError, VerifiedSigner};
use crate::single_flight::Moment;
use crate::source::CertificateUrl;

/// The signers of all URLs. Readers take no lock; writers take turns.
#[derive(Debug, Default)]
pub(super) struct Table {
    rows: ArcSwap<Rows>,
    writer: Mutex<()>,
}

type Rows = Vec<(CertificateUrl<'static>, SignerSet)>;

impl Table {
    /// The signers of `url`, if one of them is good at the time `now`.
    pub(super) fn get(&self, url: &CertificateUrl<'_>, now: Duration) -> Option<SignerSet> {
        let rows = self.rows.load();
        let (_, set) = rows
            .iter()
            .find(|(kept, _)| kept.as_str() == url.as_str())?;
        set.is_usable(now).then(|| set.clone())
    }

    /// The signers of `url`, good or not.
    pub(super) fn row(&self, url: &CertificateUrl<'_>) -> Option<SignerSet> {
        let rows = self.rows.load();
        let row = rows.iter().find(|(kept, _)| kept.as_str() == url.as_str());
        row.map(|(_, set)| set.clone())
    }

    pub(super) fn rows(&self) -> Arc<Rows> {
        self.rows.load_full()
    }

    /// Puts what `change` makes of the row of `url` in its place; nothing removes the row. Returns the new row.
    ///
    /// `change` runs under the writers' lock: it must not call anybody else's code.
    pub(super) fn update(
        &self,
        url: &CertificateUrl<'_>,
        change: impl FnOnce(Option<&SignerSet>) -> Option<SignerSet>,
    ) -> Option<SignerSet> {
        let turn = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut rows = Rows::clone(&self.rows.load());
        let at = rows
            .iter()
            .position(|(kept, _)| kept.as_str() == url.as_str());
        let changed = change(at.and_then(|at| rows.get(at)).map(|(_, set)| set));
        match (at, &changed) {
            (Some(at), Some(set)) => {
                if let Some((_, row)) = rows.get_mut(at) {
                    *row = set.clone();
                }
            }
            (Some(at), None) => {
                rows.swap_remove(at);
            }
            (None, Some(set)) => {
                make_room(&mut rows);
                rows.push((url.clone().into_owned(), set.clone()));
            }
            (None, None) => return None,
        }
        let before = self.rows.swap(Arc::new(rows));
        drop(turn);
        // Keys are a backend's, and so are their destructors: they run under no lock.
        drop(before);
        changed
    }

    /// Runs `change` while no row is written: a writer sees what it changes, or has left its row before.
    pub(super) fn between_writes<T>(&self, change: impl FnOnce() -> T) -> T {
        let _turn = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        change()
    }
}

/// Drops what ends first, but not what Microsoft documents.
fn make_room(rows: &mut Rows) {
    if rows.len() < times::MAX_URLS {
        return;
    }
    let worth =
        |(url, set): &(CertificateUrl<'_>, SignerSet)| (url.is_documented(), set.valid_until());
    let least = rows.iter().map(worth).min();
    if let Some(at) = rows.iter().position(|row| Some(worth(row)) == least) {
        rows.swap_remove(at);
    }
}

/// The signers of one URL: the current one, and up to two that it replaced. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SignerSet(Arc<Set>);

#[derive(Clone, Debug)]
struct Set {
    /// The current signer or, if there is none, the latest that was replaced.
    first: Kept,
    /// Those that were replaced, the latest first.
    others: Vec<Kept>,
    fetched: Option<Fetched>,
    refresh: Schedule,
    check: Schedule,
}

/// A signer, and until when its signatures are accepted.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) signer: Arc<VerifiedSigner>,
    /// For the current one, without end.
    pub(super) until: Duration,
    /// When an earlier receiver exported it, if that was long ago, and it was not fetched since.
    pub(super) exported: Option<Duration>,
}

impl Kept {
    /// It once another signer took its place at the time `now`. An old export must not make a signer good again that was
    /// replaced long ago.
    pub(super) fn replaced(self, now: Duration) -> Self {
        let since = self.exported.map_or(now, |exported| exported.min(now));
        Self {
            until: self.until.min(since.saturating_add(times::FORMER_AGE)),
            ..self
        }
    }
}

/// The last fetch of the certificate that succeeded.
#[derive(Clone, Debug)]
pub(super) struct Fetched {
    /// The number of the flight.
    pub(super) number: u64,
    /// When it started: the host served the certificate then, or later.
    pub(super) at: Moment,
}

/// When something is next due. An attempt counts from its start.
#[derive(Clone, Copy, Debug, Default)]
struct Schedule {
    attempted: Duration,
    next: Duration,
}

impl Schedule {
    /// A clock that was set back makes everything due.
    fn is_due(&self, now: Duration) -> bool {
        now < self.attempted || self.next <= now
    }
}

impl SignerSet {
    fn of(first: Kept, others: Vec<Kept>) -> Self {
        Self(Arc::new(Set {
            first,
            others,
            fetched: None,
            refresh: Schedule::default(),
            check: Schedule::default(),
        }))
    }

    /// The signer whose certificate the URL served last or, before the first fetch after a start, the latest that was kept.
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

    fn is_usable(&self, now: Duration) -> bool {
        self.usable(UnixTime::since_unix_epoch(now))
            .next()
            .is_some()
    }

    /// Signers that newer revocation lists would make usable at the time `now`.
    pub(super) fn unproven(&self, now: Duration) -> impl Iterator<Item = &Arc<VerifiedSigner>> {
        let time = UnixTime::since_unix_epoch(now);
        self.kept()
            .filter(move |kept| now < kept.until && kept.signer.misses_evidence_at(time))
            .map(|kept| &kept.signer)
    }

    /// Every signer, the current one first, whether it is valid at this time or not.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<VerifiedSigner>> {
        self.kept().map(|kept| &kept.signer)
    }

    pub(super) fn kept(&self) -> impl Iterator<Item = &Kept> {
        std::iter::once(&self.0.first).chain(&self.0.others)
    }

    /// Whether one of these signers, usable at the time `now`, is not among `tried`.
    pub(super) fn has_other_than(&self, tried: &Self, now: UnixTime) -> bool {
        self.usable(now).any(|signer| {
            let is_tried =
                |tried: &Arc<VerifiedSigner>| tried.fingerprint() == signer.fingerprint();
            !tried.usable(now).any(is_tried)
        })
    }

    /// Whether the certificate was fetched after flight `arrival`, or a moment ago: then a signature that does not match is
    /// refused for good.
    pub(super) fn is_fresh(&self, arrival: u64, now: Duration) -> bool {
        self.0.fetched.as_ref().is_some_and(|fetched| {
            let is_recent = fetched.at.time <= now && fetched.at.age(now) < times::FRESH;
            fetched.number > arrival || is_recent
        })
    }

    pub(super) fn refresh_is_due(&self, now: Duration) -> bool {
        self.0.refresh.is_due(now)
    }

    /// When the fetch started that the current signer comes from, if it is known that the URL serves it.
    pub(super) fn fetched_at(&self) -> Option<&Moment> {
        self.0.fetched.as_ref().map(|fetched| &fetched.at)
    }

    pub(super) fn check_is_due(&self, now: Duration) -> bool {
        self.0.check.is_due(now)
    }

    /// The set once a fetch of the certificate has started.
    pub(super) fn with_refresh_attempt(&self, now: Duration) -> Self {
        let mut set = Set::clone(&self.0);
        set.refresh = Schedule {
            attempted: now,
            next: now.saturating_add(times::REFRESH_RETRY),
        };
        Self(Arc::new(set))
    }

    /// The set once its revocation lists have been asked for.
    pub(super) fn with_check_attempt(&self, now: Duration) -> Self {
        let mut set = Set::clone(&self.0);
        set.check = Schedule {
            attempted: now,
            next: now.saturating_add(times::REVOCATION_RETRY),
        };
        Self(Arc::new(set))
    }

    /// The set with those signers that `judged` has a verdict on replaced or dropped; nothing if none is left.
    pub(super) fn judged(&self, judged: &[Judged]) -> Option<Self> {
        let judge = |kept: &Kept| {
            let verdict = judged.iter().find(|judged| judged.is_about(&kept.signer));
            let signer = match verdict {
                Some(judged) => judged.becomes.clone()?,
                None => Arc::clone(&kept.signer),
            };
            Some(Kept {
                signer,
                ..kept.clone()
            })
        };
        let mut passed = self.kept().filter_map(judge);
        let mut set = Set::clone(&self.0);
        set.first = passed.next()?;
        set.others = passed.collect();
        if set.first.signer.fingerprint() != self.current().fingerprint() {
            // What the URL serves is not among them any more: no mismatch is final under the others.
            set.fetched = None;
            set.refresh = Schedule::default();
        }
        Some(Self(Arc::new(set)))
    }

    /// The set after the signers of `asked` were judged with revocation lists asked for at the time `now`. One that came
    /// meanwhile has a check of its own before it.
    pub(super) fn checked(&self, asked: &Self, now: Duration) -> Self {
        let was_asked = |signer: &Arc<VerifiedSigner>| {
            (asked.iter()).any(|asked| asked.fingerprint() == signer.fingerprint())
        };
        if !self.iter().all(was_asked) {
            return self.clone();
        }
        let mut set = Set::clone(&self.0);
        let lists_end = self
            .iter()
            .filter_map(|signer| signer.revocation_lists_end())
            .min();
        let day_before = lists_end.map_or(Duration::MAX, |end| {
            Duration::from_secs(end.as_secs()).saturating_sub(times::REFRESH_AGE)
        });
        let age = match self.iter().any(|signer| signer.misses_lists()) {
            true => times::REVOCATION_RETRY,
            false => times::LIST_AGE,
        };
        set.check = Schedule {
            attempted: now,
            next: (now.saturating_add(age).min(day_before))
                .max(now.saturating_add(times::REFRESH_RETRY)),
        };
        Self(Arc::new(set))
    }

    /// The set with `signer` as the current one.
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
        let others = before.map_or_else(Vec::new, |set| set.behind(&signer, now));
        let first = Kept {
            signer,
            until: Duration::MAX,
            exported: None,
        };
        Self(Arc::new(Set {
            first,
            others,
            fetched: Some(fetched),
            refresh: Schedule {
                attempted: now,
                next,
            },
            check: check.unwrap_or_default(),
        }))
    }

    /// The set with a signer that was kept before the start. It is the current one until the URL has been fetched.
    pub(super) fn with_former(before: Option<&Self>, former: Kept, now: Duration) -> Self {
        let Some(before) = before else {
            return Self::of(former, Vec::new());
        };
        let former = former.replaced(now);
        let mut set = Set::clone(&before.0);
        let is_held = before.iter().any(|kept| kept.has_key_of(&former.signer));
        if !is_held && now < former.until && set.others.len() < times::MAX_FORMERS {
            set.others.push(former);
            set.check = Schedule::default();
        }
        Self(Arc::new(set))
    }

    /// What stands behind `current` once it has taken its place here: at most two signers, of other keys.
    fn behind(&self, current: &VerifiedSigner, now: Duration) -> Vec<Kept> {
        let mut others: Vec<Kept> = Vec::new();
        for kept in self.kept() {
            let key_is_held = kept.signer.has_key_of(current)
                || others
                    .iter()
                    .any(|held| held.signer.has_key_of(&kept.signer));
            if !key_is_held && others.len() < times::MAX_FORMERS {
                others.push(kept.clone().replaced(now));
            }
        }
        others
    }

    fn valid_until(&self) -> u64 {
        let ends = self.iter().map(|signer| signer.valid_until().as_secs());
        ends.max().unwrap_or_default()
    }
}

/// What becomes of a kept signer that cannot be verified for a reason that is transient.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdicts {
    /// It stays: it was verified under these rules.
    Landed,
    /// It is dropped until it passes: the rules are new.
    NewRules,
}

/// A verdict on a signer that is kept.
pub(super) struct Judged {
    pub(super) signer: Arc<VerifiedSigner>,
    /// The same signer verified anew, or nothing if it is to be dropped.
    pub(super) becomes: Option<Arc<VerifiedSigner>>,
    /// Why it is dropped.
    pub(super) error: Option<ChainError>,
}

impl Judged {
    /// Where a policy panicked: new rules have not let the signer pass, and those of before had.
    pub(super) fn panicked(signer: &Arc<VerifiedSigner>, verdicts: Verdicts) -> Self {
        Self {
            signer: Arc::clone(signer),
            becomes: (verdicts == Verdicts::Landed).then(|| Arc::clone(signer)),
            error: None,
        }
    }

    pub(super) fn is_about(&self, signer: &VerifiedSigner) -> bool {
        self.signer.fingerprint() == signer.fingerprint()
    }
}
