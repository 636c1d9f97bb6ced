//! An event as one line of JSON.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use partner_center_webhooks::event_grid::receive::GridEvent;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::output::one_line;

/// An event of any schema, with the names of CloudEvents.
#[derive(Default, Serialize)]
pub(super) struct Line<'a> {
    schema: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a str>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    event_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data_base64: Option<String>,
    /// Why an event is of neither schema.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl<'a> Line<'a> {
    pub(super) fn of(event: &'a GridEvent) -> Self {
        match event {
            GridEvent::CloudEvent(event) => Self {
                schema: "cloud-event",
                id: Some(event.id()),
                source: Some(event.source()),
                event_type: Some(event.event_type()),
                subject: event.subject(),
                data: event.json(),
                data_base64: event.bytes().map(|bytes| STANDARD.encode(bytes)),
                ..Self::default()
            },
            GridEvent::EventGrid(event) => Self {
                schema: "event-grid",
                id: Some(event.id()),
                source: event.topic(),
                event_type: Some(event.event_type()),
                subject: event.subject(),
                data: event.json(),
                ..Self::default()
            },
            // The whole object is the data, so nothing is lost.
            GridEvent::Unrecognized(event) => Self {
                schema: "unrecognized",
                data: Some(event.json()),
                reason: Some(event.reason().to_string()),
                ..Self::default()
            },
        }
    }

    pub(super) fn to_json(&self) -> io::Result<String> {
        Ok(one_line(self)?)
    }
}
