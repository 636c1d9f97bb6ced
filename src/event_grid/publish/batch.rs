//! Batches: request bodies within the limits.

use std::borrow::Borrow;
use std::io;
use std::iter::Enumerate;
use std::mem;

use bytes::{BufMut as _, Bytes, BytesMut};

use super::error::PublishError;
use crate::event_grid::cloud_event::{CloudEvent, CloudEventError, Unchecked};

/// The size limits of a request.
///
/// Source: "Azure Event Grid quotas and limits". Production was seen to accept slightly more.
#[derive(Clone, Copy, Debug)]
pub(super) struct BatchLimits {
    /// The length of the body, brackets included.
    pub(super) bytes: usize,
    /// At least 1, because empty batches would go on forever.
    pub(super) events: usize,
}

impl Default for BatchLimits {
    fn default() -> Self {
        Self { bytes: 1024 * 1024, events: 5000 }
    }
}

/// The body of one request and its events, each with its index.
pub(super) struct Batch<E> {
    pub(super) body: Bytes,
    pub(super) events: Vec<(usize, E)>,
}

/// Groups events into batches. Each event is serialized once: an event that does not fit stays in the buffer, and the body
/// before it is split off.
///
/// ```text
/// [{…}, {…}, {…}        the third does not fit
/// [{…}, {…},| {…}       split before the space
/// [{…}, {…}]            the last comma becomes `]`: a body
///            [{…}       the space becomes `[`: the next body
/// ```
pub(super) struct Batches<I: Iterator> {
    remaining: Enumerate<I>,
    limits: BatchLimits,
    buffer: BytesMut,
    events: Vec<(usize, I::Item)>,
}

impl<E: Borrow<CloudEvent>, I: Iterator<Item = E>> Batches<I> {
    pub(super) fn new(events: I, limits: BatchLimits) -> Self {
        Self { remaining: events.enumerate(), limits, buffer: BytesMut::new(), events: Vec::new() }
    }

    /// The next batch. Events that cannot be sent go to `refuse`.
    pub(super) fn next(
        &mut self,
        mut refuse: impl FnMut(usize, E, PublishError),
    ) -> Option<Batch<E>> {
        while let Some((index, event)) = self.remaining.next() {
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
                return Some(Batch { body: closed(body), events });
            }
            self.events.push((index, event));
        }
        self.last()
    }

    /// The events that are not in a batch yet.
    pub(super) fn rest(self) -> impl Iterator<Item = (usize, E)> {
        self.events.into_iter().chain(self.remaining)
    }

    /// The batch of the events in the buffer, if there are any.
    fn last(&mut self) -> Option<Batch<E>> {
        if self.events.is_empty() {
            return None;
        }
        self.buffer.put_u8(b',');
        Some(Batch { body: closed(self.buffer.split()), events: mem::take(&mut self.events) })
    }

    /// Writes `[`, or `, ` after other events, and then the event.
    ///
    /// The space after the comma becomes `[` if the event starts the next body.
    fn write(&mut self, event: &CloudEvent) -> Result<(), PublishError> {
        event.check().map_err(PublishError::Event)?;
        let event = Unchecked(event);
        if self.events.is_empty() {
            // Reuses the memory of the previous body, if it was dropped.
            let expected = event.expected_len().saturating_add(BRACKETS);
            let left = self.remaining.size_hint().0.min(self.limits.events);
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

/// The array `body`, with `]` in place of its last comma.
fn closed(mut body: BytesMut) -> Bytes {
    if let Some(comma) = body.last_mut() {
        *comma = b']';
    }
    body.freeze()
}

/// The brackets of an array.
const BRACKETS: usize = 2;

/// The maximum of memory to reserve in advance: twice the default limit of a body.
const LARGEST_GUESS: usize = 2 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    /// The bodies for events with data of these lengths, and the number of refused events.
    fn bodies(limits: BatchLimits, lengths: &[usize]) -> (Vec<Bytes>, usize) {
        let events = lengths.iter().map(|length| {
            let event = CloudEvent::new("/a", "b").unwrap().with_id("1").unwrap();
            event.with_json(&"x".repeat(*length)).unwrap()
        });
        let (mut batches, mut refused, mut bodies) = (Batches::new(events, limits), 0, vec![]);
        while let Some(batch) = batches.next(|_, _, _| refused += 1) {
            let events = CloudEvent::batch_from_slice(&batch.body).unwrap();
            assert_eq!(events, batch.events.into_iter().map(|it| it.1).collect::<Vec<_>>());
            bodies.push(batch.body);
        }
        (bodies, refused)
    }

    #[test]
    fn bodies_use_the_limit_to_the_byte() {
        let lengths = [5, 0, 30, 1, 1, 17, 90, 3, 0, 0, 42];
        let alone = |length| bodies(BatchLimits::default(), &[length]).0[0].len();
        for limit in alone(0) - 1..alone(90) * 5 {
            let limits = BatchLimits { bytes: limit, ..BatchLimits::default() };
            let (bodies, refused) = bodies(limits, &lengths);
            // Greedy: each event joins the previous body if it fits.
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
    fn a_long_event_is_refused_before_it_is_serialized_completely() {
        let limits = BatchLimits { bytes: 200, ..BatchLimits::default() };
        let long = CloudEvent::new("/a", "b").unwrap();
        let long = long.with_json(&"x".repeat(10_000_000)).unwrap();
        let mut batches = Batches::new([long].into_iter(), limits);
        let mut errors = Vec::new();
        assert!(batches.next(|_, _, error| errors.push(error.to_string())).is_none());
        assert_eq!(errors, ["the event is longer than 198 bytes of JSON"]);
        assert!(batches.buffer.capacity() < 10_000_000, "{}", batches.buffer.capacity());
    }
}
