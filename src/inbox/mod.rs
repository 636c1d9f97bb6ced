//! A durable inbox: nothing that was acknowledged is lost, and no callback is handled twice at a time.
//!
//! Partner Center delivers an event ten times and then drops it. So a handler should respond only when the event is safe, should
//! respond fast, and should do its work afterwards:
//!
//! ```text
//! callback ──► VerifiedCallback ──► Inbox::store ──► commit ──► 2xx
//!                                       │
//!                                  InboxWorker ──► handler ──► complete
//! ```
//!
//! | piece | what it does |
//! |---|---|
//! | [`VerifiedCallback`] | the signed bytes and the [evidence](SignatureEvidence) that they are Partner Center's |
//! | [`InboxEndpoint`] | verifies a request and stores it; `axum`, `actix_web` and `tower` here are thin skins over it |
//! | [`Inbox`] | stores callbacks, and gives each to one worker at a time under a lease |
//! | `sqlite`, `postgres` | the engines: a file on one machine, or a server for many nodes |
//! | [`InboxWorker`] | claims, renews leases, retries, parks, stops gracefully |
//! | [`Filter`] with [`list`](Inbox::list), [`export`](Inbox::export), [`retry`](Inbox::retry), [`discard`](Inbox::discard), [`prune`](Inbox::prune), [`stats`](Inbox::stats) | what operators do |
//! | [`RefusedRing`] | the latest refused requests, with credentials masked |
//!
//! # How often an event is handled
//!
//! | the handler | its effects |
//! |---|---|
//! | completes the claim in its own transaction on the same database (`SqliteInbox::begin`, `PostgresInbox::begin`) | exactly once |
//! | returns [`Outcome::Done`] | at least once: a crash between the effect and the completion repeats it. [`Claimed::digest`] is an idempotency key, and [`ClaimToken::number`] lets another system refuse a stale attempt |
//!
//! Without a store, and for handlers that respond themselves, there is [`duplicates`](crate::duplicates); both engines are a
//! [`DuplicateGuard`](crate::duplicates::DuplicateGuard), too.
//!
//! # Which engine
//!
//! | | `sqlite` | `postgres` |
//! |---|---|---|
//! | for | one machine | many nodes |
//! | durable with | `synchronous=FULL` and WAL; network file systems and libraries before 3.51.3 are refused | `synchronous_commit` and `fsync` on, else it is refused |
//! | many stores at once | one writer, one sync of the disk for all that is queued | one statement and one notification for all that is queued |
//! | clock of leases | the machine's | the server's |
//! | limit of size | 1 GiB | 10 GiB |
//!
//! # What is logged
//!
//! With feature `tracing`, events of target `partner_center_webhooks::inbox`, after those of the receiver.
//!
//! | event | level | fields |
//! |---|---|---|
//! | a callback is durable | info | `outcome` = `stored` or `duplicate`, `digest` |
//! | a call of the inbox failed | error | `outcome` = `unavailable`, `step`, `reason` |
//! | an attempt ended | info, with a reason warn | `outcome` = `completed`, `failed`, `parked`, `discarded` or `released`, `digest`, `reason` |
//! | the claim of an attempt was lost: it may have been handled twice | warn | `outcome` = `stale`, `step`, `digest` |

#[cfg(feature = "actix-web")]
pub mod actix_web;
#[cfg(feature = "axum")]
pub mod axum;
mod callback;
mod claim;
mod contract;
mod endpoint;
mod error;
mod evidence;
mod filter;
#[cfg(feature = "inbox-postgres")]
pub mod postgres;
mod record;
mod refused;
#[cfg_attr(
    not(any(feature = "inbox-postgres", feature = "inbox-sqlite")),
    allow(dead_code, unused_macros, reason = "used by the engines")
)]
mod sql;
#[cfg(feature = "inbox-sqlite")]
pub mod sqlite;
#[cfg(feature = "tower")]
pub mod tower;
mod worker;

pub use callback::VerifiedCallback;
pub use claim::{ClaimToken, Claimed};
pub use contract::{Inbox, MAX_BODY, PRUNE_BATCH, RETAIN, Retention, Stored};
pub use endpoint::{Accepted, EndpointError, InboxEndpoint};
pub use error::InboxError;
pub use evidence::{EvidenceError, SignatureEvidence};
pub use filter::{Filter, Page};
pub use record::{Entry, Record, State, Stats};
pub use refused::{RefusedRequest, RefusedRing};
pub use worker::{Backoff, Handler, InboxWorker, Outcome};
