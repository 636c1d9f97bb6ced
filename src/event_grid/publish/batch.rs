//! Events become bodies of requests, within the limits.

use std::borrow::Borrow;
use std::io;
use std::iter::Enumerate;
use std::mem;

use bytes::{BufMut as _, Bytes, BytesMut};

use super::PublishError;
use crate::event_grid::cloud_event::Unchecked;
use crate::event_grid::{CloudEvent, CloudEventError};

/// How much goes into one request.
///
/// # Source
///
/// "Azure Event Grid quotas and limits". Production has been seen to take somewhat more.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub struct BatchLimits {
    bytes: usize,
    events: usize,
}

impl BatchLimits {
    /// The longest body, in bytes: 1 MiB by default, which is 1 MB in Microsoft's words. It bounds single events, too;
    /// `usize::MAX` leaves the judgement to the service.
    pub fn with_max_bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }

    /// How many events: 5000 by default; at least one goes anyway.
    pub fn with_max_events(mut self, events: usize) -> Self {
        self.events = events.max(1);
        self
    }
}

impl Default for BatchLimits {
    fn default() -> Self {
        Self {
            bytes: 1024 * 1024,
            events: 5000,
        }
    }
}

/// The body of one request, and the events in it, each with its index.
pub(super) struct Batch<E> {
    pub(super) body: Bytes,
    pub(super) events: Vec<(usize, E)>,
}

/// Takes events, and gives batches. Each event is written once, into the body that it leaves in: an event that does not fit
/// any more stays where it was written, and the body before it is split off.
pub(super) struct Batches<I: Iterator> {
    given: Enumerate<I>,
    limits: BatchLimits,
    buffer: BytesMut,
    events: Vec<(usize, I::Item)>,
}

impl<E: Borrow<CloudEvent>, I: Iterator<Item = E>> Batches<I> {
    pub(super) fn new(events: I, limits: BatchLimits) -> Self {
        Self {
            given: events.enumerate(),
            limits,
            buffer: BytesMut::new(),
            events: Vec::new(),
        }
    }

    /// The next batch; events that must not be sent go to `refuse`.
    pub(super) fn next(
        &mut self,
        mut refuse: impl FnMut(usize, E, PublishError),
    ) -> Option<Batch<E>> {
        while let Some((index, event)) = self.given.next() {
            let start = self.buffer.len();
            if let Err(error) = self.write(event.borrow()) {
                self.buffer.truncate(start);
                refuse(index, event, error);
                continue;
            }
            let is_full =
                self.events.len() >= self.limits.events || self.buffer.len() >= self.limits.bytes;
            if is_full && !self.events.is_empty() {
                let comma = start.saturating_add(1);
                let body = self.buffer.split_to(comma.min(self.buffer.len()));
                let events = mem::replace(&mut self.events, vec![(index, event)]);
                if let Some(blank) = self.buffer.first_mut() {
                    *blank = b'[';
                }
                return Some(Batch {
                    body: closed(body),
                    events,
                });
            }
            self.events.push((index, event));
        }
        self.last()
    }

    /// What is left: the events that were taken and are in no batch, and those that were not taken.
    pub(super) fn rest(self) -> impl Iterator<Item = (usize, E)> {
        self.events.into_iter().chain(self.given)
    }

    /// The batch of what has been written so far, if anything has.
    fn last(&mut self) -> Option<Batch<E>> {
        if self.events.is_empty() {
            return None;
        }
        self.buffer.put_u8(b',');
        Some(Batch {
            body: closed(self.buffer.split()),
            events: mem::take(&mut self.events),
        })
    }

    /// Writes `[` or, for there are events before it, `, `; and the event.
    ///
    /// The blank after the comma is room for a `[`, should the event turn out to begin the next body.
    fn write(&mut self, event: &CloudEvent) -> Result<(), PublishError> {
        event.check().map_err(PublishError::Event)?;
        let event = Unchecked(event);
        if self.events.is_empty() {
            // The body before has left; its memory is taken again, if nobody holds it.
            let expected = event.expected_len().saturating_add(BRACKETS);
            let left = self.given.size_hint().0.min(self.limits.events);
            let body = expected.saturating_mul(left.saturating_add(1));
            self.buffer.reserve(
                body.min(self.limits.bytes.saturating_add(expected))
                    .min(LARGEST_GUESS),
            );
            self.buffer.put_u8(b'[');
        } else {
            self.buffer.put_slice(b", ");
        }
        let limit = self.limits.bytes.saturating_sub(BRACKETS);
        let mut limited = (&mut self.buffer).limit(limit).writer();
        serde_json::to_writer(&mut limited, &event).map_err(|error| match error.io_error_kind() {
            Some(io::ErrorKind::WriteZero) => PublishError::TooLong { limit },
            _ => PublishError::Event(CloudEventError::syntax(&error)),
        })
    }
}

/// The array `body` with its end in place of its last comma.
fn closed(mut body: BytesMut) -> Bytes {
    if let Some(comma) = body.last_mut() {
        *comma = b']';
    }
    body.freeze()
}

/// What an array of one adds to its event.
const BRACKETS: usize = 2;

/// Memory that is asked for before it is needed, at most: twice a body of the default limit.
const LARGEST_GUESS: usize = 2 * 1024 * 1024;
