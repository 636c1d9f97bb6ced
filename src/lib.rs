//! Receive Microsoft Partner Center webhooks, and know that they are genuine.
//!
//! Partner Center tells a partner that something changed (a subscription, an invoice, a referral, a delegated-admin
//! relationship, a fraud alert) by an HTTP POST to a public endpoint. Anyone can post there. Each callback carries an RSA
//! signature over its body and the *URL* of the signing certificate; this crate decides, from that, whether the body is
//! Microsoft's, and reads the event in it.
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
//! Data flows one way, through types that are proof. Each stage is public and can be used alone; only the second waits.
//!
//! | stage | takes | gives | feature |
//! |---|---|---|---|
//! | [`envelope`] | the signature headers | [`SignatureEnvelope`](envelope::SignatureEnvelope): well-formed | `verify` |
//! | [`source`] | its certificate URL | [`CertificateBundle`](source::CertificateBundle): from an allowed place | `verify` |
//! | [`chain`] | certificates, a time | [`VerifiedSigner`](chain::VerifiedSigner): trusted | `verify` |
//! | [`signature`] | signer, envelope, body | [`VerifiedBody`](signature::VerifiedBody): Microsoft's, byte for byte | `verify` |
//! | [`event`] | a body | [`Event`] | `event` |
//! | [`Receiver`] | headers and body | [`Received`], or an [`Error`] that knows the HTTP response | `receiver` |
//!
//! Adapters: `tower`, `axum`, `actix_web`. They give the same responses; for any other framework there is
//! [`Receiver::receive_stream`]. With [`duplicates`] each callback is handled once.
//!
//! [`inbox`] stores callbacks before the response, in SQLite or PostgreSQL, and has them handled afterwards, with retries.
//!
//! [`signers`] keeps verified signers between callbacks, and gathers what their chains need: issuers' certificates and
//! revocation lists. [`testing`] is a test kit that signs callbacks as Partner Center
//! does, and wrongly in every way that matters.
//!
//! # Beside the pipeline
//!
//! [`registration`] sets the URL that is called and its events, and tests it; [`resources`] reads the resource of an event,
//! and sends the [`token`] only to the cloud's own API. [`event_grid`] passes events on: it publishes them to
//! customers' channels in Azure Event Grid, and receives what Event Grid delivers to a web hook.
//!
//! # What it does not do
//!
//! - OCSP is not used: revocation is checked with lists (CRLs), which Microsoft's certificates name.
//! - The protocol has neither nonce nor time: anyone who saw a genuine callback can replay it. Partner Center itself
//!   delivers up to ten times. Recognize repeated deliveries by their [`digest`](Received::digest), or let [`duplicates`]
//!   keep them from your handler.
//! - An event does not say which partner it is for. If several tenants share an endpoint, give each its own URL.
//!
//! # Features
//!
//! A feature adds and never changes what existing calls do.
//!
//! | feature | brings | default |
//! |---|---|---|
//! | `event` | event names, the event model, typed resources; no crypto, no HTTP | by `receiver` |
//! | `verify` | envelope, certificate location, chain, signature; no async runtime, no HTTP client | by `receiver` |
//! | `receiver` | all of it in one call, with the cache of signers | yes |
//! | `registration` | the registration API, test events, and the resources that events point to; without the verification | yes |
//! | `event-grid` | events as CloudEvents, published to Azure Event Grid's Partner Events, whose resources are managed; no C compiler | |
//! | `event-grid-receive` | a web hook for what Azure Event Grid delivers: both handshakes, secrets, tokens; to check tokens it needs a backend | |
//! | `token` | access tokens from Microsoft Entra, kept and renewed | by `registration` and `event-grid` |
//! | `crypto` | what is asked of a cryptographic library, and the backends that are on | by `verify` and `event-grid-receive` |
//! | `http-client` | the trait that all HTTP goes through | by `verify` and `token` |
//! | `inbox` | a durable inbox for callbacks: its types, its worker and its adapters; no database | |
//! | `inbox-sqlite` | the inbox in a file of SQLite; needs a C compiler and Rust 1.94 | |
//! | `inbox-postgres` | the inbox in PostgreSQL, for many nodes; needs Rust 1.94 | |
//! | `actix-web` | extractors and middleware for actix-web | |
//! | `axum` | extractors for axum | |
//! | `tower` | a layer for any tower service over `http` types | |
//! | `aws-lc-rs` | crypto by aws-lc-rs; needs a C compiler | yes |
//! | `rustcrypto` | crypto by the `rsa`, `sha2`, `p256` and `p384` crates; pure Rust, slower | |
//! | `azure-identity` | access tokens from the credentials of the Azure SDK | |
//! | `reqwest` | an HTTP client over reqwest, with rustls | yes |
//! | `testing` | a throw-away certificate authority that signs callbacks, a Partner Center on loopback that delivers them, and a fake Event Grid | |
//! | `tracing` | log events through tracing, see below | |
//!
//! # What is logged
//!
//! With feature `tracing`, events of target `partner_center_webhooks`. Their fields are stable; texts from outside are escaped
//! and cut, and tokens never appear. The example `observe` exports them.
//!
//! | event | level | fields |
//! |---|---|---|
//! | a callback is genuine | info | `outcome` = `accepted`, `event` (its name, where it was read), `digest`, `signer` |
//! | a callback is refused | warn | `outcome` = `refused`, `kind`, `status`, `verdict` = `forged` or `undecided`, `reason` |
//! | the same, until an operator acts ([`Error::needs_repair`]): kinds `chain`, `event` and `format` | error | the same, and `digest` where the body is genuine |
//! | it was handled before, or is being handled | info | `outcome` = `duplicate` or `in_progress`, `digest` |
//! | its attempt is over | info | `outcome` = `completed`, `released` or `abandoned`, `digest` |
//! | its attempt was settled after another had begun: it may have been handled twice | warn | `outcome` = `stale`, `step` = `complete` or `release`, `digest` |
//! | the duplicate guard failed | warn | `outcome` = `unknown`, `step` = `claim`, `complete` or `release`, `digest`, `reason` |
//! | a certificate authority was not reached, or a signing certificate not renewed | warn | `reason` |
//! | no current revocation list covers a signer | warn | `signer` |
//! | an adapter lacks what the application should have given to it | error | `reason` |
//! | a certificate or a list that callbacks depend on expires soon | warn | `what`, `days_left` |
//!
//! # Backends
//!
//! With both backends on, `aws-lc-rs` is the default one. `rsa` carries the advisory RUSTSEC-2023-0071, about operations
//! with private keys: callbacks are verified with public ones, and `crypto::RustCrypto` says when it signs with one.
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

// What it stands on.
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

// Who calls it.
#[cfg(feature = "actix-web")]
pub mod actix_web;

#[cfg(feature = "axum")]
pub mod axum;

#[cfg(feature = "tower")]
pub mod tower;

// Beside it.
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
