//! What became of events: accepted, or why not.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use thiserror::Error;

use crate::Excerpt;
use crate::api::ApiError;
use crate::event_grid::{CloudEvent, CloudEventError};

/// How much the service accepted. That is not to say that it was routed or delivered.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Accepted {
    pub(super) events: usize,
    pub(super) requests: usize,
}

impl Accepted {
    /// How many events.
    pub fn events(&self) -> usize {
        self.events
    }

    /// In how many requests, repeated ones not counted.
    pub fn requests(&self) -> usize {
        self.requests
    }
}

/// Why an event was not accepted.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The request that it was in failed: it was refused as a whole, or there was no answer.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// It was not sent, for it does not conform.
    #[error("the event does not conform to CloudEvents 1.0: {0}")]
    Event(CloudEventError),
    /// It was not sent, for a request before its own failed in a way in which its own would have failed, too.
    #[error("the event was not sent, for a request before its own failed")]
    NotSent,
    /// It was not sent, for it is longer than a request may be.
    #[error("the event is longer than {limit} bytes of JSON")]
    TooLong {
        /// The limit, in bytes.
        limit: usize,
    },
}

impl PublishError {
    /// The call that failed, if one did.
    pub fn api(&self) -> Option<&ApiError> {
        match self {
            Self::Api(error) => Some(error),
            _ => None,
        }
    }

    /// Whether publishing the same event again later may help, without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Api(error) => error.is_transient(),
            Self::NotSent => true,
            Self::Event(_) | Self::TooLong { .. } => false,
        }
    }

    /// Whether it is unknown if the service accepted the event: there was no answer, or one that does not say. Receivers
    /// know an event that comes twice by its source and id.
    pub fn may_have_been_accepted(&self) -> bool {
        self.api().is_some_and(ApiError::may_have_succeeded)
    }
}

/// One event that was not accepted.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Failure<E = CloudEvent> {
    /// The event, as it was given.
    pub event: E,
    /// Which of those that were given it is, from 0.
    pub index: usize,
    /// Why; shared by all events of one request.
    pub error: Arc<PublishError>,
}

/// Not all events were accepted: which ones, and why.
///
/// What is not listed was accepted, and need not be published again.
#[derive(Clone, Debug)]
pub struct NotAccepted<E = CloudEvent> {
    pub(super) accepted: Accepted,
    pub(super) failures: Vec<Failure<E>>,
}

impl<E> NotAccepted<E> {
    /// How much was accepted.
    pub fn accepted(&self) -> Accepted {
        self.accepted
    }

    /// The events that were not, in the order given; at least one.
    pub fn failures(&self) -> &[Failure<E>] {
        &self.failures
    }

    /// The same, to publish them again.
    pub fn into_failures(self) -> Vec<Failure<E>> {
        self.failures
    }

    /// The same with events of its own, copied if they were references: an error that `?` takes into `Box<dyn Error>`.
    ///
    /// ```
    /// use std::error::Error;
    ///
    /// use partner_center_webhooks::event_grid::{BySource, CloudEvent, NotAccepted, Publisher};
    ///
    /// async fn publish(publisher: &Publisher<BySource>, events: &[CloudEvent]) -> Result<(), Box<dyn Error>> {
    ///     publisher.publish(events).await.map_err(NotAccepted::into_owned)?;
    ///     Ok(())
    /// }
    /// ```
    pub fn into_owned(self) -> NotAccepted
    where
        E: Borrow<CloudEvent>,
    {
        let failures = self.failures.into_iter().map(|failure| Failure {
            event: failure.event.borrow().clone(),
            index: failure.index,
            error: failure.error,
        });
        NotAccepted {
            accepted: self.accepted,
            failures: failures.collect(),
        }
    }

    /// Whether publishing these events again later may help, without anybody changing anything: for all of them.
    pub fn is_transient(&self) -> bool {
        self.failures
            .iter()
            .all(|failure| failure.error.is_transient())
    }
}

impl<E: Borrow<CloudEvent>> fmt::Display for NotAccepted<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failed = self.failures.len();
        let given = failed.saturating_add(self.accepted.events);
        write!(f, "{failed} of {given} events were not accepted")?;
        match self.failures.first() {
            Some(first) => {
                let id = Excerpt::of(first.event.borrow().id());
                write!(f, "; event {}, `{id}`: {}", first.index, first.error)
            }
            None => Ok(()),
        }
    }
}

impl<E: Borrow<CloudEvent> + fmt::Debug> std::error::Error for NotAccepted<E> {}
