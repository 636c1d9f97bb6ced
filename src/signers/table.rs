//! The kept signers: an immutable table that is replaced as a whole, so that reading it takes no lock.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;

use super::set::SignerSet;
use super::times;
use crate::source::CertificateUrl;

/// The signers of all URLs. Readers take no lock; writers take turns.
///
/// Rotations are rare and callbacks are not, so writers copy all rows (at most 16, each a pointer and a URL), and readers only load
/// a pointer.
#[derive(Debug, Default)]
pub(super) struct Table {
    rows: ArcSwap<Rows>,
    writer: Mutex<()>,
}

/// In no order. A linear search through 16 rows is faster than a hash of the URL.
type Rows = Vec<(CertificateUrl<'static>, SignerSet)>;

impl Table {
    /// The signers of `url`, if one of them is good at the time `now`.
    ///
    /// The hot path: it allocates nothing.
    pub(super) fn get(&self, url: &CertificateUrl<'_>, now: Duration) -> Option<SignerSet> {
        let rows = self.rows.load();
        let (_, set) = rows.iter().find(|(kept, _)| kept.as_str() == url.as_str())?;
        set.is_usable(now).then(|| set.clone())
    }

    /// The signers of `url`, good or not.
    ///
    /// For schedules, exports and checks, which also concern signers that are not valid now.
    pub(super) fn row(&self, url: &CertificateUrl<'_>) -> Option<SignerSet> {
        let rows = self.rows.load();
        let row = rows.iter().find(|(kept, _)| kept.as_str() == url.as_str());
        row.map(|(_, set)| set.clone())
    }

    /// All rows at one point in time.
    pub(super) fn rows(&self) -> Arc<Rows> {
        self.rows.load_full()
    }

    /// Replaces the row of `url` by the result of `change`, and returns it; `None` removes the row.
    ///
    /// `change` runs under the writers' lock: it must not call the application's code.
    pub(super) fn update(
        &self,
        url: &CertificateUrl<'_>,
        change: impl FnOnce(Option<&SignerSet>) -> Option<SignerSet>,
    ) -> Option<SignerSet> {
        let turn = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut rows = Rows::clone(&self.rows.load());
        let at = rows.iter().position(|(kept, _)| kept.as_str() == url.as_str());
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
        // Keys belong to the backend, whose destructors run under no lock.
        drop(before);
        changed
    }

    /// Runs `change` while no row is written: a writer either sees the change, or has finished before it.
    ///
    /// For the replacement of the chain verifier, which decides what may be written.
    pub(super) fn between_writes<T>(&self, change: impl FnOnce() -> T) -> T {
        let _turn = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        change()
    }
}

/// Drops the row that expires first, but not one that Microsoft documents.
///
/// Only verified signers get here, so a stranger cannot displace one by inventing names.
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
