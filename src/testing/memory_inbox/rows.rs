//! The rows of the inbox in memory.

use std::collections::BTreeMap;

use bytes::Bytes;
use time::OffsetDateTime;

use crate::inbox::{Entry, Filter, RefusedRequest, SignatureEvidence, State};

#[derive(Default)]
pub(super) struct Memory {
    /// By number.
    pub(super) rows: BTreeMap<u64, Row>,
    pub(super) last_seq: u64,
    pub(super) refused: Vec<RefusedRequest>,
    pub(super) last_refused: u64,
}

pub(super) struct Row {
    pub(super) entry: Entry,
    pub(super) fence: u64,
    pub(super) body: Bytes,
    pub(super) evidence: SignatureEvidence,
}

impl Memory {
    /// Whether a callback of this resource is pending or waiting.
    pub(super) fn has_open(&self, resource: Option<&str>) -> bool {
        let mut open = self.rows.values().filter(|row| !row.entry.state.is_settled());
        resource.is_some() && open.any(|row| row.entry.resource.as_deref() == resource)
    }

    /// Makes the first waiting callback of each resource pending, if none is.
    pub(super) fn promote(&mut self, now: OffsetDateTime) {
        let waiting: Vec<_> = (self.rows.values())
            .filter(|row| row.entry.state == State::Waiting)
            .map(|row| (row.entry.seq, row.entry.resource.clone()))
            .collect();
        for (seq, resource) in waiting {
            let is_pending =
                |row: &Row| row.entry.state == State::Pending && row.entry.resource == resource;
            if !self.rows.values().any(is_pending)
                && let Some(row) = self.rows.get_mut(&seq)
            {
                row.entry.state = State::Pending;
                row.entry.due_at = Some(now);
            }
        }
    }
}

pub(super) fn selects(filter: &Filter, entry: &Entry) -> bool {
    let Filter { state, event, customer, stored_since, stored_before, digests, .. } = filter;
    state.is_none_or(|state| state == entry.state)
        && event.as_ref().is_none_or(|name| Some(name) == entry.event.as_ref())
        && customer.is_none_or(|tenant| Some(tenant) == entry.customer)
        && stored_since.is_none_or(|since| entry.stored_at >= since)
        && stored_before.is_none_or(|before| entry.stored_at < before)
        && digests.is_none_or(|(from, to)| from <= entry.digest && entry.digest <= to)
}
