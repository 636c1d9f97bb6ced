//! One request after another, without a network.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HeaderName, TRANSFER_ENCODING};
use http::{HeaderMap, Method, Response};
use rustls_pki_types::UnixTime;
use serde_json::json;
use time::OffsetDateTime;
use tokio::task::spawn_blocking;

use super::certificates::{Certificates, is_hosted};
use super::control;
use super::dispatch::Dispatch;
use super::quirks::Quirks;
use super::registration::{self, Registration, method_not_allowed};
use super::resources::{GRAPH, REFERRALS, Resources};
use super::tokens::{Tokens, unauthorized};
use super::validation::Validations;
use crate::testing::fake::answer::{ErrorBody, guid, header, ok};
use crate::testing::fake::fault::{Fault, Faults};
use crate::testing::fake::request::RecordedRequest;
use crate::testing::fake::server::Site;
use crate::testing::{Issuer, IssuerError};

/// What all connections share.
pub(super) struct Service {
    base_url: String,
    state: Mutex<State>,
}

/// Tells the time.
pub(super) type Clock = Arc<dyn Fn() -> OffsetDateTime + Send + Sync>;

/// What changes.
pub(super) struct State {
    pub(super) clock: Clock,
    pub(super) quirks: Quirks,
    pub(super) faults: Faults,
    pub(super) requests: Vec<RecordedRequest>,
    pub(super) tokens: Tokens,
    pub(super) registration: Option<Registration>,
    pub(super) validations: Validations,
    pub(super) resources: Resources,
    /// Who signs, once somebody has to.
    certificates: Option<Certificates>,
    issuer: Option<Issuer>,
    /// Whether the certificate host does not answer.
    pub(super) is_down: bool,
    pub(super) dispatch: Dispatch,
}

impl Service {
    /// One at `base_url`.
    pub(super) fn new(
        base_url: String,
        issuer: Option<Issuer>,
        dispatch: Dispatch,
        clock: Clock,
    ) -> Self {
        Self {
            base_url,
            state: Mutex::new(State {
                clock,
                quirks: Quirks::default(),
                faults: Faults::default(),
                requests: Vec::new(),
                tokens: Tokens::new(),
                registration: None,
                validations: Validations::default(),
                resources: Resources::default(),
                certificates: None,
                issuer,
                is_down: false,
                dispatch,
            }),
        }
    }

    pub(super) fn base_url(&self) -> &str {
        &self.base_url
    }

    /// What changes, for as long as the guard lives.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes an issuer, if there is none yet, while everything else goes on.
    pub(super) async fn prepare_issuer(&self) {
        let now = {
            let state = self.state();
            if state.certificates.is_some() || state.issuer.is_some() {
                return;
            }
            state.issuers_time()
        };
        if let Ok(Ok(issuer)) = spawn_blocking(move || Issuer::at(now)).await {
            // Of two that were made at once, only the first may be known.
            self.state().issuer.get_or_insert(issuer);
        }
    }
}

impl Site for Service {
    fn control(self: &Arc<Self>, request: &RecordedRequest) -> Option<Response<Bytes>> {
        control::answer(self, request)
    }

    fn receive(&self, request: RecordedRequest) -> Option<Fault> {
        let mut state = self.state();
        let fault = match state.is_down && is_hosted(request.path()) {
            true => Some(Fault::Drop),
            false => state.faults.next(request.method(), request.path()),
        };
        state.requests.push(request);
        fault
    }

    fn process(self: &Arc<Self>, request: &RecordedRequest) -> Response<Bytes> {
        let mut state = self.state();
        let path = request.path();
        if is_hosted(path) {
            return state.answer_file(path, &self.base_url);
        }
        if Tokens::is_endpoint(path) {
            let (lifetime, now) = (state.quirks.token_lifetime, state.now());
            return state.tokens.answer(request, lifetime, now);
        }
        state.answer(self, request)
    }
}

impl State {
    pub(super) fn now(&self) -> OffsetDateTime {
        (self.clock)()
    }

    fn issuers_time(&self) -> UnixTime {
        let now = u64::try_from(self.now().unix_timestamp()).unwrap_or_default();
        UnixTime::since_unix_epoch(Duration::from_secs(now))
    }

    /// Who signs.
    pub(super) fn certificates(
        &mut self,
        base_url: &str,
    ) -> Result<&mut Certificates, IssuerError> {
        let certificates = match (self.certificates.take(), self.issuer.take()) {
            (Some(certificates), _) => certificates,
            (None, Some(issuer)) => Certificates::new(&issuer, base_url)?,
            (None, None) => Certificates::new(&Issuer::at(self.issuers_time())?, base_url)?,
        };
        Ok(self.certificates.insert(certificates))
    }

    fn answer_file(&mut self, path: &str, base_url: &str) -> Response<Bytes> {
        let file = self.certificates(base_url).and_then(|host| host.file(path));
        match file {
            Ok(Some(bytes)) => Response::new(bytes.into()),
            Ok(None) => ErrorBody::Empty.answer(404),
            Err(_) => ErrorBody::Empty.answer(500),
        }
    }

    fn answer(&mut self, service: &Arc<Service>, request: &RecordedRequest) -> Response<Bytes> {
        let path = request.path();
        let base_url = &service.base_url;
        let audience = match path {
            path if path.starts_with(GRAPH) => format!("{base_url}{GRAPH}"),
            path if path.starts_with(REFERRALS) => format!("{base_url}{REFERRALS}"),
            _ => base_url.to_owned(),
        };
        let ids = Ids::of(request);
        let mut answer = match self.tokens.check(request, &audience, self.now()) {
            Err(refusal) => unauthorized(&refusal),
            // As http.sys, in front of ASP.NET, does.
            Ok(_) if lacks_length(request) => ErrorBody::Html.answer(411),
            Ok(is_users) => match path.strip_prefix(REGISTRATION_API) {
                Some(rest) => self.answer_registration(service, rest, request, &ids),
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
        service: &Arc<Service>,
        rest: &str,
        request: &RecordedRequest,
        ids: &Ids,
    ) -> Response<Bytes> {
        let now = self.now();
        let quirks = &self.quirks;
        match (request.method(), rest) {
            (_, "") => registration::answer(&mut self.registration, request, quirks, now),
            (&Method::GET, "/events") => ok(&json!(quirks.supported_events)),
            (&Method::POST, "/validationEvents") => self.validate(service, &ids.correlation_id),
            (_, "/events" | "/validationEvents") => method_not_allowed(),
            (&Method::GET, rest) => {
                let id = rest.strip_prefix("/validationEvents/").unwrap_or_default();
                let partner_id = &self.tokens.credentials.tenant_id;
                let validations = &mut self.validations;
                validations.show(id, partner_id, quirks, &self.dispatch, now)
            }
            _ => method_not_allowed(),
        }
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("base_url", &self.base_url)
            .finish_non_exhaustive()
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
