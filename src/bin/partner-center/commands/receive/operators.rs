//! What operators see: whether it works, and what came in.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use partner_center_webhooks::Error;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::net::TcpListener;

use crate::serve::{empty, serve_with};

/// Counts since the start.
#[derive(Clone)]
pub(super) struct Operators(Arc<Mutex<Counts>>);

#[derive(Default)]
struct Counts {
    is_ready: bool,
    trusts_emulator: bool,
    accepted: u64,
    last_accepted: Option<OffsetDateTime>,
    refused: BTreeMap<&'static str, u64>,
    last_refusal: Option<String>,
    /// Requests of strangers, without a signature.
    unsigned: u64,
    unmatched: u64,
    last_told: Option<Instant>,
}

impl Operators {
    pub(super) fn new(trusts_emulator: bool) -> Self {
        Self(Arc::new(Mutex::new(Counts { trusts_emulator, ..Counts::default() })))
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn ready(&self, is_ready: bool) {
        self.counts().is_ready = is_ready;
    }

    pub(super) fn accepted(&self) {
        let mut counts = self.counts();
        counts.accepted = counts.accepted.saturating_add(1);
        counts.last_accepted = Some(OffsetDateTime::now_utc());
    }

    pub(super) fn refused(&self, error: &Error) {
        if error.is_unsigned() {
            let mut counts = self.counts();
            counts.unsigned = counts.unsigned.saturating_add(1);
            return;
        }
        self.note(error.kind().as_str(), error.to_string());
    }

    /// A genuine event whose line could not be written.
    pub(super) fn unwritten(&self, error: &io::Error) {
        self.note("output", format!("the event could not be written: {error}"));
    }

    fn note(&self, kind: &'static str, reason: String) {
        let mut counts = self.counts();
        let number = counts.refused.entry(kind).or_default();
        *number = number.saturating_add(1);
        counts.last_refusal = Some(format!("{kind}: {reason}"));
    }

    /// Counts a request for something else. Returns whether to log it, which is once a minute.
    pub(super) fn unmatched(&self) -> bool {
        let mut counts = self.counts();
        counts.unmatched = counts.unmatched.saturating_add(1);
        let is_due = counts.last_told.is_none_or(|told| told.elapsed() > PAUSE);
        if is_due {
            counts.last_told = Some(Instant::now());
        }
        is_due
    }

    /// Serves operators until the process ends.
    pub(super) async fn serve(self, listener: TcpListener) {
        let respond = move |request: Request<Incoming>| {
            let response = self.respond(request.uri().path());
            std::future::ready(response)
        };
        serve_with(listener, respond, std::future::pending(), PAUSE).await;
    }

    fn respond(&self, path: &str) -> Response<Full<Bytes>> {
        let (status, body) = match path {
            "/healthz" => (StatusCode::OK, json!({ "alive": true })),
            "/readyz" => {
                let counts = self.counts();
                let status = match counts.is_ready {
                    true => StatusCode::OK,
                    false => StatusCode::SERVICE_UNAVAILABLE,
                };
                (status, counts.to_json())
            }
            _ => return empty(StatusCode::NOT_FOUND),
        };
        let mut response = Response::new(Full::from(body.to_string()));
        *response.status_mut() = status;
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(http::header::CONTENT_TYPE, json);
        response
    }
}

impl Counts {
    fn to_json(&self) -> Value {
        let last_accepted = self.last_accepted.and_then(|time| time.format(&Rfc3339).ok());
        json!({
            "ready": self.is_ready,
            "emulator_trusted": self.trusts_emulator,
            "accepted": self.accepted,
            "last_accepted": last_accepted,
            "refused": self.refused.values().sum::<u64>(),
            "refused_by_kind": self.refused,
            "last_refusal": self.last_refusal,
            "unsigned": self.unsigned,
            "unmatched": self.unmatched,
        })
    }
}

/// Between two log lines about requests for something else.
const PAUSE: Duration = Duration::from_secs(60);
