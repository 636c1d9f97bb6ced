//! Events become bodies of requests, within the limits.

use std::borrow::Borrow;
use std::io;
use std::iter::Enumerate;
use std::mem;

use bytes::{BufMut as _, Bytes, BytesMut};

use super::error::PublishError;
use crate::event_grid::cloud_event::{CloudEvent, CloudEventError, Unchecked};

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
            let most = self.limits.bytes.saturating_mul(2).min(LARGEST_GUESS);
            self.buffer.reserve(body.min(most));
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The bodies that events with data of these lengths become, and how many are refused.
    fn bodies(limits: BatchLimits, lengths: &[usize]) -> (Vec<Bytes>, usize) {
        let events = lengths.iter().map(|length| {
            let event = CloudEvent::new("/a", "b").unwrap().with_id("1").unwrap();
            event.with_json(&"x".repeat(*length)).unwrap()
        });
        let (mut batches, mut refused, mut bodies) = (Batches::new(events, limits), 0, vec![]);
        while let Some(batch) = batches.next(|_, _, _| refused += 1) {
            let events = CloudEvent::batch_from_slice(&batch.body).unwrap();
            assert_eq!(
                events,
                batch.events.into_iter().map(|it| it.1).collect::<Vec<_>>()
            );
            bodies.push(batch.body);
        }
        (bodies, refused)
    }

    #[test]
    fn a_body_is_as_long_as_it_may_be_to_the_byte() {
        let lengths = [5, 0, 30, 1, 1, 17, 90, 3, 0, 0, 42];
        let alone = |length| bodies(BatchLimits::default(), &[length]).0[0].len();
        for limit in alone(0) - 1..alone(90) * 5 {
            let limits = BatchLimits::default().with_max_bytes(limit);
            let (bodies, refused) = bodies(limits, &lengths);
            // What they would be if each were joined to those before it while there is room.
            let mut expected: Vec<usize> = Vec::new();
            let fit = lengths.map(alone).into_iter().filter(|one| *one <= limit);
            for one in fit.clone() {
                match expected.last_mut() {
                    Some(last) if *last + one <= limit => *last += one,
                    _ => expected.push(one),
                }
            }
            let found: Vec<usize> = bodies.iter().map(Bytes::len).collect();
            assert_eq!(found, expected, "{limit}");
            assert_eq!(refused, lengths.len() - fit.count());
        }
    }

    #[test]
    fn a_long_event_is_refused_before_it_is_written_to_its_end() {
        let limits = BatchLimits::default().with_max_bytes(200);
        let long = CloudEvent::new("/a", "b").unwrap();
        let long = long.with_json(&"x".repeat(10_000_000)).unwrap();
        let mut batches = Batches::new([long].into_iter(), limits);
        let mut errors = Vec::new();
        assert!(
            batches
                .next(|_, _, error| errors.push(error.to_string()))
                .is_none()
        );
        assert_eq!(errors, ["the event is longer than 198 bytes of JSON"]);
        assert!(
            batches.buffer.capacity() < 10_000_000,
            "{}",
            batches.buffer.capacity()
        );
    }
}
