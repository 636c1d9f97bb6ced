//! Handles each callback once, although Partner Center delivers it at least once and up to ten times.
//!
//! Before a callback is handled, its digest is claimed from a [`DuplicateGuard`]. Afterwards the claim is completed, or released
//! so that the next delivery can try again. The digest is that of the signed body ([`BodyDigest`](crate::signature::BodyDigest)),
//! because everything else can be forged.
//!
//! | result of the claim | response | handler |
//! |---|---|---|
//! | [`Claim::First`] | the handler's own; 2xx completes the claim, any other status releases it unless work continues | runs |
//! | [`Claim::InProgress`] | 503, because the current attempt may still fail; `Retry-After` is the time left on its lease | does not run |
//! | [`Claim::Done`] | 200 | does not run |
//! | an error, such as a database outage | 503 with `Retry-After` 30 s: nothing is lost, and nothing is handled unclaimed | does not run |
//!
//! A handler that panics or is cancelled (the client disconnected) [abandons](DuplicateGuard::abandon) the claim. A claim that is
//! neither completed nor released, as after a crash, expires with its [`Lease`], and the next delivery is handled. A sender that
//! obeys `Retry-After` returns when the lease has expired: the value is from 1 s to 300 s, so that ten tries outlast any lease of
//! up to 45 minutes.
//!
//! Work that continues after the response, as after a timeout in the layer, keeps a clone of the [`Attempt`]. As long as the
//! clone exists, a response that is not 2xx releases nothing, and no other delivery starts the work again.
//!
//! Handling and completing are two steps, so one case remains in which a callback is handled twice. It is logged as a warning:
//! the handler succeeded, but the claim could not be completed, because the guard failed or because the lease had expired and
//! another attempt had started. The handler's response is kept, because a 503 would certainly repeat the work. If that is
//! unacceptable, store the digest in the same transaction as the handler's work.
//!
//! # Example
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! use std::sync::Arc;
//!
//! use partner_center_webhooks::crypto::DefaultBackend;
//! use partner_center_webhooks::duplicates::{Attempt, DuplicateError, DuplicateGuard, InMemory};
//! use partner_center_webhooks::testing::Issuer;
//!
//! let issuer = Issuer::new()?;
//! let signer = issuer.signer()?;
//! let receiver = issuer.receiver(DefaultBackend::new(), &signer)?.build()?;
//! let guard: Arc<dyn DuplicateGuard> = Arc::new(InMemory::new());
//!
//! let callback = signer.callback(r#"{"EventName":"invoice-ready"}"#)?;
//! let received = receiver.receive(&callback.headers, &callback.body).await?;
//! let attempt = Attempt::claim(&guard, received.digest()).await?;
//! // … handle it; `?` or a panic here would abandon the attempt …
//! attempt.complete().await?;
//!
//! let again = receiver.receive(&callback.headers, &callback.body).await?;
//! let refused = Attempt::claim(&guard, again.digest()).await.unwrap_err();
//! assert_eq!(refused, DuplicateError::Done { digest: again.digest() });
//! # Ok(()) }) }
//! ```
//!
//! The adapters do this:
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # use partner_center_webhooks::crypto::DefaultBackend;
//! # use partner_center_webhooks::testing::Issuer;
//! # let issuer = Issuer::new()?;
//! # let receiver = issuer.receiver(DefaultBackend::new(), &issuer.signer()?)?.build()?;
//! use std::sync::Arc;
//! use partner_center_webhooks::duplicates::InMemory;
//! use partner_center_webhooks::tower::VerifyLayer;
//!
//! let guard = Arc::new(InMemory::new()); // seven days, 100,000 callbacks, 20 MB at most
//! let layer = VerifyLayer::new(receiver).with_duplicates(guard); // 2xx completes, anything else releases
//! # let _ = layer; Ok(()) }) }
//! ```

mod attempt;
mod error;
mod guard;
mod in_memory;

pub use attempt::Attempt;
pub use error::DuplicateError;
pub use guard::{Claim, DuplicateGuard, GuardError, Lease, Settled};
pub use in_memory::InMemory;
