//! Handlers and what they return.

use std::fmt;
use std::time::Duration;

use crate::http_client::BoxFuture;
use crate::inbox::claim::Claimed;

/// Handles claimed callbacks. Implemented by closures from [`Claimed`] to a future of an [`Outcome`] or of a `Result`.
///
/// A callback can be handled more than once: after a crash, after a lease expired, and after an operator retried it. Effects outside
/// of the inbox's database should be idempotent, with [`Claimed::digest`] as the key. Effects in the same database take place
/// exactly once if the handler completes the claim in its own transaction and returns [`Outcome::Settled`].
///
/// # Example
///
/// A handler with state of its own, and an outcome for each kind of failure:
///
/// ```
/// # use std::time::Duration;
/// use partner_center_webhooks::event::EventName;
/// use partner_center_webhooks::http_client::BoxFuture;
/// use partner_center_webhooks::inbox::{Claimed, Handler, Outcome};
///
/// struct Billing {
///     is_open: bool,
/// }
///
/// impl Handler for Billing {
///     fn handle(&self, claimed: Claimed) -> BoxFuture<'static, Outcome> {
///         let is_open = self.is_open;
///         Box::pin(async move {
///             let event = match claimed.event() {
///                 Ok(event) => event,
///                 Err(error) => return Outcome::park(error), // no retry can help
///             };
///             match event.name() {
///                 EventName::InvoiceReady if is_open => Outcome::Done,
///                 EventName::InvoiceReady => Outcome::retry("the ERP is closed"),
///                 _ => Outcome::Discard,
///             }
///         })
///     }
/// }
/// # fn takes(_: impl Handler) {}
/// # takes(Billing { is_open: true });
/// ```
pub trait Handler: Send + Sync + 'static {
    /// Handles `claimed`. The future is dropped when the claim is lost, at the time limit, and at the end of a shutdown.
    fn handle(&self, claimed: Claimed) -> BoxFuture<'static, Outcome>;
}

impl<H, F> Handler for H
where
    H: Fn(Claimed) -> F + Send + Sync + 'static,
    F: Future<Output: Into<Outcome>> + Send + 'static,
{
    fn handle(&self, claimed: Claimed) -> BoxFuture<'static, Outcome> {
        let outcome = self(claimed);
        Box::pin(async move { outcome.await.into() })
    }
}

/// The outcome of an attempt.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// It is never to be handled. It stays in the inbox until it is pruned, so that a later delivery is a duplicate.
    Discard,
    /// It was handled. The worker records that. A crash before that repeats the attempt, so its effects must be idempotent.
    Done,
    /// It failed, and no retry can help. An operator decides. It does not hold up later callbacks of its resource.
    Park {
        /// The reason, for operators.
        error: String,
    },
    /// It failed. It is retried after a backoff, and parked after the last attempt. In an inbox that is ordered by resource, it holds
    /// up later callbacks of its resource meanwhile.
    Retry {
        /// The reason, for operators.
        error: String,
        /// The backoff; `None` for that of the worker's schedule.
        after: Option<Duration>,
    },
    /// The handler completed the claim itself, in its own transaction. The worker records nothing.
    Settled,
}

impl Outcome {
    /// A failure without a chance of success.
    pub fn park(error: impl fmt::Display) -> Self {
        Self::Park { error: error.to_string() }
    }

    /// A failure that a retry may turn into a success, by the worker's schedule.
    ///
    /// ```
    /// use partner_center_webhooks::inbox::Outcome;
    ///
    /// let failed: Result<(), _> = Err("503 by the ERP");
    /// assert_eq!(Outcome::from(failed), Outcome::retry("503 by the ERP")); // so `?` retries
    /// assert_eq!(Outcome::from(Ok::<_, String>(Outcome::park("x"))), Outcome::park("x"));
    /// ```
    pub fn retry(error: impl fmt::Display) -> Self {
        Self::Retry { error: error.to_string(), after: None }
    }
}

impl From<()> for Outcome {
    fn from((): ()) -> Self {
        Self::Done
    }
}

impl<E: fmt::Display> From<Result<(), E>> for Outcome {
    /// [`Done`](Outcome::Done), or a [retry](Outcome::retry).
    fn from(result: Result<(), E>) -> Self {
        match result {
            Ok(()) => Self::Done,
            Err(error) => Self::retry(error),
        }
    }
}

impl<E: fmt::Display> From<Result<Self, E>> for Outcome {
    /// The outcome, or a [retry](Outcome::retry).
    fn from(result: Result<Self, E>) -> Self {
        result.unwrap_or_else(Self::retry)
    }
}
