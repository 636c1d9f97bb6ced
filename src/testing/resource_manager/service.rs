//! One request after another, without a network.

use std::sync::Arc;

use bytes::Bytes;
use http::header::HeaderName;
use http::{Method, Response};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::Settings;
use super::operations::Operations;
use super::resources::Resources;
use super::route::Route;
use crate::testing::fake::answer::{ErrorBody, guid, header, ok};
use crate::testing::fake::request::RecordedRequest;
use crate::testing::fake::{self, Clock, Traffic};

/// What changes.
pub(super) struct State {
    pub(super) clock: Clock,
    pub(super) settings: Settings,
    pub(super) traffic: Traffic,
    pub(super) token: String,
    pub(super) resources: Resources,
    pub(super) operations: Operations,
}

/// What a request is answered, or why it is refused.
pub(super) type Outcome = Result<Response<Bytes>, Refusal>;

impl fake::State for State {
    fn traffic(&mut self) -> &mut Traffic {
        &mut self.traffic
    }

    fn process(&mut self, base_url: &str, request: &RecordedRequest) -> Response<Bytes> {
        let outcome = self.answer(base_url, request);
        let mut answer = outcome.unwrap_or_else(|refusal| refusal.answer());
        let correlation = request.header(CORRELATION_ID.as_str());
        let correlation = correlation.map_or_else(|| guid().to_string(), str::to_owned);
        let headers = answer.headers_mut();
        headers.insert(REQUEST_ID, header(&guid().to_string()));
        headers.insert(CORRELATION_ID, header(&correlation));
        answer
    }
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            clock: Arc::new(OffsetDateTime::now_utc),
            settings: Settings::default(),
            traffic: Traffic::default(),
            token: format!("eyJ0eXAiOiJKV1Qi.{}", guid().simple()),
            resources: Resources::default(),
            operations: Operations::default(),
        }
    }

    fn answer(&mut self, base_url: &str, request: &RecordedRequest) -> Outcome {
        let sent = request.header("authorization").unwrap_or_default();
        if sent != format!("Bearer {}", self.token) {
            let message = "Authentication failed. The 'Authorization' header is missing or its access token is not valid.";
            return Err(refusal(401, "AuthenticationFailed", message));
        }
        let route = Route::of(base_url, request);
        let route = route.ok_or_else(|| {
            refusal(
                404,
                "InvalidResourceType",
                "The resource type could not be found.",
            )
        })?;
        let kind = route.kind();
        if route.api_version().is_empty() {
            let message =
                "The api-version query parameter (?api-version=) is required for all requests.";
            return Err(refusal(400, "MissingApiVersionParameter", message));
        }
        let is_preview = route.api_version().ends_with("-preview");
        if kind.starts_with("partnerdestinations") && !is_preview {
            let message = "No registered resource provider found for this API version.";
            return Err(refusal(400, "NoRegisteredProviderFound", message));
        }
        if let Some(what) = kind.strip_prefix("locations/operation") {
            return self.show_operation(what, &route);
        }
        match *request.method() {
            Method::GET if route.is_open() => self.list(&route),
            Method::GET => self.get(&route),
            Method::POST if route.is_open() => self.act(route, request),
            Method::PUT if !route.is_open() => self.put(&route, &body(request)?),
            Method::PATCH if !route.is_open() => self.patch(&route, &body(request)?),
            Method::DELETE if !route.is_open() => self.delete(&route),
            _ => Err(refusal(
                405,
                "MethodNotAllowed",
                "The method is not allowed.",
            )),
        }
    }

    fn get(&mut self, route: &Route) -> Outcome {
        if self.settings.no_operation {
            self.finish_untold(&route.id());
        }
        let stored = self.resources.get(&route.id());
        stored.map_or_else(|| Err(not_found(route)), |stored| Ok(ok(&stored.value)))
    }
}

fn body(request: &RecordedRequest) -> Result<Value, Refusal> {
    let body = request.json().filter(Value::is_object);
    body.ok_or_else(|| {
        let message = "The request content was invalid and could not be deserialized.";
        refusal(400, "InvalidRequestContent", message)
    })
}

pub(super) fn not_found(route: &Route) -> Refusal {
    let message = format!(
        "The Resource 'Microsoft.EventGrid/{}/{}' was not found.",
        route.types().join("/"),
        route.name()
    );
    refusal(404, "ResourceNotFound", message)
}

pub(super) fn refusal(status: u16, code: &'static str, message: impl Into<String>) -> Refusal {
    Refusal {
        status,
        code,
        message: message.into(),
    }
}

/// In the words of Azure Resource Manager.
pub(super) struct Refusal {
    status: u16,
    code: &'static str,
    message: String,
}

impl Refusal {
    fn answer(&self) -> Response<Bytes> {
        let mut answer = ok(&json!({"error": {"code": self.code, "message": self.message}}));
        *answer.status_mut() = ErrorBody::Empty.answer(self.status).status();
        answer
    }
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-request-id");
const CORRELATION_ID: HeaderName = HeaderName::from_static("x-ms-correlation-request-id");
