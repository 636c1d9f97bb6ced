//! The emulator's own endpoints under `/emulator/`, so that services and tests in any language can drive it.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, ORIGIN};
use http::uri::Authority;
use http::{HeaderValue, Method, Response, Uri};
use serde_json::{Value, json};

use super::certificates::{CERT, FILE};
use super::command::Command;
use super::delivery::Delivery;
use super::service::Service;
use crate::testing::fake::answer::{ErrorBody, ok};
use crate::testing::fake::request::RecordedRequest;
use crate::testing::{Issuer, IssuerError};

/// Answers what is for the emulator itself; nothing if the request is for Partner Center.
pub(super) fn answer(service: &Arc<Service>, request: &RecordedRequest) -> Option<Response<Bytes>> {
    let rest = request.path().strip_prefix("/emulator")?;
    if request.headers().contains_key(ORIGIN) || !is_meant(service, request) {
        // A page in a browser on the same desk has no business here, whatever its name is resolved to.
        return Some(ErrorBody::Empty.answer(403));
    }
    Some(match (request.method(), rest) {
        (&Method::GET, "" | "/") => ok(&configuration(service)),
        (&Method::GET, "/anchors.pem") => pem(service, Issuer::root_pem),
        (&Method::GET, "/deliveries") => {
            let state = service.state();
            ok(&state
                .dispatch
                .deliveries()
                .map(Delivery::to_value)
                .collect())
        }
        (&Method::GET, "/intermediates.pem") => pem(service, Issuer::intermediate_pem),
        (&Method::POST, "/commands") => {
            let line = String::from_utf8_lossy(request.body());
            let done = line
                .parse()
                .and_then(|command: Command| command.run(service));
            match done {
                Ok(text) => plain(text),
                Err(error) => ErrorBody::web_api(error.to_string()).answer(400),
            }
        }
        _ => ErrorBody::web_api(format!("`{rest}` is nothing of the emulator's")).answer(404),
    })
}

/// Whether the request is for a loopback address, or for where the emulator is said to be. No page can have such a name, but
/// a page's own name can be resolved to a loopback address.
fn is_meant(service: &Service, request: &RecordedRequest) -> bool {
    let host = request.header(HOST.as_str()).unwrap_or_default();
    let Ok(host) = host.parse::<Authority>() else {
        return false;
    };
    let base_url: Option<Uri> = service.base_url().parse().ok();
    let own = base_url.as_ref().and_then(Uri::host);
    is_loopback(host.host()) || own.is_some_and(|own| own.eq_ignore_ascii_case(host.host()))
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let address: Result<IpAddr, _> = address.parse();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

/// All that a service has to be told.
pub(super) fn configuration(service: &Service) -> Value {
    let state = service.state();
    let (base_url, credentials) = (service.base_url(), &state.tokens.credentials);
    json!({
        "baseUrl": base_url,
        "tokenUrl": format!("{base_url}/{}/oauth2/v2.0/token", credentials.tenant_id),
        "tenantId": credentials.tenant_id,
        "clientId": credentials.client_id,
        "clientSecret": credentials.client_secret,
        "refreshToken": credentials.refresh_token,
        "scope": format!("{base_url}/.default"),
        "registrationUrl": format!("{base_url}/webhooks/v1/registration"),
        "certificateLocation": format!("{base_url}{CERT}"),
        "certificateUrl": format!("{base_url}{CERT}{FILE}"),
        "anchorsUrl": format!("{base_url}/emulator/anchors.pem"),
        "intermediatesUrl": format!("{base_url}/emulator/intermediates.pem"),
    })
}

fn pem(service: &Service, of: impl Fn(&Issuer) -> String) -> Response<Bytes> {
    let mut state = service.state();
    let pem: Result<_, IssuerError> = state
        .certificates(service.base_url())
        .map(|certificates| of(certificates.issuer()));
    match pem {
        Ok(pem) => plain(pem),
        Err(error) => ErrorBody::web_api(error.to_string()).answer(500),
    }
}

fn plain(text: String) -> Response<Bytes> {
    let mut answer = Response::new(Bytes::from(text));
    let content_type = HeaderValue::from_static("text/plain; charset=utf-8");
    answer.headers_mut().insert(CONTENT_TYPE, content_type);
    answer
}
