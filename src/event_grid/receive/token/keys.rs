//! The keys of a tenant: fetched once however many deliveries wait, kept, and fetched anew when they are replaced.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use http::header::{ACCEPT, HeaderValue};
use http::{Request, StatusCode, Uri};
use tokio::time::timeout;

use super::jwks::KeySet;
use super::{KeysError, PublicKey, TokenRefusal};
use crate::Excerpt;
use crate::crypto::Backend;
use crate::event_grid::receive::trace;
use crate::http_client::{HttpClient, HttpClientError, Limits};

/// Finds keys by their names. Cheap to clone; clones share what they keep.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    inner: Arc<Inner>,
}

impl Keys {
    pub(super) fn new(url: Uri, backend: Arc<dyn Backend>, client: Arc<dyn HttpClient>) -> Self {
        let state = Mutex::default();
        let inner = Arc::new(Inner {
            url,
            backend,
            client,
            state,
        });
        Self { inner }
    }

    /// The key of this name. `now` is in seconds since 1970.
    pub(super) async fn find(&self, key_id: &str, now: i64) -> Result<PublicKey, TokenRefusal> {
        if let Some(kept) = self.inner.kept(now)
            && let Some(key) = kept.set.get(key_id)
        {
            if !is_within(kept.fetched_at, REFRESH_AGE, now) {
                self.refresh(now).await;
            }
            return Ok(key.clone());
        }
        let mut departure = self.inner.depart(key_id, now)?;
        if let Departure::Joined(flight) = departure {
            let set = flight.await?;
            departure = match set.get(key_id) {
                Some(_) => Departure::Settled(set),
                // It departed before this one came, and so may the keys that it brought.
                None => self.inner.depart(key_id, now)?,
            };
        }
        let set = match departure {
            Departure::Joined(flight) | Departure::Started(flight) => flight.await?,
            Departure::Settled(set) => set,
        };
        let unknown = || TokenRefusal::UnknownKey {
            key: Excerpt::of(key_id),
            url: self.inner.url_excerpt(),
        };
        set.get(key_id).cloned().ok_or_else(unknown)
    }

    /// Fetches keys that are kept for long. The first who sees that it is due waits for it. If it fails, the keys that are
    /// kept stay good.
    async fn refresh(&self, now: i64) {
        if let Some(flight) = self.inner.depart_to_refresh(now)
            && let Err(error) = flight.await
        {
            trace::keys_not_renewed(&error);
        }
    }
}

struct Inner {
    url: Uri,
    backend: Arc<dyn Backend>,
    client: Arc<dyn HttpClient>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    kept: Option<Kept>,
    flight: Option<Flight>,
    failure: Option<Failure>,
    /// How many flights there were, which numbers them.
    departures: u64,
    /// When the last flight departed because a key was not known.
    sought_at: Option<i64>,
    /// When the last flight departed because the keys were old.
    refreshed_at: Option<i64>,
}

#[derive(Clone)]
struct Kept {
    set: Arc<KeySet>,
    fetched_at: i64,
}

type FlightOutcome = Shared<BoxFuture<'static, Result<Arc<KeySet>, KeysError>>>;

struct Flight {
    number: u64,
    started: i64,
    outcome: FlightOutcome,
}

impl Flight {
    /// Whether somebody drives it, or it began this very second. One that everybody left may have run out of its time
    /// meanwhile, through no fault of the host.
    fn is_under_way(&self, now: i64) -> bool {
        self.outcome.strong_count() > Some(1) || is_within(self.started, 1, now)
    }
}

struct Failure {
    at: i64,
    error: KeysError,
}

enum Departure {
    /// One that is under way.
    Joined(FlightOutcome),
    Started(FlightOutcome),
    /// A flight landed since the caller looked.
    Settled(Arc<KeySet>),
}

impl Inner {
    /// The keys that are kept, unless they are too old to be trusted.
    fn kept(&self, now: i64) -> Option<Kept> {
        self.state().kept_at(now).cloned()
    }

    /// Joins the flight for keys, or starts one if it is time for one.
    fn depart(self: &Arc<Self>, key_id: &str, now: i64) -> Result<Departure, KeysError> {
        let mut state = self.state();
        if let Some(flight) = state.flight.as_ref().filter(|it| it.is_under_way(now)) {
            return Ok(Departure::Joined(flight.outcome.clone()));
        }
        if let Some(failure) = &state.failure
            && is_within(failure.at, NEGATIVE, now)
        {
            return Err(failure.error.clone());
        }
        let kept = state.kept_at(now).map(|kept| Arc::clone(&kept.set));
        let Some(set) = kept else {
            return Ok(Departure::Started(self.start(&mut state, now)));
        };
        if set.get(key_id).is_some() {
            return Ok(Departure::Settled(set));
        }
        if let Some(sought) = state.sought_at
            && is_within(sought, SEEK_INTERVAL, now)
        {
            let wait = sought.saturating_add(SEEK_INTERVAL).saturating_sub(now);
            return Err(KeysError::TooSoon {
                key: Excerpt::of(key_id),
                retry_after: Duration::from_secs(wait.unsigned_abs()),
            });
        }
        state.sought_at = Some(now);
        Ok(Departure::Started(self.start(&mut state, now)))
    }

    fn depart_to_refresh(self: &Arc<Self>, now: i64) -> Option<FlightOutcome> {
        let mut state = self.state();
        let is_tried = |at| is_within(at, SEEK_INTERVAL, now);
        let is_fresh = |kept: &Kept| is_within(kept.fetched_at, REFRESH_AGE, now);
        if state.refreshed_at.is_some_and(is_tried) || state.kept_at(now).is_some_and(is_fresh) {
            return None;
        }
        state.refreshed_at = Some(now);
        match state.flight.as_ref().filter(|it| it.is_under_way(now)) {
            Some(_) => None,
            None => Some(self.start(&mut state, now)),
        }
    }

    fn start(self: &Arc<Self>, state: &mut State, now: i64) -> FlightOutcome {
        state.departures = state.departures.wrapping_add(1);
        let number = state.departures;
        let outcome = self.fly(number, now).boxed().shared();
        state.flight = Some(Flight {
            number,
            started: now,
            outcome: outcome.clone(),
        });
        outcome
    }

    /// Fetches and keeps. Holds no strong reference to `self`, which keeps the flight.
    fn fly(
        self: &Arc<Self>,
        number: u64,
        now: i64,
    ) -> impl Future<Output = Result<Arc<KeySet>, KeysError>> + Send + 'static {
        let keeper: Weak<Self> = Arc::downgrade(self);
        let (url, client) = (self.url.clone(), Arc::clone(&self.client));
        let backend = Arc::clone(&self.backend);
        async move {
            let outcome = fetch(&url, &*client, &backend).await.map(Arc::new);
            if let Some(inner) = keeper.upgrade() {
                inner.land(number, &outcome, now);
            }
            outcome
        }
    }

    fn land(&self, number: u64, outcome: &Result<Arc<KeySet>, KeysError>, now: i64) {
        let mut state = self.state();
        if state.flight.as_ref().is_some_and(|it| it.number == number) {
            state.flight = None;
        }
        match outcome {
            Ok(set) => {
                let set = Arc::clone(set);
                let fetched_at = now;
                state.kept = Some(Kept { set, fetched_at });
                state.failure = None;
            }
            Err(error) => {
                let error = error.clone();
                state.failure = Some(Failure { at: now, error });
            }
        }
    }

    fn url_excerpt(&self) -> Excerpt {
        Excerpt::of(self.url.to_string())
    }

    /// No holder of the lock can leave the state half-changed, so a panic elsewhere does not matter.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn kept_at(&self, now: i64) -> Option<&Kept> {
        let kept = self.kept.as_ref();
        kept.filter(|kept| is_within(kept.fetched_at, MAX_AGE, now))
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys")
            .field("url", &self.url)
            .field("backend", &self.backend)
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

async fn fetch(
    url: &Uri,
    client: &dyn HttpClient,
    backend: &Arc<dyn Backend>,
) -> Result<KeySet, KeysError> {
    let mut request = Request::new(Bytes::new());
    *request.uri_mut() = url.clone();
    let accept = HeaderValue::from_static("application/json");
    request.headers_mut().insert(ACCEPT, accept);
    let url = Excerpt::of(url.to_string());
    // A client that ignores its deadline would hold up every delivery that waits for keys.
    let answer = timeout(LIMITS.deadline, client.send(request, LIMITS)).await;
    let deadline = LIMITS.deadline;
    match answer.unwrap_or(Err(HttpClientError::Timeout { deadline })) {
        // The client should have stopped there.
        Ok(answer) if answer.body().len() > LIMITS.max_body => {
            let limit = LIMITS.max_body;
            let error = HttpClientError::BodyTooLong { limit };
            Err(KeysError::Connection { url, error })
        }
        Ok(answer) if answer.status() == StatusCode::OK => {
            KeySet::parse(answer.body(), backend).ok_or(KeysError::Unreadable { url })
        }
        Ok(answer) => Err(KeysError::Status {
            url,
            status: answer.status().as_u16(),
        }),
        Err(error) => Err(KeysError::Connection { url, error }),
    }
}

/// Whether `now` is in the `seconds` from `start` on. A clock that was set back counts as a period that is over.
fn is_within(start: i64, seconds: i64, now: i64) -> bool {
    start <= now && now.saturating_sub(start) < seconds
}

/// For how long a failure is remembered, in seconds.
pub(super) const NEGATIVE: i64 = 10;

/// How often keys are fetched at most because a token names one that is not known, in seconds; and because they are old.
const SEEK_INTERVAL: i64 = 60;

/// When keys are fetched anew: daily, as Microsoft advises; in seconds.
///
/// Source: "Signing key rollover in the Microsoft identity platform".
const REFRESH_AGE: i64 = 24 * 60 * 60;

/// For how long keys are used if no new ones can be had: a week, in seconds. A key that was withdrawn must not stay good.
const MAX_AGE: i64 = 7 * 24 * 60 * 60;

/// Entra answers in less than a second; its sets of keys have some 10 KiB.
const LIMITS: Limits = Limits::new(Duration::from_secs(5), 256 * 1024);
