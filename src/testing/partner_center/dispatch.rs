//! Deliveries under way: attempts, pauses between them, and the offline queue.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::ACCEPT_ENCODING;
use http::uri::Scheme;
use http::{HeaderValue, Method, Request};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::delivery::{Attempt, Delivery, Origin, Outcome};
use super::service::{Service, State};
use crate::envelope::SIGNATURE_HEADER;
use crate::http_client::{HttpClient, Limits};
use crate::testing::fake::client::PlainClient;
use crate::testing::{IssuerError, SignedRequest};

/// All deliveries, and the tasks of those under way.
pub(super) struct Dispatch {
    /// For whatever is not plain http.
    client: Option<Arc<dyn HttpClient>>,
    runtime: Handle,
    tasks: JoinSet<()>,
    records: Vec<Record>,
    /// Whoever wants to hear of attempts.
    pub(super) observer: Option<Observer>,
    /// How many deliveries are under way.
    under_way: watch::Sender<usize>,
    /// One for each attempt that may go on at once.
    permits: Arc<Semaphore>,
}

/// Hears of an attempt, and of the delivery as it stands then.
pub(super) type Observer = Arc<dyn Fn(&Delivery) + Send + Sync>;

/// A delivery and what exactly is sent.
struct Record {
    delivery: Delivery,
    /// Nothing until it is signed.
    callback: Option<SignedRequest>,
}

impl Dispatch {
    /// One that makes so many attempts at once, on the runtime that this runs on.
    pub(super) fn new(client: Option<Arc<dyn HttpClient>>, concurrent: NonZeroUsize) -> Self {
        Self {
            client,
            runtime: Handle::current(),
            tasks: JoinSet::new(),
            records: Vec::new(),
            observer: None,
            under_way: watch::Sender::default(),
            permits: Arc::new(Semaphore::new(concurrent.get())),
        }
    }

    pub(super) fn deliveries(&self) -> impl Iterator<Item = &Delivery> {
        self.records.iter().map(|record| &record.delivery)
    }

    pub(super) fn delivery(&self, number: usize) -> Option<&Delivery> {
        self.record(number).map(|record| &record.delivery)
    }

    /// What was sent in delivery `number`.
    pub(super) fn callback(&self, number: usize) -> Option<&SignedRequest> {
        self.record(number)?.callback.as_ref()
    }

    fn record(&self, number: usize) -> Option<&Record> {
        self.records.get(number.checked_sub(1)?)
    }

    /// How many deliveries are under way, now and from now on.
    pub(super) fn under_way(&self) -> watch::Receiver<usize> {
        self.under_way.subscribe()
    }

    /// Begins a delivery, and gives its number. Without a callback, its body is signed before the first attempt.
    pub(super) fn begin(
        &mut self,
        service: &Arc<Service>,
        mut delivery: Delivery,
        callback: Option<SignedRequest>,
    ) -> usize {
        let number = self.records.len().saturating_add(1);
        delivery.number = number;
        self.records.push(Record { delivery, callback });
        while self.tasks.try_join_next().is_some() {}
        let (service, under_way) = (Arc::clone(service), UnderWay::new(&self.under_way));
        let task = async move {
            deliver(service, number).await;
            drop(under_way);
        };
        self.tasks.spawn_on(task, &self.runtime);
        number
    }

    /// Ends all that is under way.
    pub(super) fn abort(&mut self) {
        self.tasks.abort_all();
    }
}

impl fmt::Debug for Dispatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dispatch")
            .field("deliveries", &self.records.len())
            .finish_non_exhaustive()
    }
}

/// Counts a delivery for as long as it lives, however its task ends.
struct UnderWay(watch::Sender<usize>);

impl UnderWay {
    fn new(count: &watch::Sender<usize>) -> Self {
        count.send_modify(|count| *count = count.saturating_add(1));
        Self(count.clone())
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}

/// Makes attempts until one succeeds or there have been enough.
async fn deliver(service: Arc<Service>, number: usize) {
    service.prepare_issuer().await;
    let permits = Arc::clone(&service.state().dispatch.permits);
    loop {
        let Ok(permit) = permits.acquire().await else {
            return;
        };
        let prepared = service.state().prepare(number, service.base_url());
        let Some((client, request, timeout)) = prepared else {
            return;
        };
        let started = Instant::now();
        let limits = Limits::new(timeout, ANSWER_LIMIT);
        let answer = match request {
            Ok(request) => client
                .send(request, limits)
                .await
                .map_err(|e| e.to_string()),
            Err(error) => Err(error),
        };
        let answer = answer.map(|answer| answer.status());
        drop(permit);
        let noted = service.state().note(number, started.elapsed(), answer);
        let Some((observer, delivery, pause)) = noted else {
            return;
        };
        if let Some(observer) = observer {
            observer(&delivery);
        }
        match delivery.outcome {
            Outcome::Pending => sleep(pause).await,
            Outcome::AcceptedForgery | Outcome::Delivered | Outcome::Offline | Outcome::Refused => {
                return;
            }
        }
    }
}

type Prepared = (
    Arc<dyn HttpClient>,
    Result<Request<Bytes>, String>,
    Duration,
);
type Noted = (Option<Observer>, Delivery, Duration);

impl State {
    /// The next attempt of a delivery, and how long it may take.
    fn prepare(&mut self, number: usize, base_url: &str) -> Option<Prepared> {
        let record = self.dispatch.record(number)?;
        let delivery = &record.delivery;
        let is_again = self.quirks.signs_each_attempt
            && delivery.origin.is_partner_center()
            && !delivery.attempts.is_empty();
        if is_again || record.callback.is_none() {
            let signed = self.sign(base_url, delivery.body.clone());
            let at = self.dispatch.records.get_mut(number.checked_sub(1)?)?;
            // What cannot be signed anew keeps its former signature.
            at.callback = signed.ok().or_else(|| at.callback.take());
        }
        let Record { delivery, callback } = self.dispatch.record(number)?;
        let request = match callback {
            Some(callback) => request(&delivery.webhook_url, callback),
            None => Err("it could not be signed".to_owned()),
        };
        let is_plain =
            (request.as_ref()).is_ok_and(|one| one.uri().scheme() == Some(&Scheme::HTTP));
        // Other clients add headers of their own, such as `accept`, that the documented request does not have.
        let client = match &self.dispatch.client {
            Some(client) if !is_plain => Arc::clone(client),
            _ => Arc::new(PlainClient),
        };
        Some((client, request, self.quirks.callback_timeout))
    }

    /// Signs `body` as the registration asks for.
    pub(super) fn sign(
        &mut self,
        base_url: &str,
        body: Bytes,
    ) -> Result<SignedRequest, IssuerError> {
        let callback = self.certificates(base_url)?.signer().callback(body)?;
        self.placed(callback)
    }

    /// The same with its signature in the header that the registration asks for.
    pub(super) fn placed(&self, callback: SignedRequest) -> Result<SignedRequest, IssuerError> {
        let registration = self.registration.as_ref();
        if !registration.is_some_and(|one| one.signature_token_to_ms_signature_header) {
            return Ok(callback);
        }
        let callback = callback.in_signature_header();
        let bare = match callback.headers.get(SIGNATURE_HEADER) {
            Some(value) if self.quirks.bare_ms_signature => {
                let value = value.as_bytes();
                value.strip_prefix(b"Signature ").unwrap_or(value).to_vec()
            }
            _ => return Ok(callback),
        };
        callback.with_header(SIGNATURE_HEADER, &bare)
    }

    /// Writes down how an attempt ended. Gives who wants to hear of it, the delivery, and the pause before the next.
    fn note(
        &mut self,
        number: usize,
        took: Duration,
        answer: Result<http::StatusCode, String>,
    ) -> Option<Noted> {
        let at = (self.clock)();
        let record = self.dispatch.records.get_mut(number.checked_sub(1)?)?;
        let delivery = &mut record.delivery;
        delivery.attempts.push(Attempt { at, took, answer });
        let made = u32::try_from(delivery.attempts.len()).unwrap_or(u32::MAX);
        delivery.outcome = if delivery.attempts.last().is_some_and(Attempt::is_success) {
            match delivery.origin {
                Origin::Forgery(_) => Outcome::AcceptedForgery,
                _ => Outcome::Delivered,
            }
        } else if !delivery.origin.is_partner_center() {
            Outcome::Refused
        } else if made < self.quirks.delivery_attempts {
            Outcome::Pending
        } else {
            Outcome::Offline
        };
        let doublings = 1_u32
            .checked_shl(made.saturating_sub(1))
            .unwrap_or(u32::MAX);
        let pause = self.quirks.first_pause.saturating_mul(doublings);
        Some((self.dispatch.observer.clone(), delivery.clone(), pause))
    }
}

/// The documented request of a callback.
fn request(webhook_url: &str, callback: &SignedRequest) -> Result<Request<Bytes>, String> {
    let mut request = Request::new(callback.body.clone());
    *request.method_mut() = Method::POST;
    *request.uri_mut() = webhook_url
        .parse()
        .map_err(|error: http::uri::InvalidUri| error.to_string())?;
    *request.headers_mut() = callback.headers.clone();
    let encodings = HeaderValue::from_static("gzip, deflate");
    request.headers_mut().insert(ACCEPT_ENCODING, encodings);
    Ok(request)
}

/// Nobody reads what a callback is answered, but for its status.
const ANSWER_LIMIT: usize = 1024 * 1024;
