//! One request after another, without a network.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HeaderName, TRANSFER_ENCODING};
use http::{HeaderMap, Method, Response};
use serde_json::json;
use time::OffsetDateTime;

use super::quirks::Quirks;
use super::registration::{self, Registration, method_not_allowed};
use super::resources::{GRAPH, REFERRALS, Resources};
use super::tokens::{Tokens, unauthorized};
use super::validation::Validations;
use crate::testing::fake::answer::{ErrorBody, guid, header, ok};
use crate::testing::fake::request::RecordedRequest;
use crate::testing::fake::{self, Clock, Traffic};

/// What changes.
pub(super) struct State {
    pub(super) clock: Clock,
    pub(super) quirks: Quirks,
    pub(super) traffic: Traffic,
    pub(super) tokens: Tokens,
    pub(super) registration: Option<Registration>,
    pub(super) validations: Validations,
    pub(super) resources: Resources,
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            clock: Arc::new(OffsetDateTime::now_utc),
            quirks: Quirks::default(),
            traffic: Traffic::default(),
            tokens: Tokens::new(),
            registration: None,
            validations: Validations::default(),
            resources: Resources::default(),
        }
    }

    fn answer(
        &mut self,
        base_url: &str,
        request: &RecordedRequest,
        now: OffsetDateTime,
    ) -> Response<Bytes> {
        let path = request.path();
        if Tokens::is_endpoint(path) {
            let lifetime = self.quirks.token_lifetime;
            return self.tokens.answer(request, lifetime, now);
        }
        let audience = match path {
            path if path.starts_with(GRAPH) => format!("{base_url}{GRAPH}"),
            path if path.starts_with(REFERRALS) => format!("{base_url}{REFERRALS}"),
            _ => base_url.to_owned(),
        };
        let ids = Ids::of(request);
        let mut answer = match self.tokens.check(request, &audience, now) {
            Err(refusal) => unauthorized(&refusal),
            // As http.sys, in front of ASP.NET, does.
            Ok(_) if lacks_length(request) => ErrorBody::Html.answer(411),
            Ok(is_users) => match path.strip_prefix(REGISTRATION_API) {
                Some(rest) => self.answer_registration(rest, request, &ids, now),
                None => {
                    let app_only_refused = self.quirks.app_only_refused;
                    self.resources.answer(request, is_users, app_only_refused)
                }
            },
        };
        if answer.status() != 429 {
            // The gateway refuses before there are any.
            ids.write(answer.headers_mut());
        }
        answer
    }

    fn answer_registration(
        &mut self,
        rest: &str,
        request: &RecordedRequest,
        ids: &Ids,
        now: OffsetDateTime,
    ) -> Response<Bytes> {
        let quirks = &self.quirks;
        match (request.method(), rest) {
            (_, "") => registration::answer(&mut self.registration, request, quirks, now),
            (&Method::GET, "/events") => ok(&json!(quirks.supported_events)),
            (&Method::POST, "/validationEvents") => {
                let registration = self.registration.as_ref();
                let id = &ids.correlation_id;
                self.validations.create(registration, id, quirks, now)
            }
            (_, "/events" | "/validationEvents") => method_not_allowed(),
            (&Method::GET, rest) => {
                let id = rest.strip_prefix("/validationEvents/").unwrap_or_default();
                let partner_id = &self.tokens.credentials.tenant_id;
                self.validations.show(id, partner_id, quirks, now)
            }
            _ => method_not_allowed(),
        }
    }
}

impl fake::State for State {
    fn traffic(&mut self) -> &mut Traffic {
        &mut self.traffic
    }

    fn process(&mut self, base_url: &str, request: &RecordedRequest) -> Response<Bytes> {
        let now = (self.clock)();
        self.answer(base_url, request, now)
    }
}

/// The ids of an answer.
struct Ids {
    request_id: String,
    correlation_id: String,
}

impl Ids {
    fn of(request: &RecordedRequest) -> Self {
        let sent = |name: &HeaderName| request.header(name.as_str()).map(str::to_owned);
        // The id of a validation event is the answer's, and is not the one that was sent.
        let is_validation =
            request.method() == Method::POST && request.path().ends_with("/validationEvents");
        let correlation_id = sent(&CORRELATION_ID).filter(|_| !is_validation);
        Self {
            request_id: sent(&REQUEST_ID).unwrap_or_else(|| guid().to_string()),
            correlation_id: correlation_id.unwrap_or_else(|| guid().to_string()),
        }
    }

    fn write(&self, headers: &mut HeaderMap) {
        headers.insert(REQUEST_ID, header(&self.request_id));
        headers.insert(CORRELATION_ID, header(&self.correlation_id));
        headers.insert(LOCALE, header("en-US"));
    }
}

fn lacks_length(request: &RecordedRequest) -> bool {
    let has_body = [Method::POST, Method::PUT].contains(request.method());
    let headers = request.headers();
    has_body && !headers.contains_key(CONTENT_LENGTH) && !headers.contains_key(TRANSFER_ENCODING)
}

/// Names a request, and what becomes of it.
const REQUEST_ID: HeaderName = HeaderName::from_static("ms-requestid");
/// Names a piece of work across requests.
const CORRELATION_ID: HeaderName = HeaderName::from_static("ms-correlationid");
/// The language of messages.
const LOCALE: HeaderName = HeaderName::from_static("x-locale");
const REGISTRATION_API: &str = "/webhooks/v1/registration";
