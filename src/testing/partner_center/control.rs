//! The control endpoints under `/emulator/`, for services and tests in any language.
//!
//! | request | response |
//! |---|---|
//! | `GET /emulator` | the configuration of a client, as JSON |
//! | `GET /emulator/anchors.pem`, `GET /emulator/intermediates.pem` | the certificates to trust |
//! | `GET /emulator/deliveries` | all deliveries with their attempts, as JSON |
//! | `POST /emulator/commands` | the effect of the [`Command`] in the body; 400 with the reason if it fails |
//!
//! They need no credential, so that a shell script can use them. Other web pages in a browser are kept out instead: they send
//! `Origin` or `Sec-Fetch-Site`, or reach the fake by a foreign host name (DNS rebinding). All are refused with 403. The
//! [page](super::page) for people has forms, which need a token as well.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::uri::Authority;
use http::{HeaderValue, Method, Response, Uri};
use serde_json::{Value, json};

use super::certificates::{CERT, FILE, PKI};
use super::command::Command;
use super::delivery::Delivery;
use super::emulator::EMULATOR;
use super::page;
use super::state::State;
use crate::http_client::is_loopback;
use crate::testing::authority::Issuer;
use crate::testing::error::TestKitError;
use crate::testing::loopback::request::RecordedRequest;
use crate::testing::loopback::response::{Body, ErrorBody, ok, whole};
use crate::testing::loopback::server::Service;

/// Responds to control requests; `None` if the request is for Partner Center.
pub(super) fn respond(
    service: &Arc<Service<State>>,
    request: &RecordedRequest,
) -> Option<Response<Body>> {
    if request.path() == "/" && page::is_for_people(request) {
        return Some(whole(page::redirect("")));
    }
    let rest = request.path().strip_prefix("/emulator")?;
    // A web page in a browser on the same machine must not control the emulator, even if its name resolves to loopback.
    if !is_for_emulator(service, request) || !page::is_from_here(service.base_url(), request) {
        return Some(whole(ErrorBody::Empty.response(403)));
    }
    let response = page::respond(service, request, rest);
    response.or_else(|| Some(whole(respond_to_program(service, request, rest))))
}

/// Responds to a shell script or a test.
fn respond_to_program(
    service: &Arc<Service<State>>,
    request: &RecordedRequest,
    rest: &str,
) -> Response<Bytes> {
    match (request.method(), rest) {
        (&Method::GET, "" | "/") => ok(&configuration(service)),
        (&Method::GET, "/anchors.pem") => pem(service, Issuer::root_pem),
        (&Method::GET, "/deliveries") => {
            let state = service.state();
            ok(&state.deliveries.iter().map(Delivery::to_value).collect())
        }
        (&Method::GET, "/intermediates.pem") => pem(service, Issuer::intermediate_pem),
        (&Method::POST, "/commands") => {
            let line = String::from_utf8_lossy(request.body());
            let outcome = line.parse().and_then(|command: Command| command.run(service));
            match outcome {
                Ok(text) => plain(text),
                Err(error) => ErrorBody::web_api(error.to_string()).response(400),
            }
        }
        _ => ErrorBody::web_api(format!("the emulator has no endpoint `{rest}`")).response(404),
    }
}

/// Whether the host of the request is a loopback address or that of the base URL. No web page has such a host, but a page's
/// own host can resolve to a loopback address.
fn is_for_emulator(service: &Service<State>, request: &RecordedRequest) -> bool {
    let host = request.header(HOST.as_str()).unwrap_or_default();
    let Ok(host) = host.parse::<Authority>() else {
        return false;
    };
    let base_url: Option<Uri> = service.base_url().parse().ok();
    let own = base_url.as_ref().and_then(Uri::host);
    is_loopback(&host.host().to_ascii_lowercase())
        || own.is_some_and(|own| own.eq_ignore_ascii_case(host.host()))
}

/// The configuration of a client.
pub(super) fn configuration(service: &Service<State>) -> Value {
    let state = service.state();
    let (base_url, credentials) = (service.base_url(), &state.tokens.credentials);
    json!({
        "emulator": EMULATOR,
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
        "publishedLocation": format!("{base_url}{PKI}"),
        "anchorsUrl": format!("{base_url}/emulator/anchors.pem"),
        "intermediatesUrl": format!("{base_url}/emulator/intermediates.pem"),
    })
}

/// Responds with a certificate of the issuer, which is created if it is needed for the first time.
fn pem(service: &Service<State>, of: impl Fn(&Issuer) -> String) -> Response<Bytes> {
    let mut state = service.state();
    let pem: Result<_, TestKitError> =
        state.certificates(service.base_url()).map(|certificates| of(certificates.issuer()));
    match pem {
        Ok(pem) => plain(pem),
        Err(error) => ErrorBody::web_api(error.to_string()).response(500),
    }
}

/// A response in plain text.
fn plain(text: String) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(text));
    let content_type = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}
