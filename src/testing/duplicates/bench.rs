//! What the rules are checked on.

use std::sync::Arc;
use std::time::Duration;

use super::TestClock;
use crate::duplicates::{Claim, DuplicateGuard, GuardError, Lease, Settled};
use crate::signature::BodyDigest;

/// A new store, and what is known of it.
pub(super) struct Bench {
    pub(super) clock: TestClock,
    pub(super) nodes: [Arc<dyn DuplicateGuard>; 2],
    pub(super) lease: Duration,
    pub(super) time_to_live: Duration,
}

impl Bench {
    pub(super) fn node(&self, number: usize) -> &dyn DuplicateGuard {
        let [even, odd] = &self.nodes;
        match number {
            0 => &**even,
            _ => &**odd,
        }
    }

    pub(super) async fn claim(&self, node: usize) -> Result<Claim, GuardError> {
        self.claim_of(node, DIGEST).await
    }

    pub(super) async fn claim_of(
        &self,
        node: usize,
        digest: BodyDigest,
    ) -> Result<Claim, GuardError> {
        self.node(node).claim(digest).await
    }

    pub(super) async fn complete(&self, node: usize, lease: &Lease) -> Result<Settled, GuardError> {
        self.node(node).complete(lease).await
    }

    pub(super) async fn release(&self, node: usize, lease: &Lease) -> Result<Settled, GuardError> {
        self.node(node).release(lease).await
    }
}

/// Most rules speak of one callback.
pub(super) const DIGEST: BodyDigest = digest(1);
pub(super) const SECOND: Duration = Duration::from_secs(1);

/// Another callback for each number.
pub(super) const fn digest(number: u8) -> BodyDigest {
    BodyDigest::from_bytes([number; 32])
}
