//! A delivery on the page: its row, and its details.
//!
//! Values are plain text; the template escapes them. What can be long or have control characters is an [`Excerpt`], except for
//! bodies, which are shown whole.

use aws_lc_rs::digest;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::indent::indented;
use super::request_file;
use super::view::View;
use crate::mask::Excerpt;
use crate::testing::loopback::response::date_time;
use crate::testing::partner_center::delivery::{Attempt, Delivery, Origin, Outcome};
use crate::testing::partner_center::quirks::Quirks;

/// What a row shows: when, what, how often, what the receiver responded, and whether that is right.
pub(super) fn row(delivery: &Delivery, quirks: &Quirks, view: &View) -> Value {
    let name = delivery.event_name().map_or_else(|| "(no event)".to_owned(), excerpt);
    let origin = match delivery.origin {
        Origin::Event => String::new(),
        origin => origin.to_string(),
    };
    let last = delivery.attempts.last();
    let allowed = match delivery.origin.is_partner_center() {
        true => quirks.delivery_attempts,
        false => 1,
    };
    json!({
        "number": delivery.number,
        "name": name,
        "origin": origin,
        "attempts": delivery.attempts.len(),
        "allowed": allowed,
        "at": last.map(|attempt| time(attempt.at)),
        "response": last.map_or_else(|| "none yet".to_owned(), response),
        "outcome": outcome(delivery),
        "reason": reason(delivery, quirks),
        "href": format!("?{}", view.showing(Some(delivery.number))),
        "is_shown": view.show == Some(delivery.number),
    })
}

/// What the details show: the row, the request as it is sent, and every attempt with the response.
pub(super) fn detail(delivery: &Delivery, quirks: &Quirks, view: &View) -> Value {
    let body = String::from_utf8_lossy(&delivery.body);
    let indented = indented(&body);
    let attempts = delivery.attempts.iter().zip(1..).map(|(attempt, number): (_, usize)| {
        let answered = attempt.response.as_ref().ok();
        json!({
            "number": number,
            "at": time(attempt.at),
            "response": response(attempt),
            "headers": answered.map(|it| request_file::lines(&it.headers)).unwrap_or_default(),
            "body": answered.map(|it| String::from_utf8_lossy(&it.body)),
            "cut": answered.map_or(0, |it| it.length.saturating_sub(it.body.len())),
        })
    });
    json!({
        "row": row(delivery, quirks, view),
        "url": excerpt(&delivery.webhook_url),
        "head": request_file::head(delivery),
        "indented": (indented != body).then_some(indented),
        "body": body,
        "length": delivery.body.len(),
        "is_text": std::str::from_utf8(&delivery.body).is_ok(),
        "sha256": sha256(&delivery.body),
        "curl": request_file::curl(delivery),
        "attempts": attempts.collect::<Value>(),
    })
}

/// The outcome in a word and a sign. Whether it is good depends on the origin: a forgery has to be refused.
fn outcome(delivery: &Delivery) -> Value {
    let has_response = delivery.attempts.last().is_some_and(|attempt| attempt.status().is_some());
    let (tone, sign) = match (delivery.outcome, delivery.origin) {
        (Outcome::Delivered, _) => ("good", "✓"),
        (Outcome::Refused, Origin::Forgery(_)) if has_response => ("good", "✓"),
        (Outcome::Pending, _) => ("wait", "…"),
        (Outcome::Offline, _) => ("bad", "⌀"),
        _ => ("bad", "✗"),
    };
    let word = match delivery.outcome {
        Outcome::Offline => "given up",
        outcome => outcome.as_str(),
    };
    json!({ "tone": tone, "sign": sign, "word": word })
}

/// Why the outcome is what it is, in a sentence.
///
/// The emulator sees the response only. Why a receiver refused is in its log, except for a forgery, whose fault is known here.
fn reason(delivery: &Delivery, quirks: &Quirks) -> String {
    let Some(last) = delivery.attempts.last() else {
        return "The first attempt is in progress.".to_owned();
    };
    if last.status().is_none() && delivery.outcome != Outcome::Pending {
        return "The receiver did not respond.".to_owned();
    }
    match (delivery.outcome, delivery.origin) {
        (Outcome::AcceptedForgery, Origin::Forgery(forgery)) => {
            format!("The receiver does not verify: {}.", forgery.reason())
        }
        (Outcome::Refused, Origin::Forgery(forgery)) => {
            format!("As it should be: {}.", forgery.reason())
        }
        (Outcome::Pending, _) => {
            let made = u32::try_from(delivery.attempts.len()).unwrap_or(u32::MAX);
            let pause = quirks.pause_after(made).try_into().unwrap_or_default();
            let next = last.at.saturating_add(pause);
            format!("Next attempt at {} UTC.", clock(next))
        }
        (Outcome::Delivered, _) => "The receiver accepted it.".to_owned(),
        (Outcome::Offline, _) => "It is not attempted again.".to_owned(),
        _ => "The receiver refused it. Its log says why.".to_owned(),
    }
}

/// The status in number and words with the duration, or why there was no response.
fn response(attempt: &Attempt) -> String {
    match &attempt.response {
        Ok(response) => {
            let reason = response.status.canonical_reason().unwrap_or_default();
            let status = format!("{} {reason}", response.status.as_u16());
            format!("{} in {} ms", status.trim_end(), attempt.took.as_millis())
        }
        Err(error) => format!("no response: {}", excerpt(error)),
    }
}

/// A time for machines and for people.
fn time(at: OffsetDateTime) -> Value {
    json!({ "iso": format!("{}Z", date_time(at, 3)), "clock": clock(at) })
}

/// The time of day in UTC. A page of an emulator is rarely older than a day.
fn clock(at: OffsetDateTime) -> String {
    format!("{:02}:{:02}:{:02}", at.hour(), at.minute(), at.second())
}

/// The SHA-256 of `bytes` in hexadecimal.
pub(super) fn sha256(bytes: &[u8]) -> String {
    let digest = digest::digest(&digest::SHA256, bytes);
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Text from outside in one line, without control characters.
pub(super) fn excerpt(text: impl AsRef<[u8]>) -> String {
    Excerpt::of(text).to_string()
}
