//! What is written for an event.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use partner_center_webhooks::event_grid::receive::GridEvent;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::json;

/// An event of any schema, with the names of CloudEvents.
#[derive(Serialize)]
pub(crate) struct Line<'a> {
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
}

impl<'a> Line<'a> {
    pub(crate) fn of(event: &'a GridEvent) -> Self {
        let (schema, bytes, other) = match event {
            GridEvent::CloudEvent(event) => ("cloud-event", event.bytes(), None),
            GridEvent::EventGrid(_) => ("event-grid", None, None),
            GridEvent::Other(json) => ("other", None, Some(&**json)),
            // A schema of tomorrow.
            _ => ("other", None, None),
        };
        Self {
            schema,
            id: event.id(),
            source: event.source(),
            event_type: event.event_type(),
            subject: event.subject(),
            data: event.json().or(other),
            data_base64: bytes.map(|bytes| STANDARD.encode(bytes)),
        }
    }

    pub(crate) fn to_json(&self) -> io::Result<String> {
        Ok(json::line(self)?)
    }
}
