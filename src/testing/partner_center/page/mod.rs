//! The emulator's page, for people: what was delivered, and every command as a form.
//!
//! | request | response |
//! |---|---|
//! | `GET /`, `GET /emulator` with `Accept: text/html` | 303 to the page |
//! | `GET /emulator/` with `Accept: text/html` | the page; the query says what it shows ([`View`]) |
//! | `POST /emulator/` | runs the command of a form, and 303 to the page |
//! | `GET /emulator/stream` | an event after each change, for as long as the browser listens |
//! | `GET /emulator/deliveries/3.http` | the request of delivery 3, as a file |
//!
//! The server renders the whole page, so that it works without a script, and has one place that turns data into HTML. The
//! script replaces no part of that: it fetches the same URL again, and patches what differs.
//!
//! ```text
//! command, attempt, API request ──► Desk::changed ──► stream: `data: VERSION`
//!                                                        │ differs from the version on the page
//!                                      GET of the URL  ◄─┘
//!                                        └──► rows, state and details are patched; focus and typed text stay
//! ```
//!
//! # Who may do what
//!
//! Every web page in a browser on the same machine can send requests to the emulator, so each request has to show where it
//! comes from:
//!
//! - `Host` is a loopback address or the host of the base URL; else a page's own host could resolve to loopback.
//! - `Origin` is absent, or the emulator's own and the path is that of the page.
//! - `Sec-Fetch-Site` is absent or `same-origin`. Links from other pages lead to the page, and to nothing else.
//! - A form has the token of this run. Other origins cannot read it.
//!
//! What a delivery contains is a stranger's text. The template escapes every value, the policy of the page allows no script and
//! no style but its own, and the script of the page never makes HTML from text.

pub(super) mod desk;
mod document;
mod indent;
mod request_file;
mod row;
mod stream;
mod view;

use std::sync::Arc;

use bytes::Bytes;
use http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST,
    LOCATION, ORIGIN, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderName, HeaderValue, Method, Response, StatusCode};

use super::command::Command;
use super::state::State;
use crate::event::EventName;
use crate::testing::loopback::request::RecordedRequest;
use crate::testing::loopback::response::{Body, ErrorBody, header, whole};
use crate::testing::loopback::server::Service;
use desk::{Draft, Said};
use view::View;

/// Responds to a request for the page or one of its parts; `None` if it is a program's.
///
/// `rest` is the path after `/emulator`. The caller has checked where the request comes from.
pub(super) fn respond(
    service: &Arc<Service<State>>,
    request: &RecordedRequest,
    rest: &str,
) -> Option<Response<Body>> {
    let file = rest.strip_prefix("/deliveries/").and_then(|rest| rest.strip_suffix(".http"));
    Some(match (request.method(), rest, file) {
        (&Method::GET, "", _) if is_for_people(request) => whole(redirect("")),
        (&Method::GET, "/", _) if is_for_people(request) => whole(show(service, request)),
        (&Method::POST, "/", _) => whole(post(service, request)),
        (&Method::GET, "/stream", _) => stream::respond(service),
        (&Method::GET, _, Some(number)) => whole(download(service, number)),
        _ => return None,
    })
}

/// Whether the client is a browser that shows a page. Programs accept anything, or JSON, and get what they got before there was
/// a page.
pub(super) fn is_for_people(request: &RecordedRequest) -> bool {
    request.header(ACCEPT.as_str()).unwrap_or_default().contains(HTML)
}

/// Whether the request comes from a program or from the emulator's own page, and not from another web page.
///
/// Browsers send `Sec-Fetch-Site` to loopback addresses and over TLS only, and text browsers do not send `Origin` either. That is
/// why both may be absent, and why a form needs a token.
pub(super) fn is_from_here(base_url: &str, request: &RecordedRequest) -> bool {
    let is_page = request.path() == PATH;
    let has_origin = request.headers().contains_key(ORIGIN);
    let is_from_elsewhere = match request.header(FETCH_SITE.as_str()) {
        None | Some("same-origin") => false,
        // Typed by the user, who can also follow a link to the page.
        Some("none") => request.method() != Method::GET,
        Some(_) => !(is_page && request.method() == Method::GET),
    };
    !is_from_elsewhere && (!has_origin || is_page && is_own_origin(base_url, request))
}

/// Whether a form was sent by a page of this emulator, under the name by which the browser reached it. A proxy with TLS in front is
/// reached by the base URL.
fn is_own_origin(base_url: &str, request: &RecordedRequest) -> bool {
    let host = request.header(HOST.as_str()).unwrap_or_default();
    let origin = request.header(ORIGIN.as_str()).unwrap_or_default();
    origin == format!("http://{host}") || origin == base_url
}

/// The page that the query asks for, with headers that let it do nothing but what it needs.
fn show(service: &Arc<Service<State>>, request: &RecordedRequest) -> Response<Bytes> {
    let query = request.path_and_query().split_once('?').map_or("", |(_, query)| query);
    let html = match document::render(service, &View::parse(query)) {
        Ok(html) => html,
        Err(error) => return ErrorBody::web_api(error.to_string()).response(500),
    };
    let mut response = Response::new(Bytes::from(html));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CONTENT_SECURITY_POLICY, header(&document::policy()));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // With `no-referrer` a browser would hide the origin of its own forms.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}

/// Runs the command of a form, and leads back to the page, so that a reload does not run it again.
///
/// | field | meaning |
/// |---|---|
/// | `token` | the token of this run |
/// | `view` | the query of the page that the form is on; the browser is led back there |
/// | `word` | a word of the [`Command`]; all of them make its line |
/// | `edit` | the event in the words is not emitted but opened in the editor |
/// | `draft` | the number of a delivery whose body is opened in the editor |
fn post(service: &Arc<Service<State>>, request: &RecordedRequest) -> Response<Bytes> {
    let form = request.form();
    let field = |name: &str| {
        let found = form.iter().find(|(found, _)| found == name);
        found.map(|(_, value)| value.as_str())
    };
    if !field("token").is_some_and(|token| service.state().page.is_token(token)) {
        let reason = "this page is from an earlier run of the emulator: reload it";
        return ErrorBody::web_api(reason).response(403);
    }
    let mut view = View::parse(field("view").unwrap_or_default());
    // Browsers send line breaks as CR LF, and show them as LF.
    let words = form.iter().filter(|(name, _)| name == "word");
    let words: Vec<_> = words.map(|(_, value)| value.replace("\r\n", "\n")).collect();
    let said = match (field("draft"), field("edit"), &*words) {
        (Some(number), _, _) => draft(service, number),
        (None, Some(_), [_, event]) => draft(service, event),
        _ => run(service, &words),
    };
    view.said = Some(service.state().page.say(said));
    redirect(&view.to_query())
}

/// Runs the command of these words.
fn run(service: &Arc<Service<State>>, words: &[String]) -> Said {
    let line = words.join(" ");
    let effect = line.parse().and_then(|command: Command| command.run(service));
    match effect {
        Ok(text) => Said { text, is_refused: false, draft: None },
        Err(error) => {
            // What was typed is not lost.
            let draft = match words {
                [verb, event, body] if verb == "emit" => {
                    Some(Draft { event: event.clone(), body: body.clone() })
                }
                _ => None,
            };
            Said { text: error.to_string(), is_refused: true, draft }
        }
    }
}

/// Prepares the body of an event for editing: of an earlier delivery if `what` is its number, or else a sample of the event of
/// this name. What the sample points to is stored, so that the edited event can be followed to its resource.
fn draft(service: &Arc<Service<State>>, what: &str) -> Said {
    let mut state = service.state();
    let number = what.parse().ok();
    let (event, body) = match number.and_then(|number| state.deliveries.get(number)) {
        Some(delivery) => (
            delivery.event_name().unwrap_or("event").to_owned(),
            String::from_utf8_lossy(&delivery.body).into_owned(),
        ),
        None => {
            let name = EventName::from(what);
            (name.to_string(), state.prepare_sample(service.base_url(), &name))
        }
    };
    let text = "edit the body, then emit it".to_owned();
    let body = indent::indented(&body);
    // A word of the command that emits it.
    let event = event.split_whitespace().next().unwrap_or("event").to_owned();
    Said { text, is_refused: false, draft: Some(Draft { event, body }) }
}

/// A delivery's request as a file, for `partner-center verify --request FILE` and for bug reports. A browser saves it and never shows
/// it, because its body is a stranger's.
fn download(service: &Arc<Service<State>>, number: &str) -> Response<Bytes> {
    let number = number.parse().ok();
    let delivery = number.and_then(|number| service.state().deliveries.get(number).cloned());
    let Some(delivery) = delivery else {
        return ErrorBody::web_api("there is no such delivery").response(404);
    };
    let name = format!("attachment; filename=\"delivery-{}.http\"", delivery.number);
    let mut response = Response::new(request_file::bytes(&delivery));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(CONTENT_DISPOSITION, header(&name));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// A response that leads to the page with this query.
pub(super) fn redirect(query: &str) -> Response<Bytes> {
    let location = match query {
        "" => PATH.to_owned(),
        query => format!("{PATH}?{query}"),
    };
    let mut response = ErrorBody::Empty.response(StatusCode::SEE_OTHER.as_u16());
    response.headers_mut().insert(LOCATION, header(&location));
    response
}

/// The path of the page and of its forms.
const PATH: &str = "/emulator/";
/// What browsers name first in `Accept`.
const HTML: &str = "text/html";
/// Where a browser says that a request comes from.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
