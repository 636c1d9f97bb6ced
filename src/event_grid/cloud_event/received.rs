//! The conversion of Partner Center's callbacks into CloudEvents.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::attribute;
use super::event::CloudEvent;
use crate::receiver::Received;

impl CloudEvent {
    /// The source of events converted from callbacks; [`with_source`](Self::with_source) replaces it.
    pub const PARTNER_CENTER_SOURCE: &str = "https://api.partnercenter.microsoft.com/webhooks/v1";
    /// The prefix of the event's name in the type of events converted from callbacks.
    pub const PARTNER_CENTER_TYPE_PREFIX: &str = "Microsoft.PartnerCenter.";
}

/// Converts a genuine callback into an event for publishing.
///
/// | attribute | value |
/// |---|---|
/// | `id` | the digest of the body, so that repeated deliveries of a callback are one event |
/// | `source` | [`CloudEvent::PARTNER_CENTER_SOURCE`] |
/// | `type` | [`CloudEvent::PARTNER_CENTER_TYPE_PREFIX`] and the event's name: `Microsoft.PartnerCenter.invoice-ready` |
/// | `subject` | the resource URI, if there is one |
/// | `time` | when the resource changed, if that can be parsed; unchanged if it is RFC 3339 |
/// | `data` | the body's JSON, byte for byte |
///
/// Partner Center defines neither source nor type: these are this crate's choice.
impl<B: AsRef<[u8]>> From<&Received<B>> for CloudEvent {
    fn from(received: &Received<B>) -> Self {
        let event = received.event();
        let id = received.digest().to_string();
        let event_type = format!("{}{}", Self::PARTNER_CENTER_TYPE_PREFIX, event.name().as_str());
        let mut converted = Self::unchecked(&id, Self::PARTNER_CENTER_SOURCE, &event_type)
            .with_raw_json(event.as_json().to_owned());
        let subject = event.resource_uri();
        converted.subject = subject.and_then(|uri| attribute::check("subject", uri).ok());
        if let Some(text) = event.resource_change_utc_date_text()
            && let Some(time) = event.resource_change_utc_date()
        {
            let is_complete = OffsetDateTime::parse(text, &Rfc3339).is_ok();
            // Partner Center omits the offset of UTC.
            let offset = if is_complete { "" } else { "Z" };
            let unchanged = attribute::check("time", &format!("{text}{offset}"));
            let reformatted = || time.format(&Rfc3339).ok().map(Into::into);
            converted.time = unchanged.ok().or_else(reformatted);
        }
        converted
    }
}
