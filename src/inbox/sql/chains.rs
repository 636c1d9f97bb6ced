//! Which certificates are stored already.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// The keys of stored certificates. A signer signs for months, so there are few.
#[derive(Debug, Default)]
pub(in super::super) struct Chains(Mutex<HashSet<[u8; 32]>>);

impl Chains {
    pub(super) fn contains(&self, chain: &[u8; 32]) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(chain)
    }

    pub(super) fn insert(&self, chain: [u8; 32]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(chain);
    }
}
