//! Callback URLs: which ones may be registered.
//!
//! A wrong URL loses events, so it is checked before it is sent, even if it was read from the service and is written back.

use http::Uri;
use http::uri::InvalidUri;
use serde_json::Map;

use super::error::RegistrationError;
use super::types::Registration;
use crate::event::EventName;
use crate::http_client::endpoint::is_host_and_port;
use crate::mask::Excerpt;

impl Registration {
    /// A registration of `webhook_url`, which must be https, for `events`.
    ///
    /// # Errors
    ///
    /// [`RegistrationError::MalformedUrl`] or [`RegistrationError::NotHttps`].
    pub fn new(
        webhook_url: &str,
        events: impl IntoIterator<Item = EventName>,
    ) -> Result<Self, RegistrationError> {
        Self::build(webhook_url, events, false)
    }

    /// Like [`new`](Self::new), but also accepts plain http, where eavesdroppers can read the events. For tests.
    ///
    /// # Errors
    ///
    /// [`RegistrationError::MalformedUrl`] or [`RegistrationError::NotHttps`].
    pub fn danger_plain_http(
        webhook_url: &str,
        events: impl IntoIterator<Item = EventName>,
    ) -> Result<Self, RegistrationError> {
        Self::build(webhook_url, events, true)
    }

    fn build(
        webhook_url: &str,
        events: impl IntoIterator<Item = EventName>,
        danger_plain_http: bool,
    ) -> Result<Self, RegistrationError> {
        let registration = Self {
            webhook_url: webhook_url.into(),
            webhook_events: events.into_iter().collect(),
            signature_token_to_ms_signature_header: None,
            subscriber_id: None,
            last_modified: None,
            others: Map::new(),
            danger_plain_http,
        };
        registration.check_url().map(|()| registration)
    }

    /// Checks the URL: https, or plain http where that was allowed, with a host and without a user or a fragment.
    pub(super) fn check_url(&self) -> Result<(), RegistrationError> {
        let found = || Excerpt::of_url(&*self.webhook_url);
        let malformed = || RegistrationError::MalformedUrl { found: found() };
        let uri: Uri = self.webhook_url.parse().map_err(|_: InvalidUri| malformed())?;
        let authority = uri.authority().ok_or_else(malformed)?;
        let is_odd = !is_host_and_port(authority) || self.webhook_url.contains('#');
        match uri.scheme_str() {
            _ if is_odd => Err(malformed()),
            Some("https") => Ok(()),
            Some("http") if self.danger_plain_http => Ok(()),
            Some("http") => Err(RegistrationError::NotHttps { found: found() }),
            _ => Err(malformed()),
        }
    }
}
