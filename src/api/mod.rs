//! One call to a Microsoft API: with a token, request ids, retries and a deadline.
//!
//! The clients of this crate are built on it. Public are its error, [`ApiError`], and its [`RetryPolicy`].

mod authorizer;
mod call;
mod cause;
mod client;
mod error;
mod ids;
#[cfg(feature = "registration")]
pub(crate) mod partner_center;
mod refusal;
mod response;
mod retry;
mod service;

pub(crate) use authorizer::Bearer;
#[cfg(feature = "event-grid")]
pub(crate) use authorizer::{AuthHeader, Authorizer};
pub(crate) use call::Call;
pub use cause::ApiErrorCause;
pub(crate) use client::{Api, after};
pub use error::ApiError;
#[cfg(feature = "event-grid")]
pub(crate) use refusal::Refusal;
pub use refusal::RefusalDetail;
pub(crate) use response::ApiResponse;
pub use retry::RetryPolicy;
#[cfg(feature = "event-grid")]
pub(crate) use service::{KnownCause, Service};
