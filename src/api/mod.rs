//! One call to a Microsoft API: with a token, request ids, retries and a deadline.
//!
//! The clients of this crate are built on it: `RegistrationClient`, `ResourceClient`, and the publisher and the management client
//! of Event Grid. Its error, [`ApiError`], and its [`RetryPolicy`] are public.
//!
//! ```text
//!        ┌── wait: Retry-After, or exponential backoff ◄──────────────┐
//!        ▼                                                            │ transient, and
//! call ─► token ─► request ─► response ─┬ 2xx, readable ─► the result │ retries left
//!           ▲                           ├ 401, once ──┐               │
//!           └──── another token ◄───────┼─────────────┘               │
//!                                       └ anything else ─► ApiError ──┘
//! ```
//!
//! | Failure | GET, PUT, and other idempotent calls | POST to Partner Center |
//! |---|---|---|
//! | no connection, 429 | retry | retry |
//! | 408, 5xx, broken connection, truncated response | retry | error, [`ApiError::may_have_succeeded`] is true |
//! | 404 that is not the service's own | retry | error |
//! | 401 | one retry with another token | one retry with another token |
//! | any other refusal | error | error |
//!
//! All attempts share one request id, and each has its own correlation id where the service supports that. The deadline of the
//! [`RetryPolicy`] covers everything: tokens, attempts and waits. Redirects are never followed, because the token would be sent
//! along, and secrets of the request are redacted from errors, because services echo requests.
//!
//! # How the service's own responses are recognized
//!
//! A gateway, a proxy or a front end can respond instead of the service, often with an HTML page. Such a response says nothing
//! about the resource: a 404 from a gateway does not mean that there is no registration. So a response counts as the service's
//! own only with one of its codes in JSON, or with an empty body and its ids. The first lines of a page are shown in the error.
//!
//! # Example
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
//! use std::time::Duration;
//!
//! use partner_center_webhooks::api::RetryPolicy;
//! use partner_center_webhooks::http_client::ReqwestClient;
//! use partner_center_webhooks::registration::RegistrationClient;
//! use partner_center_webhooks::testing::PartnerCenter;
//! use partner_center_webhooks::testing::partner_center::{ErrorBody, Fault};
//! use partner_center_webhooks::token::AccessToken;
//!
//! let fake = PartnerCenter::start().await?;
//! let retries = RetryPolicy::default().with_first_delay(Duration::from_millis(1));
//! let client = RegistrationClient::new(&fake.cloud(), ReqwestClient::new()?, AccessToken::new("token")?)?
//!     .with_retries(retries);
//!
//! // A refusal that no retry changes: one attempt, with the ids for a support case.
//! let body = ErrorBody::Standard { code: "2000".into(), description: "Invalid input.".into() };
//! fake.inject(Fault::status(400, &body));
//! let error = client.get().await.unwrap_err();
//! assert_eq!((error.attempts(), error.is_transient()), (1, false));
//! assert!(error.to_string().contains(&format!("request id {}", error.request_id())));
//! # Ok(()) }) }
//! ```
//!
//! # Source
//!
//! "Partner Center REST headers"; "Partner Center REST error codes"; "API throttling guidance for partners"; "Azure REST API:
//! common request and response headers"; RFC 9110, section 10.2.3 (`Retry-After`).

mod authorizer;
mod call;
mod cause;
mod client;
mod error;
mod ids;
pub(crate) mod model;
#[cfg(feature = "registration")]
pub(crate) mod partner_center;
mod refusal;
mod response;
mod retry;
mod service;

#[cfg(feature = "event-grid")]
pub(crate) use authorizer::{AuthHeader, Authorizer, Bearer};
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
pub(crate) use service::KnownCause;
pub(crate) use service::Service;
