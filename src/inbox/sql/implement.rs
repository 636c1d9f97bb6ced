//! The traits of an inbox, for a type that is an [`Engine`](super::engine::Engine).

/// Implements `Inbox`, `RefusedRing` and `DuplicateGuard`. A blanket implementation would show a private trait in the documentation.
macro_rules! implement {
    ($engine:ty) => {
        use std::num::NonZeroU32;
        use std::time::Duration;

        use crate::duplicates::{Claim, DuplicateGuard, GuardError, Lease, Settled};
        use crate::http_client::BoxFuture;
        use crate::inbox::callback::VerifiedCallback;
        use crate::inbox::claim::{ClaimToken, Claimed};
        use crate::inbox::contract::{Inbox, Retention, Stored};
        use crate::inbox::error::InboxError;
        use crate::inbox::filter::{Filter, Page};
        use crate::inbox::record::{Entry, Record, Stats};
        use crate::inbox::refused::{RefusedRequest, RefusedRing};
        use crate::inbox::sql::engine::{self, Engine};
        use crate::inbox::sql::operations::Change;
        use crate::inbox::sql::settle::Settlement;
        use crate::signature::BodyDigest;

        impl Inbox for $engine {
            fn store<'a>(
                &'a self,
                callback: &'a VerifiedCallback,
            ) -> BoxFuture<'a, Result<Stored, InboxError>> {
                Box::pin(engine::store(self, callback))
            }

            fn claim(
                &self,
                limit: NonZeroU32,
                lease: Duration,
            ) -> BoxFuture<'_, Result<Vec<Claimed>, InboxError>> {
                Box::pin(engine::claim(self, limit, lease))
            }

            fn extend(
                &self,
                token: ClaimToken,
                lease: Duration,
            ) -> BoxFuture<'_, Result<Settled, InboxError>> {
                Box::pin(engine::settle(self, token, Settlement::Extend(lease)))
            }

            fn complete(&self, token: ClaimToken) -> BoxFuture<'_, Result<Settled, InboxError>> {
                Box::pin(engine::settle(self, token, Settlement::Complete))
            }

            fn fail<'a>(
                &'a self,
                token: ClaimToken,
                error: &'a str,
                backoff: Duration,
            ) -> BoxFuture<'a, Result<Settled, InboxError>> {
                let error = Settlement::error(error);
                Box::pin(engine::settle(self, token, Settlement::Fail { error, backoff }))
            }

            fn park<'a>(
                &'a self,
                token: ClaimToken,
                error: &'a str,
            ) -> BoxFuture<'a, Result<Settled, InboxError>> {
                let error = Settlement::error(error);
                Box::pin(engine::settle(self, token, Settlement::Park { error }))
            }

            fn discard_claimed(
                &self,
                token: ClaimToken,
            ) -> BoxFuture<'_, Result<Settled, InboxError>> {
                Box::pin(engine::settle(self, token, Settlement::Discard))
            }

            fn release(&self, token: ClaimToken) -> BoxFuture<'_, Result<Settled, InboxError>> {
                Box::pin(engine::settle(self, token, Settlement::Release))
            }

            fn changed(&self) -> BoxFuture<'_, ()> {
                Box::pin(self.shared().changed().notified())
            }

            fn list<'a>(
                &'a self,
                filter: &'a Filter,
                page: Page,
            ) -> BoxFuture<'a, Result<Vec<Entry>, InboxError>> {
                Box::pin(engine::list(self, filter, page))
            }

            fn export<'a>(
                &'a self,
                filter: &'a Filter,
                page: Page,
            ) -> BoxFuture<'a, Result<Vec<Record>, InboxError>> {
                Box::pin(engine::export(self, filter, page))
            }

            fn retry<'a>(&'a self, filter: &'a Filter) -> BoxFuture<'a, Result<u64, InboxError>> {
                Box::pin(engine::change(self, Change::Retry, filter))
            }

            fn discard<'a>(&'a self, filter: &'a Filter) -> BoxFuture<'a, Result<u64, InboxError>> {
                Box::pin(engine::change(self, Change::Discard, filter))
            }

            fn prune(
                &self,
                age: Duration,
                retention: Retention,
                limit: NonZeroU32,
            ) -> BoxFuture<'_, Result<u64, InboxError>> {
                Box::pin(engine::prune(self, age, retention, limit))
            }

            fn stats(&self) -> BoxFuture<'_, Result<Stats, InboxError>> {
                Box::pin(engine::stats(self))
            }
        }

        impl RefusedRing for $engine {
            fn keep<'a>(
                &'a self,
                request: &'a RefusedRequest,
            ) -> BoxFuture<'a, Result<(), InboxError>> {
                Box::pin(engine::keep_refused(self, request))
            }

            fn refused(
                &self,
                limit: NonZeroU32,
            ) -> BoxFuture<'_, Result<Vec<RefusedRequest>, InboxError>> {
                Box::pin(engine::refused(self, limit))
            }

            fn clear_refused(&self) -> BoxFuture<'_, Result<u64, InboxError>> {
                Box::pin(engine::clear_refused(self))
            }
        }

        impl DuplicateGuard for $engine {
            fn claim(&self, digest: BodyDigest) -> BoxFuture<'_, Result<Claim, GuardError>> {
                Box::pin(
                    async move { engine::guard_claim(self, digest).await.map_err(GuardError::new) },
                )
            }

            fn complete<'a>(
                &'a self,
                lease: &'a Lease,
            ) -> BoxFuture<'a, Result<Settled, GuardError>> {
                Box::pin(async move {
                    engine::guard_complete(self, lease).await.map_err(GuardError::new)
                })
            }

            fn release<'a>(
                &'a self,
                lease: &'a Lease,
            ) -> BoxFuture<'a, Result<Settled, GuardError>> {
                Box::pin(async move {
                    engine::guard_release(self, lease).await.map_err(GuardError::new)
                })
            }

            fn abandon(&self, lease: &Lease) {
                let (inbox, lease) = (self.clone(), lease.clone());
                self.shared().runtime().spawn(async move {
                    // If it fails, the lease expires.
                    let _: Result<Settled, InboxError> =
                        engine::guard_release(&inbox, &lease).await;
                });
            }
        }
    };
}

pub(in super::super) use implement;
