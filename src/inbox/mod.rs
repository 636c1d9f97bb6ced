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
//! | [`Pruner`] | deletes what was settled long ago |
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
//! # Set it up
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! use std::convert::Infallible;
//! use std::sync::Arc;
//!
//! use partner_center_webhooks::crypto::DefaultBackend;
//! use partner_center_webhooks::inbox::{Claimed, Inbox, InboxEndpoint, InboxWorker, Stored};
//! use partner_center_webhooks::testing::{Issuer, MemoryInbox};
//!
//! let issuer = Issuer::new()?;
//! let signer = issuer.signer()?;
//! let receiver = issuer.receiver(DefaultBackend::new(), &signer)?.build()?; // in production: Receiver::builder().build()?
//! let inbox: Arc<dyn Inbox> = Arc::new(MemoryInbox::new()); // in production: SqliteInbox::connect(…).await?
//!
//! // At the route, by an adapter: 2xx only if this succeeds.
//! let endpoint = InboxEndpoint::new(receiver, Arc::clone(&inbox));
//! let request = signer.callback(r#"{"EventName":"invoice-ready"}"#)?;
//! let body = futures_util::stream::iter([Ok::<_, Infallible>(request.body)]);
//! let accepted = endpoint.accept(&request.headers, body).await?;
//! assert_eq!(accepted.stored, Stored::New);
//!
//! // Beside it, until SIGTERM: the work.
//! let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
//! let handler = |claimed: Claimed| async move { claimed.event().map(drop) }; // an error is retried
//! let worker = InboxWorker::new(Arc::clone(&inbox)).run(handler, async { stopped.await.unwrap_or(()) });
//! let worker = tokio::spawn(worker);
//! while inbox.stats().await?.done == 0 {
//!     tokio::task::yield_now().await;
//! }
//! stop.send(()).ok();
//! worker.await?;
//! # Ok(()) }) }
//! ```
//!
//! # Operate it
//!
//! Each call works while the program runs, from any process that opens the same store.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # use std::{num::NonZeroU32, time::Duration};
//! # use partner_center_webhooks::{crypto::DefaultBackend, testing::{Issuer, MemoryInbox}};
//! # use partner_center_webhooks::chain::ChainVerifier;
//! use partner_center_webhooks::duplicates::Settled;
//! use partner_center_webhooks::inbox::{
//!     Filter, Inbox, PRUNE_BATCH, Page, RETAIN, Retention, State, Stored, VerifiedCallback,
//! };
//!
//! # let issuer = Issuer::new()?;
//! # let signer = issuer.signer()?;
//! # let receiver = issuer.receiver(DefaultBackend::new(), &signer)?.build()?;
//! # let request = signer.callback(r#"{"EventName":"invoice-ready"}"#)?;
//! # let callback = VerifiedCallback::receive(&receiver, &request.headers, request.body).await?;
//! # let inbox = MemoryInbox::new();
//! # inbox.store(&callback).await?;
//! # let claimed = inbox.claim(NonZeroU32::MIN, Duration::from_secs(60)).await?.remove(0);
//! inbox.park(claimed.token, "no such customer").await?; // by a handler
//!
//! // What failed, and why?
//! let parked = Filter::new().with_state(State::Parked);
//! let entry = inbox.list(&parked, Page::default()).await?.remove(0);
//! assert_eq!(entry.last_error.as_deref(), Some("no such customer"));
//!
//! // Was it genuine? The evidence is enough, offline and years later.
//! let record = inbox.export(&Filter::digest(entry.digest), Page::default()).await?.remove(0);
//! let chain = ChainVerifier::new(DefaultBackend::new(), issuer.anchors()?);
//! assert!(record.evidence.verify(&record.body, &chain).is_ok());
//!
//! // The customer exists now: handle it again. Its failures start at 0.
//! assert_eq!(inbox.retry(&parked).await?, 1);
//! let again = inbox.claim(NonZeroU32::MIN, Duration::from_secs(60)).await?.remove(0);
//! assert_eq!((again.entry.attempts, again.entry.failures), (2, 0));
//! assert_eq!(inbox.complete(claimed.token).await?, Settled::Stale); // the old claim is void
//! assert_eq!(inbox.complete(again.token).await?, Settled::Current);
//!
//! // Delete what was settled long ago. Its digest is forgotten with it.
//! assert_eq!(inbox.prune(RETAIN, Retention::KeepParked, PRUNE_BATCH).await?, 0); // younger than 30 days
//! assert_eq!(inbox.prune(Duration::ZERO, Retention::KeepParked, PRUNE_BATCH).await?, 1);
//! assert_eq!(inbox.store(&callback).await?, Stored::New);
//! # Ok(()) }) }
//! ```
//!
//! # What can go wrong
//!
//! | fault | response to Partner Center | handlers | afterwards |
//! |---|---|---|---|
//! | the process is killed | none: it delivers again | are repeated after a lease | nothing acknowledged is lost |
//! | the disk or the inbox is full | 503, [`Full`](InboxError::Full) | go on as long as there is room for their records | stores succeed once there is room |
//! | the file becomes read-only | 503, [`ReadOnly`](InboxError::ReadOnly) | stop: nothing can be claimed | the same |
//! | the database is gone, or the pool is exhausted | 503, [`Unavailable`](InboxError::Unavailable) or [`Deadline`](InboxError::Deadline) | run to their end; outcomes are recorded once it is back, within a lease | connections are made again |
//! | another process locks the file | 503, [`Busy`](InboxError::Busy) or [`Deadline`](InboxError::Deadline) | wait | the same |
//! | a node's clock is wrong | 2xx | PostgreSQL: no effect; SQLite: leases of that process expire early or late, and fencing keeps effects single | |
//! | a handler panics, hangs or always fails | 2xx | the others go on | it is retried, then parked |
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
//! | callbacks were pruned | info | `outcome` = `pruned`, `count` |
//! | the claim of an attempt was lost: it may have been handled twice | warn | `outcome` = `stale`, `step`, `digest` |
//!
//! # Metrics
//!
//! With feature `metrics`, for the recorder that the application installs (`metrics-exporter-prometheus`, for example). Call
//! `describe_metrics` once, and `Stats::set_gauges` on a timer.
//!
//! | name | type | labels |
//! |---|---|---|
//! | `partner_center_callbacks_total` | counter | `outcome` = `stored`, `duplicate`, `refused`, `unavailable`; `kind` = `none`, `inbox` or [`ErrorKind`](crate::ErrorKind) |
//! | `partner_center_callback_duration_seconds` | histogram | `outcome` |
//! | `partner_center_callbacks_in_flight` | gauge | |
//! | `partner_center_last_callback_timestamp_seconds` | gauge | `outcome` |
//! | `partner_center_events_total` | counter of new events | `event` = a documented name, `other`, or `none` |
//! | `partner_center_inbox_events` | gauge | `state` |
//! | `partner_center_inbox_in_progress` | gauge | |
//! | `partner_center_inbox_oldest_pending_timestamp_seconds` | gauge, 0 if there is none | |
//! | `partner_center_inbox_size_bytes`, `partner_center_inbox_limit_bytes` | gauge | |
//! | `partner_center_inbox_commit_duration_seconds` | histogram | |
//! | `partner_center_inbox_errors_total` | counter | `operation` = `store`, `claim`, `settle`, `prune`, `keep`; `error` = [`InboxError::as_str`] |
//! | `partner_center_inbox_attempts_total` | counter | `outcome` = `completed`, `failed`, `parked`, `discarded`, `released`, `stale` |
//! | `partner_center_inbox_attempt_duration_seconds` | histogram | |
//! | `partner_center_inbox_delay_seconds` | histogram: from the store to the end of an attempt | |
//! | `partner_center_inbox_pruned_total` | counter | |
//!
//! Alerts to copy:
//!
//! ```yaml
//! groups:
//! - name: partner-center
//!   rules:
//!   - alert: PartnerCenterCallbacksLost # ten attempts, and then the event is gone
//!     expr: rate(partner_center_callbacks_total{outcome="unavailable"}[5m]) > 0
//!     for: 5m
//!   - alert: PartnerCenterCallbacksRefused # a rotation that this side does not follow, or a forger
//!     expr: rate(partner_center_callbacks_total{outcome="refused",kind=~"chain|location|signature|source|stale"}[10m]) > 0
//!     for: 10m
//!   - alert: PartnerCenterInboxStuck # handlers fail, or no worker runs
//!     expr: |
//!       partner_center_inbox_oldest_pending_timestamp_seconds > 0
//!       and time() - partner_center_inbox_oldest_pending_timestamp_seconds > 900
//!   - alert: PartnerCenterCallbacksParked # an operator has to decide
//!     expr: partner_center_inbox_events{state="parked"} > 0
//!   - alert: PartnerCenterInboxFull # callbacks will be refused: prune, or raise the limit
//!     expr: partner_center_inbox_size_bytes / partner_center_inbox_limit_bytes > 0.8
//!   - alert: PartnerCenterHandledTwice # leases are too short, or the database was away for longer
//!     expr: increase(partner_center_inbox_attempts_total{outcome="stale"}[1h]) > 0
//! ```

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
mod pruner;
mod record;
mod refused;
mod report;
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
pub use pruner::Pruner;
pub use record::{Entry, Record, State, Stats};
pub use refused::{RefusedRequest, RefusedRing};
#[cfg(feature = "metrics")]
pub use report::describe_metrics;
pub use worker::{Backoff, Handler, InboxWorker, Outcome};
