//! The database as a guard against duplicates, for handlers that respond themselves.

use super::PostgresInbox;
use crate::duplicates::{Claim, DuplicateGuard, GuardError, Lease, Settled};
use crate::http_client::BoxFuture;
use crate::inbox::error::InboxError;
use crate::inbox::sql::engine;
use crate::signature::BodyDigest;

impl DuplicateGuard for PostgresInbox {
    fn claim(&self, digest: BodyDigest) -> BoxFuture<'_, Result<Claim, GuardError>> {
        let times = self.shared.options.guard;
        Box::pin(
            async move { engine::guard_claim(self, digest, times).await.map_err(GuardError::new) },
        )
    }

    fn complete<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<Settled, GuardError>> {
        let times = self.shared.options.guard;
        Box::pin(async move {
            engine::guard_complete(self, lease, times).await.map_err(GuardError::new)
        })
    }

    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<Settled, GuardError>> {
        Box::pin(async move { engine::guard_release(self, lease).await.map_err(GuardError::new) })
    }

    fn abandon(&self, lease: &Lease) {
        let (inbox, lease) = (self.clone(), lease.clone());
        self.shared.runtime.spawn(async move {
            // If it fails, the lease expires.
            let _: Result<Settled, InboxError> = engine::guard_release(&inbox, &lease).await;
        });
    }
}
