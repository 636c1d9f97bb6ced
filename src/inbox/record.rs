//! What an inbox shows of its callbacks.

use std::fmt;

use bytes::Bytes;
use time::OffsetDateTime;
use uuid::Uuid;

use super::evidence::SignatureEvidence;
use crate::signature::BodyDigest;

/// Where a stored callback is in its life.
///
/// ```text
///   store ──► Waiting ──► Pending ──► Done
///                          ▲   │
///                          │   ├────► Parked
///                          │   └────► Discarded
///                          └── retry, from Parked, Discarded, Done and Ignored
///   store ──► Ignored
/// ```
///
/// | state | claimed | pruned | an operator may |
/// |---|---|---|---|
/// | `Pending` | when it is due | never | retry it if it backs off, discard it unless it is being handled |
/// | `Waiting` | never | never | discard it |
/// | `Done` | never | by age | retry it, by naming the state |
/// | `Parked` | never | by age, by [`Retention::WithParked`](super::Retention::WithParked) | retry it, discard it |
/// | `Discarded` | never | by age | retry it |
/// | `Ignored` | never | by age | retry it, by naming the state |
///
/// ```
/// use partner_center_webhooks::inbox::State;
///
/// for state in State::ALL {
///     assert_eq!(State::from_code(state.code()), Some(*state));
/// }
/// assert_eq!(State::from_code(9), None);
/// assert_eq!(State::Parked.to_string(), "parked");
/// assert!(State::Parked.is_settled() && !State::Waiting.is_settled());
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum State {
    /// It was discarded by an operator or a handler. It is not claimed.
    Discarded,
    /// It was handled.
    Done,
    /// It was stored [only to be kept](super::VerifiedCallback::ignored). It is not claimed.
    Ignored,
    /// It failed for good. An operator decides.
    Parked,
    /// It is to be claimed when it is due, or is claimed.
    Pending,
    /// An earlier callback of the same resource is not settled yet.
    Waiting,
}

impl State {
    /// All states.
    pub const ALL: &'static [Self] =
        &[Self::Pending, Self::Done, Self::Parked, Self::Waiting, Self::Discarded, Self::Ignored];

    /// The name in lower case, such as `pending`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Discarded => "discarded",
            Self::Done => "done",
            Self::Ignored => "ignored",
            Self::Parked => "parked",
            Self::Pending => "pending",
            Self::Waiting => "waiting",
        }
    }

    /// The number in the tables of both engines: 0 pending, 1 done, 2 parked, 3 waiting, 4 discarded,
    /// 5 ignored.
    pub const fn code(self) -> i16 {
        match self {
            Self::Pending => 0,
            Self::Done => 1,
            Self::Parked => 2,
            Self::Waiting => 3,
            Self::Discarded => 4,
            Self::Ignored => 5,
        }
    }

    /// The state with this number.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.iter().copied().find(|state| state.code() == code)
    }

    /// Whether it is settled: it stays as it is until an operator changes it, and pruning may delete it.
    pub const fn is_settled(self) -> bool {
        matches!(self, Self::Discarded | Self::Done | Self::Ignored | Self::Parked)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A stored callback without its body.
///
/// Event, customer and resource are those of the body, so they are signed. They are cut to 2000 bytes.
///
/// # Example
///
/// ```
/// use partner_center_webhooks::inbox::{Entry, State};
/// use partner_center_webhooks::signature::BodyDigest;
/// use time::OffsetDateTime;
///
/// // For an inbox of your own: what is known when a callback is stored.
/// let mut entry = Entry::new(BodyDigest::from_bytes([7; 32]), 1, OffsetDateTime::UNIX_EPOCH);
/// entry.event = Some("invoice-ready".to_owned());
/// assert_eq!((entry.state, entry.attempts), (State::Pending, 0));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Entry {
    /// SHA-256 of the body.
    pub digest: BodyDigest,
    /// Its number, in order of arrival.
    pub seq: u64,
    /// Its state.
    pub state: State,
    /// When it was stored, by the engine's clock. All times have milliseconds.
    pub stored_at: OffsetDateTime,
    /// The name of the event; `None` if the body is not an event.
    pub event: Option<String>,
    /// The tenant of the customer that the event names.
    pub customer: Option<Uuid>,
    /// The resource in whose order it is handled; `None` if it is unordered.
    pub resource: Option<String>,
    /// When it can be claimed: the end of its lease, or of its backoff. `None` if it is settled or waiting.
    pub due_at: Option<OffsetDateTime>,
    /// Whether the latest claim is neither settled nor given back. Its lease may have expired.
    pub is_leased: bool,
    /// When it was settled.
    pub settled_at: Option<OffsetDateTime>,
    /// How many times it was claimed.
    pub attempts: u64,
    /// How many attempts failed since it was stored or retried by an operator.
    pub failures: u64,
    /// The error of the last failure, escaped and cut.
    pub last_error: Option<String>,
}

impl Entry {
    /// A pending entry without attempts, for engines to complete.
    pub fn new(digest: BodyDigest, seq: u64, stored_at: OffsetDateTime) -> Self {
        Self {
            digest,
            seq,
            state: State::Pending,
            stored_at,
            event: None,
            customer: None,
            resource: None,
            due_at: None,
            is_leased: false,
            settled_at: None,
            attempts: 0,
            failures: 0,
            last_error: None,
        }
    }
}

/// A stored callback with everything that is known of it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Record {
    /// Everything but the body and the evidence.
    pub entry: Entry,
    /// The bytes that were signed.
    pub body: Bytes,
    /// The evidence that they were signed by Partner Center.
    pub evidence: SignatureEvidence,
}

impl Record {
    /// A record, as an engine returns it.
    pub fn new(entry: Entry, body: Bytes, evidence: SignatureEvidence) -> Self {
        Self { entry, body, evidence }
    }
}

/// Counts of an inbox.
///
/// | alert if | because |
/// |---|---|
/// | `oldest_pending` is older than an hour | handlers fail, or no worker runs |
/// | `parked` is above 0 | an operator has to decide |
/// | `size_bytes` is above four fifths of `limit_bytes` | callbacks will be refused with 503: prune, or raise the limit |
/// | `in_progress` equals the workers' concurrency, and `pending` grows | handlers are too slow: raise the concurrency |
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// Pending, in progress included.
    pub pending: u64,
    /// Pending, and claimed under a lease that has not expired.
    pub in_progress: u64,
    /// Waiting for a predecessor of the same resource.
    pub waiting: u64,
    /// Done and not pruned yet.
    pub done: u64,
    /// Parked.
    pub parked: u64,
    /// Discarded and not pruned yet.
    pub discarded: u64,
    /// Ignored and not pruned yet.
    pub ignored: u64,
    /// When the oldest pending or waiting callback was stored. Alert on its age.
    pub oldest_pending: Option<OffsetDateTime>,
    /// The size of the store in bytes, free pages left out where the engine knows them.
    pub size_bytes: u64,
    /// The size at which callbacks are refused with [`Full`](super::InboxError::Full).
    pub limit_bytes: Option<u64>,
}

/// The time `millis` milliseconds after 1970.
pub(crate) fn time_at(millis: i64) -> OffsetDateTime {
    let nanos = i128::from(millis).saturating_mul(1_000_000);
    OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// Milliseconds since 1970.
pub(crate) fn millis_of(time: OffsetDateTime) -> i64 {
    let millis = time.unix_timestamp_nanos().div_euclid(1_000_000);
    i64::try_from(millis).unwrap_or(i64::MAX)
}
