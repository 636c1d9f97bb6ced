//! Routing: how the fake processes requests.
//!
//! | path | what is there | token |
//! |---|---|---|
//! | `/cert/`, `/pki/` | the certificate host | none |
//! | `/{tenant}/oauth2/…` | the token endpoints | none |
//! | `/webhooks/v1/registration…` | the registration API | for the base URL |
//! | `/graph…`, `/referrals…` | resources of Graph and of the referrals API | for the base URL and that prefix |
//! | all others | resources of the Partner Center API | for the base URL |

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HeaderName, TRANSFER_ENCODING};
use http::{HeaderMap, Method, Response};
use serde_json::json;

use super::certificates::is_hosted;
use super::control;
use super::registration::{self, method_not_allowed};
use super::resources::{GRAPH, REFERRALS};
use super::state::State;
use super::tokens::{Tokens, unauthorized};
use crate::testing::loopback::fault::Fault;
use crate::testing::loopback::request::RecordedRequest;
use crate::testing::loopback::response::{Body, ErrorBody, guid, header, ok};
use crate::testing::loopback::server::{self, Base, Service};

impl server::State for State {
    fn base(&mut self) -> &mut Base {
        &mut self.base
    }

    fn control(service: &Arc<Service<Self>>, request: &RecordedRequest) -> Option<Response<Body>> {
        control::respond(service, request)
    }

    fn standing_fault(&self, request: &RecordedRequest) -> Option<Fault> {
        let is_down = self.certificate_host_is_down && is_hosted(request.path());
        is_down.then_some(Fault::Drop)
    }

    fn process(
        &mut self,
        service: &Arc<Service<Self>>,
        request: &RecordedRequest,
    ) -> Response<Bytes> {
        let path = request.path();
        self.page.changed();
        if is_hosted(path) {
            return self.serve_file(path, service.base_url());
        }
        if Tokens::is_endpoint(path) {
            let (lifetime, now) = (self.quirks.token_lifetime, self.base.clock.now());
            return self.tokens.respond(request, lifetime, now);
        }
        self.serve_api(service, request)
    }

    fn stop(&mut self) {
        self.deliveries.abort();
    }
}

impl State {
    /// Serves a file of the certificate host.
    fn serve_file(&mut self, path: &str, base_url: &str) -> Response<Bytes> {
        let file = self.certificates(base_url).and_then(|host| host.file(path));
        match file {
            Ok(Some(bytes)) => Response::new(bytes.into()),
            Ok(None) => ErrorBody::Empty.response(404),
            Err(_) => ErrorBody::Empty.response(500),
        }
    }

    /// Checks the token, and responds for the API that the path belongs to.
    fn serve_api(
        &mut self,
        service: &Arc<Service<Self>>,
        request: &RecordedRequest,
    ) -> Response<Bytes> {
        let path = request.path();
        let base_url = service.base_url();
        let audience = match path {
            path if path.starts_with(GRAPH) => format!("{base_url}{GRAPH}"),
            path if path.starts_with(REFERRALS) => format!("{base_url}{REFERRALS}"),
            _ => base_url.to_owned(),
        };
        let ids = Ids::of(request);
        let mut response = match self.tokens.check(request, &audience, self.base.clock.now()) {
            Err(refusal) => unauthorized(&refusal),
            // As http.sys in front of ASP.NET.
            Ok(_) if lacks_length(request) => ErrorBody::Html.response(411),
            Ok(is_delegated) => match path.strip_prefix(REGISTRATION_API) {
                Some(rest) => self.serve_registration(service, rest, request, &ids),
                None => {
                    let app_only_refused = self.quirks.app_only_refused;
                    self.resources.respond(request, is_delegated, app_only_refused)
                }
            },
        };
        if response.status() != 429 {
            // The gateway, which refuses earlier, sends no ids.
            ids.write(response.headers_mut());
        }
        response
    }

    /// Responds for the registration API. `rest` is the path after `/registration`.
    fn serve_registration(
        &mut self,
        service: &Arc<Service<Self>>,
        rest: &str,
        request: &RecordedRequest,
        ids: &Ids,
    ) -> Response<Bytes> {
        let now = self.base.clock.now();
        let quirks = &self.quirks;
        match (request.method(), rest) {
            (_, "") => registration::respond(&mut self.registration, request, quirks, now),
            (&Method::GET, "/events") => ok(&json!(quirks.supported_events)),
            (&Method::POST, "/validationEvents") => self.validate(service, &ids.correlation_id),
            (_, "/events" | "/validationEvents") => method_not_allowed(),
            (&Method::GET, rest) => {
                let id = rest.strip_prefix("/validationEvents/").unwrap_or_default();
                let partner_id = &self.tokens.credentials.tenant_id;
                let validations = &mut self.validations;
                validations.show(id, partner_id, quirks, &self.deliveries, now)
            }
            _ => method_not_allowed(),
        }
    }
}

/// The ids of a response.
struct Ids {
    request_id: String,
    correlation_id: String,
}

impl Ids {
    /// The ids that the client sent, or new ones.
    fn of(request: &RecordedRequest) -> Self {
        let sent = |name: &HeaderName| request.header(name.as_str()).map(str::to_owned);
        // The correlation id of a validation event is new, not the one in the request.
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

/// Whether a request that may have a body announces none.
fn lacks_length(request: &RecordedRequest) -> bool {
    let has_body = [Method::POST, Method::PUT].contains(request.method());
    let headers = request.headers();
    has_body && !headers.contains_key(CONTENT_LENGTH) && !headers.contains_key(TRANSFER_ENCODING)
}

/// The id of a request.
const REQUEST_ID: HeaderName = HeaderName::from_static("ms-requestid");
/// The id that correlates several requests.
const CORRELATION_ID: HeaderName = HeaderName::from_static("ms-correlationid");
/// The language of messages.
const LOCALE: HeaderName = HeaderName::from_static("x-locale");
const REGISTRATION_API: &str = "/webhooks/v1/registration";
