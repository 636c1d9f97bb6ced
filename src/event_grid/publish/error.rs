//! The results of publishing.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use thiserror::Error;

use crate::api::ApiError;
use crate::event_grid::cloud_event::{CloudEvent, CloudEventError};
use crate::mask::Excerpt;

/// The number of events that the service accepted. They may not be routed or delivered yet.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Accepted {
    pub(super) events: usize,
    pub(super) requests: usize,
}

impl Accepted {
    /// The number of events.
    pub fn events(&self) -> usize {
        self.events
    }

    /// The number of requests, without retries.
    pub fn requests(&self) -> usize {
        self.requests
    }
}

/// Why an event was not accepted.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum PublishError {
    /// Its request failed: the service refused the whole request, or there was no response.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// It was not sent, because it does not conform to CloudEvents 1.0.
    #[error("the event does not conform to CloudEvents 1.0: {0}")]
    Event(CloudEventError),
    /// It was not sent, because an earlier request failed in a way that would affect its own request too.
    #[error("the event was not sent, because an earlier request failed")]
    NotSent,
    /// It was not sent, because it is longer than a request may be: see
    /// [`Publisher::with_max_bytes`](super::Publisher::with_max_bytes).
    #[error("the event is longer than {limit} bytes of JSON")]
    TooLong {
        /// The limit, in bytes.
        limit: usize,
    },
}

impl PublishError {
    /// The error of the failed request, if there was one.
    pub fn api(&self) -> Option<&ApiError> {
        match self {
            Self::Api(error) => Some(error),
            _ => None,
        }
    }

    /// Whether a retry may succeed without any change.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Api(error) => error.is_transient(),
            Self::NotSent => true,
            Self::Event(_) | Self::TooLong { .. } => false,
        }
    }

    /// Whether the service may have accepted the event: there was no response, or an inconclusive one. Receivers detect
    /// duplicates by source and id.
    pub fn may_have_been_accepted(&self) -> bool {
        self.api().is_some_and(ApiError::may_have_succeeded)
    }
}

/// One event that was not accepted.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Failure<E = CloudEvent> {
    /// The event.
    pub event: E,
    /// The position of the event in the input, from 0.
    pub index: usize,
    /// The error, shared by all events of a request.
    pub error: Arc<PublishError>,
}

/// Some events were not accepted.
///
/// Events that are not listed were accepted; do not publish them again. Those that are listed may have been accepted too if
/// [`PublishError::may_have_been_accepted`] says so: publish them with the same id, and receivers detect the duplicate.
#[derive(Clone, Debug)]
pub struct NotAccepted<E = CloudEvent> {
    pub(super) accepted: Accepted,
    pub(super) failures: Vec<Failure<E>>,
}

impl<E> NotAccepted<E> {
    /// The events that were accepted.
    pub fn accepted(&self) -> Accepted {
        self.accepted
    }

    /// The events that were not accepted, in input order; at least one.
    pub fn failures(&self) -> &[Failure<E>] {
        &self.failures
    }

    /// The failures, by value, to publish the events again.
    pub fn into_failures(self) -> Vec<Failure<E>> {
        self.failures
    }

    /// Clones borrowed events, so that `?` converts the error into `Box<dyn Error>`.
    ///
    /// ```
    /// use std::error::Error;
    ///
    /// use partner_center_webhooks::event_grid::{ChannelName, CloudEvent, NotAccepted, Publisher};
    ///
    /// async fn publish(publisher: &Publisher, to: &ChannelName, events: &[CloudEvent]) -> Result<(), Box<dyn Error>> {
    ///     publisher.publish(to, events).await.map_err(NotAccepted::into_owned)?;
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
        NotAccepted { accepted: self.accepted, failures: failures.collect() }
    }

    /// Whether a retry of every failed event may succeed without any change.
    pub fn is_transient(&self) -> bool {
        self.failures.iter().all(|failure| failure.error.is_transient())
    }
}

impl<E: Borrow<CloudEvent>> fmt::Display for NotAccepted<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failed = self.failures.len();
        let total = failed.saturating_add(self.accepted.events);
        write!(f, "{failed} of {total} events were not accepted")?;
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
