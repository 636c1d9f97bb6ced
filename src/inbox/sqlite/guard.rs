//! The file as a guard against duplicates, for handlers that respond themselves.

use std::sync::Arc;

use super::SqliteInbox;
use crate::duplicates::{Claim, DuplicateGuard, GuardError, Lease, Settled};
use crate::http_client::BoxFuture;
use crate::inbox::sql::engine::{self, Engine as _};
use crate::inbox::sql::guard;
use crate::signature::BodyDigest;

impl DuplicateGuard for SqliteInbox {
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
        let context = (Arc::clone(self.endpoint()), lease.clone());
        // If there is no room in the queue, the lease expires.
        let _: bool = self.shared.writer.write_later(context, |session, (endpoint, lease)| {
            Box::pin(guard::release(session, endpoint, lease))
        });
    }
}
