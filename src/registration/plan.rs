//! The changes that `ensure` makes. Computed without calls, so that a plan can be shown first.

use std::fmt;

use super::types::Registration;
use crate::event::EventName;
use crate::mask::Excerpt;

/// What [`ensure`](super::RegistrationClient::ensure) would do, or did.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Plan {
    /// There is no registration: create this one.
    Create(Registration),
    /// The registration is as wanted.
    Keep(Registration),
    /// Replace the registration.
    Update {
        /// The new registration: the wanted one, with the events and unknown members of the current one.
        registration: Registration,
        /// The differences.
        changes: Vec<Change>,
    },
}

/// A difference between the current registration and the wanted one.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub enum Change {
    /// Add these events.
    AddEvents(Vec<EventName>),
    /// Send the signature in `x-ms-signature` (`true`) or in `Authorization`.
    SignatureHeader(bool),
    /// Send callbacks to another URL.
    WebhookUrl {
        /// The current URL.
        from: Box<str>,
    },
}

impl Plan {
    /// The plan that brings `current` to `wanted`.
    ///
    /// It adds events and never removes any, because all products of a partner share the registration of its tenant. If
    /// `wanted` does not set the signature header, the current setting stays.
    ///
    /// # Example
    ///
    /// ```
    /// use partner_center_webhooks::event::EventName;
    /// use partner_center_webhooks::registration::{Plan, Registration};
    ///
    /// let current = Registration::new("https://contoso.example/", [EventName::TestCreated])?;
    /// let wanted = Registration::new("https://contoso.example/", [EventName::InvoiceReady])?;
    /// let plan = Plan::new(&wanted, Some(&current));
    /// assert_eq!(plan.to_string(), "update the registration: add invoice-ready");
    /// assert_eq!(plan.registration().webhook_events(), [EventName::TestCreated, EventName::InvoiceReady]);
    /// # Ok::<(), partner_center_webhooks::registration::RegistrationError>(())
    /// ```
    pub fn new(wanted: &Registration, current: Option<&Registration>) -> Self {
        let mut registration = wanted.clone();
        registration.webhook_events.clear();
        let Some(current) = current else {
            add(&mut registration, wanted.webhook_events());
            return Self::Create(registration);
        };
        let mut changes = Vec::new();
        if !wanted.has_url_of(current) {
            changes.push(Change::WebhookUrl { from: current.webhook_url().into() });
        }
        registration.webhook_events = current.webhook_events().to_vec();
        let added = add(&mut registration, wanted.webhook_events());
        if !added.is_empty() {
            changes.push(Change::AddEvents(added));
        }
        // The service's default is false.
        let is_flagged = current.signature_token_to_ms_signature_header;
        match wanted.signature_token_to_ms_signature_header {
            None => registration.signature_token_to_ms_signature_header = is_flagged,
            Some(flag) if flag == is_flagged.unwrap_or_default() => {}
            Some(flag) => changes.push(Change::SignatureHeader(flag)),
        }
        for (name, value) in &current.others {
            let mut names = registration.others.keys();
            if !names.any(|known| known.eq_ignore_ascii_case(name)) {
                registration.others.insert(name.clone(), value.clone());
            }
        }
        match changes.is_empty() {
            true => Self::Keep(current.clone()),
            false => Self::Update { registration, changes },
        }
    }

    /// The registration after the plan.
    pub fn registration(&self) -> &Registration {
        match self {
            Self::Create(registration)
            | Self::Keep(registration)
            | Self::Update { registration, .. } => registration,
        }
    }

    /// Whether the plan changes nothing.
    pub fn is_keep(&self) -> bool {
        matches!(self, Self::Keep(_))
    }
}

/// Adds the missing `events` to `registration`, and returns them.
fn add(registration: &mut Registration, events: &[EventName]) -> Vec<EventName> {
    let mut added = Vec::new();
    for event in events {
        if !registration.holds(event) {
            registration.webhook_events.push(event.clone());
            added.push(event.clone());
        }
    }
    added
}

/// Query values of the URL are masked, because they may be secret.
impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddEvents(events) => f.debug_tuple("AddEvents").field(events).finish(),
            Self::SignatureHeader(wanted) => {
                f.debug_tuple("SignatureHeader").field(wanted).finish()
            }
            Self::WebhookUrl { from } => {
                f.debug_struct("WebhookUrl").field("from", &Excerpt::of_url(&**from)).finish()
            }
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create(registration) => {
                let url = Excerpt::of_url(registration.webhook_url());
                write!(f, "register `{url}` for {}", names(registration.webhook_events()))
            }
            Self::Keep(_) => f.write_str("nothing to change"),
            Self::Update { registration, changes } => {
                let to = Excerpt::of_url(registration.webhook_url());
                let described = changes.iter().map(|change| match change {
                    Change::AddEvents(events) => format!("add {}", names(events)),
                    Change::SignatureHeader(true) => "the signature in x-ms-signature".to_owned(),
                    Change::SignatureHeader(false) => "the signature in Authorization".to_owned(),
                    Change::WebhookUrl { from } => {
                        format!("callbacks to `{to}` instead of `{}`", Excerpt::of_url(&**from))
                    }
                });
                let described: Vec<_> = described.collect();
                write!(f, "update the registration: {}", described.join(", "))
            }
        }
    }
}

/// The names of events, for display.
fn names(events: &[EventName]) -> String {
    let names: Vec<_> = events.iter().map(|it| Excerpt::of(it.as_str()).to_string()).collect();
    match names.is_empty() {
        true => "no event".to_owned(),
        false => names.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registration(url: &str, events: &[&str]) -> Registration {
        Registration::new(url, events.iter().map(|event| EventName::from(*event))).unwrap()
    }

    #[test]
    fn plans_as_text() {
        let a = "https://a.example/";
        let current = registration(a, &["test-created", "brand-new"])
            .with_signature_token_to_ms_signature_header(true);
        for (wanted, text) in [
            (registration(a, &[]), "nothing to change"),
            (registration("HTTPS://A.example", &["TEST-created"]), "nothing to change"),
            (registration(a, &["Brand-New"]), "nothing to change"),
            (
                registration(a, &["invoice-ready", "x", "X", "invoice-ready"]),
                "update the registration: add invoice-ready, x",
            ),
            (
                registration("https://b.example/", &["x"]),
                "update the registration: callbacks to `https://b.example/` instead of `https://a.example/`, add x",
            ),
            (
                registration(a, &[]).with_signature_token_to_ms_signature_header(false),
                "update the registration: the signature in Authorization",
            ),
            (
                registration(a, &[]).with_signature_token_to_ms_signature_header(true),
                "nothing to change",
            ),
        ] {
            let plan = Plan::new(&wanted, Some(&current));
            assert_eq!(plan.to_string(), text);
            assert_eq!(plan.is_keep(), text == "nothing to change");
        }
        let create = Plan::new(&registration(a, &["x", "y"]), None);
        assert_eq!(create.to_string(), "register `https://a.example/` for x, y");
        assert_eq!(
            Plan::new(&registration(a, &[]), None).to_string(),
            "register `https://a.example/` for no event"
        );
    }

    #[test]
    fn an_update_keeps_unknown_members() {
        let current: Registration = serde_json::from_str(
            r#"{"webhookUrl":"https://a.example/","webhookEvents":["test-created"],"signatureTokenToMsSignatureHeader":true,"properties":{"a":1}}"#,
        )
        .unwrap();
        let plan = Plan::new(&registration("https://b.example/", &["x"]), Some(&current));
        assert_eq!(
            serde_json::to_string(plan.registration()).unwrap(),
            r#"{"WebhookUrl":"https://b.example/","WebhookEvents":["test-created","x"],"SignatureTokenToMsSignatureHeader":true,"properties":{"a":1}}"#
        );

        // An absent flag means false.
        let silent = registration("https://a.example/", &[]);
        let off = silent.clone().with_signature_token_to_ms_signature_header(false);
        assert!(Plan::new(&off, Some(&silent)).is_keep());
        let on = silent.clone().with_signature_token_to_ms_signature_header(true);
        assert!(!Plan::new(&on, Some(&silent)).is_keep());
    }
}
