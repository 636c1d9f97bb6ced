//! What Partner Center sent, as a CloudEvent.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::attribute;
use super::event::CloudEvent;
use crate::receiver::Received;

impl CloudEvent {
    /// The source of events that were made from Partner Center's; [`with_source`](Self::with_source) replaces it.
    pub const PARTNER_CENTER_SOURCE: &str = "https://api.partnercenter.microsoft.com/webhooks/v1";
    /// What stands before the event's name in the type of events that were made from Partner Center's.
    pub const PARTNER_CENTER_TYPE_PREFIX: &str = "Microsoft.PartnerCenter.";
}

/// A genuine callback as an event to publish.
///
/// | attribute | is |
/// |---|---|
/// | `id` | the digest of the body, so that a callback which is delivered twice is one event |
/// | `source` | [`CloudEvent::PARTNER_CENTER_SOURCE`] |
/// | `type` | [`CloudEvent::PARTNER_CENTER_TYPE_PREFIX`] and the event's name: `Microsoft.PartnerCenter.invoice-ready` |
/// | `subject` | the resource URI, if there is one |
/// | `time` | when the resource changed, with the digits that came where that is RFC 3339, if it can be read |
/// | `data` | the body's JSON, byte for byte |
///
/// Source and type are this crate's choice: outside of Event Grid these events have neither.
impl<B: AsRef<[u8]>> From<&Received<B>> for CloudEvent {
    fn from(received: &Received<B>) -> Self {
        let event = received.event();
        let id = received.digest().to_string();
        let event_type = format!(
            "{}{}",
            Self::PARTNER_CENTER_TYPE_PREFIX,
            event.name().as_str()
        );
        let mut made = Self::unchecked(&id, Self::PARTNER_CENTER_SOURCE, &event_type)
            .with_raw_json(event.as_json().to_owned());
        let subject = event.resource_uri();
        made.subject = subject.and_then(|uri| attribute::check("subject", uri).ok());
        if let Some(text) = event.resource_change_utc_date_text()
            && let Some(time) = event.resource_change_utc_date()
        {
            let is_whole = OffsetDateTime::parse(text, &Rfc3339).is_ok();
            // Partner Center leaves the offset out where it means UTC.
            let offset = if is_whole { "" } else { "Z" };
            let as_it_came = attribute::check("time", &format!("{text}{offset}"));
            let written = || time.format(&Rfc3339).ok().map(Into::into);
            made.time = as_it_came.ok().or_else(written);
        }
        made
    }
}
