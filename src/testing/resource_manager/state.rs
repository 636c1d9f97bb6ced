//! The state of the fake, and how it processes requests.
//!
//! Every request needs the token (401), a path of `Microsoft.EventGrid` (404) and an `api-version` (400). Partner
//! destinations need a preview version (400).

use std::sync::Arc;

use bytes::Bytes;
use http::header::HeaderName;
use http::{Method, Response};
use serde_json::Value;

use super::resources::{Operations, Resources};
use super::route::Route;
use super::settings::Settings;
use crate::testing::loopback::request::RecordedRequest;
use crate::testing::loopback::response::{ErrorBody, Refusal, guid, header, ok};
use crate::testing::loopback::server::{self, Base, Service};

/// The state of a [`ResourceManager`](super::ResourceManager).
pub(super) struct State {
    pub(super) settings: Settings,
    pub(super) base: Base,
    pub(super) token: String,
    pub(super) resources: Resources,
    pub(super) operations: Operations,
}

/// The response to a request, or why it is refused.
pub(super) type Outcome = Result<Response<Bytes>, Refusal>;

impl server::State for State {
    fn base(&mut self) -> &mut Base {
        &mut self.base
    }

    fn process(
        &mut self,
        service: &Arc<Service<Self>>,
        request: &RecordedRequest,
    ) -> Response<Bytes> {
        let outcome = self.respond(service.base_url(), request);
        let mut response = outcome.unwrap_or_else(|refusal| refusal.response());
        let correlation = request.header(CORRELATION_ID.as_str());
        let correlation = correlation.map_or_else(|| guid().to_string(), str::to_owned);
        let headers = response.headers_mut();
        headers.insert(REQUEST_ID, header(&guid().to_string()));
        headers.insert(CORRELATION_ID, header(&correlation));
        response
    }
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            settings: Settings::default(),
            base: Base::default(),
            token: format!("eyJ0eXAiOiJKV1Qi.{}", guid().simple()),
            resources: Resources::default(),
            operations: Operations::default(),
        }
    }

    fn respond(&mut self, base_url: &str, request: &RecordedRequest) -> Outcome {
        let sent = request.header("authorization").unwrap_or_default();
        if sent != format!("Bearer {}", self.token) {
            let message = "Authentication failed. The 'Authorization' header is missing or its access token is not valid.";
            return Err(refusal(401, "AuthenticationFailed", message));
        }
        let route = Route::of(base_url, request);
        let route = route.ok_or_else(|| {
            refusal(404, "InvalidResourceType", "The resource type could not be found.")
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
            _ => Err(refusal(405, "MethodNotAllowed", "The method is not allowed.")),
        }
    }

    /// Reads one resource.
    fn get(&mut self, route: &Route) -> Outcome {
        if self.settings.no_operation {
            self.finish_unnamed(&route.id());
        }
        let stored = self.resources.get(&route.id());
        stored.map_or_else(|| Err(not_found(route)), |stored| Ok(ok(&stored.value)))
    }
}

/// The body, which must be a JSON object.
fn body(request: &RecordedRequest) -> Result<Value, Refusal> {
    let body = request.json().filter(Value::is_object);
    body.ok_or_else(|| {
        let message = "The request content was invalid and could not be deserialized.";
        refusal(400, "InvalidRequestContent", message)
    })
}

/// 404 for this resource.
pub(super) fn not_found(route: &Route) -> Refusal {
    let message = format!(
        "The Resource 'Microsoft.EventGrid/{}/{}' was not found.",
        route.types().join("/"),
        route.name()
    );
    refusal(404, "ResourceNotFound", message)
}

/// A refusal in the shape of Azure Resource Manager.
pub(super) fn refusal(status: u16, code: &str, message: impl Into<String>) -> Refusal {
    let body = ErrorBody::ResourceManager { code: code.to_owned(), message: message.into() };
    Refusal::new(status, body)
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-request-id");
const CORRELATION_ID: HeaderName = HeaderName::from_static("x-ms-correlation-request-id");
