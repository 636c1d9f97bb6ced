//! The page's HTML, from its template and the state of the fake.
//!
//! The template is one file with the style and the script in it. It is embedded, so that the page works offline and needs no
//! build step. It is compiled for each response, in less than a millisecond, so that no state is needed.

use std::collections::BTreeMap;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};
use serde_json::json;

use super::row::{detail, excerpt, row, sha256};
use super::view::View;
use crate::event::EventName;
use crate::testing::loopback::server::Service;
use crate::testing::partner_center::delivery::Outcome;
use crate::testing::partner_center::forgery::Forgery;
use crate::testing::partner_center::state::State;

/// The page. Every value is escaped, because the name of the template says that it is HTML. A value that is missing is an error
/// and not an empty string.
///
/// # Errors
///
/// If the template is faulty.
pub(super) fn render(service: &Service<State>, view: &View) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.render_named_str("page.html", PAGE, Serde(content(service, view)))
}

/// The policy of the page, for `Content-Security-Policy`: its own style, its own script, requests to where it comes from, and
/// nothing else. `data:` is for the icon, which is empty, because browsers ask the API for one otherwise.
///
/// Style and script are named by their hashes, which hold for a page that the script fetches as well.
pub(super) fn policy() -> String {
    let (style, script) = (hash_of("style"), hash_of("script"));
    format!(
        "default-src 'none'; script-src '{script}'; style-src '{style}'; connect-src 'self'; img-src data:; form-action 'self'; \
         base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    )
}

/// The hash of the only element of this name, which has no values in it.
fn hash_of(element: &str) -> String {
    let (start, end) = (format!("<{element}>"), format!("</{element}>"));
    let content = PAGE.split_once(&start).and_then(|(_, rest)| rest.split_once(&end));
    let content = content.map_or("", |(content, _)| content);
    format!("sha256-{}", STANDARD.encode(digest::digest(&digest::SHA256, content.as_bytes())))
}

/// The values of the template. The lock is held while they are copied, and not while the template runs.
fn content(service: &Service<State>, view: &View) -> serde_json::Value {
    let state = service.state();
    let (quirks, deliveries) = (&state.quirks, &state.deliveries);
    let mut counts: BTreeMap<_, usize> = BTreeMap::new();
    for delivery in deliveries.iter() {
        let count = counts.entry(delivery.outcome.as_str()).or_default();
        *count = count.saturating_add(1);
    }
    let mut chosen: Vec<_> = deliveries.iter().filter(|delivery| view.has(delivery)).collect();
    chosen.reverse();
    let older = chosen.len().saturating_sub(view.rows);
    chosen.truncate(view.rows);
    let said = view.said.and_then(|number| state.page.said(number));
    let shown = view.show.and_then(|number| deliveries.get(number));
    let outcomes = OUTCOMES.map(Outcome::as_str);
    json!({
        "version": state.page.watch().version(),
        "token": state.page.token(),
        "view": View { said: None, ..view.clone() }.to_query(),
        "base_url": service.base_url(),
        "registration": registration(&state),
        "certificate_host_is_down": state.certificate_host_is_down,
        "signer": signer(&state),
        "counts": outcomes.map(|name| json!([name, counts.get(name).copied().unwrap_or(0)])),
        "total": deliveries.iter().count(),
        "outcome": view.outcome,
        "text": view.text,
        "rows": view.rows,
        "events": EventName::ALL.iter().map(EventName::as_str).collect::<Vec<_>>(),
        "forgeries": Forgery::ALL.iter().map(|it| json!([it.as_str(), it.reason()])).collect::<serde_json::Value>(),
        "deliveries": chosen.iter().map(|it| row(it, quirks, view)).collect::<serde_json::Value>(),
        "older": { "count": older, "href": format!("?{}", view.older()) },
        "detail": shown.map(|delivery| detail(delivery, quirks, view)),
        "close": format!("?{}", view.showing(None)),
        "said": said.map(|said| json!({ "text": said.text, "is_refused": said.is_refused })),
        "draft": said.and_then(|said| said.draft.as_ref()).map(|draft| json!({
            "event": excerpt(&draft.event), "word": draft.event, "body": draft.body,
        })),
    })
}

/// The registration as the page shows it.
fn registration(state: &State) -> Option<serde_json::Value> {
    let registration = state.registration.as_ref()?;
    Some(json!({
        "url": registration.webhook_url,
        "events": registration.webhook_events,
        "is_ms": registration.signature_token_to_ms_signature_header,
    }))
}

/// The signing certificate, if there is one: a page does not issue it, because its key takes some tenths of a second.
fn signer(state: &State) -> Option<serde_json::Value> {
    let certificates = state.existing_certificates()?;
    let fingerprint = sha256(certificates.signer().certificate());
    Some(json!({
        "fingerprint": fingerprint.get(..16),
        "is_revoked": certificates.is_revoked(),
    }))
}

/// In the order in which they matter to a developer.
const OUTCOMES: [Outcome; 5] = [
    Outcome::Delivered,
    Outcome::Refused,
    Outcome::Pending,
    Outcome::Offline,
    Outcome::AcceptedForgery,
];
/// The template.
const PAGE: &str = include_str!("page.html");
