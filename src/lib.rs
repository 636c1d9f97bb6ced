//! Receive Microsoft Partner Center webhooks, and know that they are genuine.
//!
//! Partner Center tells a partner that something changed (a subscription, an invoice, a referral, a delegated-admin
//! relationship, a fraud alert) by an HTTP POST to a public endpoint. Anyone can post there. Each callback carries an RSA
//! signature over its body and the *URL* of the signing certificate. From these, this crate decides whether the body is from
//! Microsoft, and reads the event in it.
//!
//! ```no_run
//! # #[cfg(all(feature = "reqwest", feature = "aws-lc-rs"))] mod example {
//! use partner_center_webhooks::{Error, EventName, Receiver};
//!
//! async fn callback(receiver: &Receiver, headers: &http::HeaderMap, body: &[u8]) -> Result<(), Error> {
//!     let received = receiver.receive(headers, body).await?; // on Err(e): respond with e.status()
//!     match received.event().name() {
//!         EventName::SubscriptionUpdated => println!("{:?}", received.event().resource()),
//!         EventName::InvoiceReady => println!("an invoice"),
//!         other => println!("not for us: {other}"), // an unknown name is not an error
//!     }
//!     Ok(())
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let receiver = Receiver::builder().build()?; // safe defaults; cheap to clone
//! # let _ = receiver; Ok(()) }
//! # }
//! ```
//!
//! # The pipeline
//!
//! Data flows one way, and the type that a stage returns proves its checks. Each stage is public and can be used alone; only
//! the second waits for the network.
//!
//! | stage | takes | returns | feature |
//! |---|---|---|---|
//! | [`envelope`] | the signature headers | [`SignatureEnvelope`](envelope::SignatureEnvelope): well-formed | `verify` |
//! | [`source`] | its certificate URL | [`CertificateBundle`](source::CertificateBundle): from an allowed place | `verify` |
//! | [`chain`] | certificates, a time | [`VerifiedSigner`](chain::VerifiedSigner): trusted | `verify` |
//! | [`signature`] | signer, envelope, body | [`VerifiedBody`](signature::VerifiedBody): Microsoft's, byte for byte | `verify` |
//! | [`event`] | a body | [`Event`] | `event` |
//! | [`Receiver`] | headers and body | [`Received`], or an [`Error`] with the HTTP response | `receiver` |
//!
//! Adapters: `tower`, `axum`, `actix_web`. All return the same responses. For any other framework, use
//! [`Receiver::receive_stream`]. With [`duplicates`] each callback is handled once.
//!
//! [`inbox`] stores callbacks before the response, in SQLite or PostgreSQL, and has them handled afterwards, with retries.
//!
//! [`signers`] keeps verified signers between callbacks, and gathers the issuers' certificates and revocation lists that their
//! chains need. [`testing`] is a test kit that signs callbacks as Partner Center does, and forges them in every way that
//! matters. [`diagnosis`] examines a certificate or a captured callback, and says why it is refused.
//!
//! # Beside the pipeline
//!
//! [`registration`] registers the callback URL and its events, and tests them; [`resources`] reads the resource of an event,
//! and sends the [`token`] only to the cloud's own API. [`event_grid`] forwards events: it publishes them to customers'
//! channels in Azure Event Grid, and receives deliveries from Event Grid at a webhook.
//!
//! # What it does not do
//!
//! - OCSP is not used: revocation is checked with the CRLs that Microsoft's certificates name.
//! - The protocol has neither nonce nor timestamp: anyone who saw a genuine callback can replay it. Partner Center itself
//!   delivers up to ten times. Recognize repeated deliveries by their [`digest`](Received::digest), or let [`duplicates`]
//!   keep them from your handler.
//! - An event does not say which partner it is for. If several tenants share an endpoint, give each its own URL.
//!
//! # Features
//!
//! Features are additive: none changes what existing calls do.
//!
//! | feature | adds | default |
//! |---|---|---|
//! | `event` | event names, the event model, typed resources; no crypto, no HTTP | by `receiver` |
//! | `verify` | envelope, certificate location, chain, signature; no async runtime, no HTTP client | by `receiver` |
//! | `receiver` | all stages in one call, with the cache of signers | yes |
//! | `registration` | the registration API, test events, and the resources that events point to; no verification | yes |
//! | `event-grid` | CloudEvents, publishing to Azure Event Grid's Partner Events, and managing its resources; no C compiler | |
//! | `event-grid-receive` | a webhook for deliveries from Azure Event Grid: both handshakes, secrets, tokens; checking tokens needs a backend | |
//! | `token` | access tokens from Microsoft Entra, cached and renewed | by `registration` and `event-grid` |
//! | `crypto` | the interface to cryptographic libraries, and the enabled backends | by `verify` and `event-grid-receive` |
//! | `http-client` | the trait that all HTTP goes through | by `verify` and `token` |
//! | `inbox` | a durable inbox for callbacks: its types, its worker and its adapters; no database | |
//! | `inbox-sqlite` | the inbox in a file of SQLite; needs a C compiler and Rust 1.94 | |
//! | `inbox-postgres` | the inbox in PostgreSQL, for many nodes; needs Rust 1.94 | |
//! | `actix-web` | extractors and middleware for actix-web | |
//! | `axum` | extractors for axum | |
//! | `tower` | a layer for any tower service over `http` types | |
//! | `aws-lc-rs` | the backend over aws-lc-rs; needs a C compiler | yes |
//! | `rustcrypto` | the backend over the crates `rsa`, `sha2`, `p256` and `p384`; pure Rust, slower | |
//! | `azure-identity` | access tokens from the credentials of the Azure SDK | |
//! | `reqwest` | an HTTP client over reqwest, with rustls | yes |
//! | `metrics` | count callbacks, attempts and errors of an inbox through the facade of the crate `metrics` | |
//! | `testing` | a throw-away certificate authority that signs callbacks, a Partner Center on loopback that delivers them, and fakes of Event Grid and Resource Manager | |
//! | `tracing` | log events through `tracing`, see below | |
//! | `cli` | the program `partner-center` | |
//!
//! # What is logged
//!
//! With feature `tracing`, the crate emits log events with target `partner_center_webhooks`. Their fields are stable; untrusted
//! text is escaped and truncated, and tokens never appear. The example `observe` exports them.
//!
//! | message | level | when | fields |
//! |---|---|---|---|
//! | `callback accepted` | info | it is genuine | `outcome` = `accepted`, `event` (its name, if it was read), `digest`, `signer` |
//! | `callback refused` | warn | see [`Error::status`] | `outcome` = `refused`, `kind`, `status`, `verdict` = `forged` or `undecided`, `reason` |
//! | `callback refused` | info | the request has neither a signature nor a certificate URL ([`Error::is_unsigned`]) | the same |
//! | `callback refused` | error | an operator should look ([`Error::needs_repair`]): kinds `chain`, `event` and `format`, and `stale` if the successor of a kept certificate is refused | the same, and `digest` if the body is genuine |
//! | `attempt duplicate`, `attempt in_progress` | info | the callback was handled before, or is being handled | `outcome`, `digest` |
//! | `attempt completed`, `attempt released`, `attempt abandoned` | info | an attempt is over | `outcome`, `digest` |
//! | `attempt settled too late` | warn | another attempt had started: the callback may have been handled twice | `outcome` = `stale`, `step` = `complete` or `release`, `digest` |
//! | `duplicate guard failed` | warn | | `outcome` = `unknown`, `step` = `claim`, `complete` or `release`, `digest`, `reason` |
//! | `certificate authority not reached`, `signing certificate not renewed` | warn | a fetch failed | `reason` |
//! | `revocation unknown: no revocation list could be fetched` | warn | no current list covers a signer | `signer` |
//! | `expires soon and has not been renewed` | warn | a certificate of the current path has less than a week, or a list less than a day | `what`, `days_left` |
//! | `not set up to receive callbacks` | error | the application did not set up an adapter | `reason` |
//!
//! # Backends
//!
//! If both backends are enabled, `aws-lc-rs` is the default one. `rsa` is subject to RUSTSEC-2023-0071, which concerns private
//! keys: callbacks are verified with public ones, and the documentation of `crypto::RustCrypto` says when it signs.
#![cfg_attr(docsrs, feature(doc_cfg))]

// The pipeline, in order.
#[cfg(feature = "verify")]
pub mod envelope;

#[cfg(feature = "verify")]
pub mod source;

#[cfg(feature = "verify")]
pub mod chain;

#[cfg(feature = "receiver")]
pub mod signers;

#[cfg(feature = "verify")]
pub mod signature;

#[cfg(feature = "event")]
pub mod event;

#[cfg(feature = "receiver")]
pub mod receiver;

#[cfg(feature = "receiver")]
pub mod duplicates;

#[cfg(feature = "receiver")]
pub mod diagnosis;

#[cfg(feature = "inbox")]
pub mod inbox;

// The foundation.
pub mod body;

#[cfg(any(feature = "event-grid", feature = "registration"))]
pub mod api;

pub mod cloud;

#[cfg(feature = "crypto")]
pub mod crypto;

mod json;

#[cfg(any(feature = "event-grid-receive", feature = "receiver"))]
mod log;

mod mask;

#[cfg(feature = "http-client")]
pub mod http_client;

#[cfg(feature = "http-client")]
pub mod spawn;

#[cfg(feature = "token")]
pub mod token;

// The adapters.
#[cfg(feature = "actix-web")]
pub mod actix_web;

#[cfg(feature = "axum")]
pub mod axum;

#[cfg(feature = "tower")]
pub mod tower;

// Beside the pipeline.
#[cfg(feature = "event-grid")]
pub mod event_grid;

#[cfg(feature = "registration")]
pub mod registration;

#[cfg(feature = "registration")]
pub mod resources;

#[cfg(feature = "testing")]
pub mod testing;

#[cfg(feature = "event")]
pub use event::{Event, EventName};
pub use mask::Excerpt;
#[cfg(feature = "receiver")]
pub use receiver::{Error, ErrorKind, Received, Receiver, Verdict};

/// The README's code, which runs as a test.
#[cfg(all(
    doctest,
    feature = "aws-lc-rs",
    feature = "axum",
    feature = "event-grid-receive",
    feature = "reqwest",
    feature = "testing",
    feature = "tower"
))]
#[doc = include_str!("../README.md")]
struct Readme;
