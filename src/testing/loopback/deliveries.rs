//! The delivery engine: it sends requests, pauses between attempts, and keeps a record of every delivery.
//!
//! ```text
//! begin ──► prepare ──► attempt ──► record ──► pause ──► attempt …
//!                                      └──► end (delivered, refused or given up)
//! ```

use std::future::{Future, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::server::{Service, State};
use crate::http_client::{HttpClient, HttpClientError, Limits};

/// A fake that delivers.
pub(crate) trait Deliverer: State {
    /// The record of one delivery.
    type Delivery: Clone + Send + 'static;
    /// Why an attempt had no response.
    type Error: From<HttpClientError> + Send;

    fn deliveries(&mut self) -> &mut Deliveries<Self::Delivery>;

    /// Runs before the first attempt of each delivery, without the lock.
    fn prepare(service: &Arc<Service<Self>>) -> impl Future<Output = ()> + Send {
        let _ = service;
        ready(())
    }

    /// The next attempt of a delivery; `None` if it has ended.
    fn next_attempt(&mut self, base_url: &str, number: usize) -> Option<NextAttempt<Self::Error>>;

    /// Records the result of an attempt. Returns the pause before the next one, or `None` if there is none.
    fn record(
        &mut self,
        number: usize,
        took: Duration,
        response: Result<Response<Bytes>, Self::Error>,
    ) -> Option<Duration>;
}

/// An attempt that is due.
pub(crate) struct NextAttempt<E> {
    pub(crate) client: Arc<dyn HttpClient>,
    /// Builds the request. Called without the lock, because it may run user code such as a token source.
    pub(crate) request: Box<dyn FnOnce() -> Result<Request<Bytes>, E> + Send>,
    pub(crate) timeout: Duration,
}

/// All deliveries of a fake, and the tasks of those in progress.
pub(crate) struct Deliveries<D> {
    runtime: Handle,
    tasks: JoinSet<()>,
    entries: Vec<Entry<D>>,
    observer: Option<Observer<D>>,
    in_progress: watch::Sender<usize>,
    /// One permit for each concurrent attempt.
    permits: Arc<Semaphore>,
    /// Ends the pauses.
    hurry: Arc<Notify>,
}

struct Entry<D> {
    delivery: D,
    progress: Arc<Progress>,
}

/// Called after each attempt, with the delivery as it stands.
type Observer<D> = Arc<dyn Fn(&D) + Send + Sync>;

impl<D: Clone + Send + 'static> Deliveries<D> {
    /// Runs at most `concurrent` attempts at a time, on the current runtime.
    pub(crate) fn new(concurrent: usize) -> Self {
        Self {
            runtime: Handle::current(),
            tasks: JoinSet::new(),
            entries: Vec::new(),
            observer: None,
            in_progress: watch::Sender::default(),
            permits: Arc::new(Semaphore::new(concurrent)),
            hurry: Arc::default(),
        }
    }

    /// Starts a delivery and returns its number, counted from 1.
    pub(crate) fn begin<S: Deliverer<Delivery = D>>(
        &mut self,
        service: &Arc<Service<S>>,
        delivery: impl FnOnce(usize) -> D,
    ) -> usize {
        while self.tasks.try_join_next().is_some() {}
        let number = self.entries.len().saturating_add(1);
        let progress = Arc::new(Progress::start(&self.in_progress));
        self.entries.push(Entry { delivery: delivery(number), progress: Arc::clone(&progress) });
        let (service, permits) = (Arc::clone(service), Arc::clone(&self.permits));
        let guard = EndOnDrop(progress);
        let task = async move {
            let _guard = guard;
            deliver(service, permits, number).await;
        };
        self.tasks.spawn_on(task, &self.runtime);
        number
    }

    pub(crate) fn get(&self, number: usize) -> Option<&D> {
        let entry = self.entries.get(number.checked_sub(1)?)?;
        Some(&entry.delivery)
    }

    pub(crate) fn get_mut(&mut self, number: usize) -> Option<&mut D> {
        let entry = self.entries.get_mut(number.checked_sub(1)?)?;
        Some(&mut entry.delivery)
    }

    /// All deliveries, in the order in which they began.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &D> {
        self.entries.iter().map(|entry| &entry.delivery)
    }

    pub(crate) fn to_vec(&self) -> Vec<D> {
        self.iter().cloned().collect()
    }

    /// Counts as ended the deliveries for which `end` returns true.
    pub(crate) fn end_where(&mut self, mut end: impl FnMut(&mut D) -> bool) {
        for entry in &mut self.entries {
            if end(&mut entry.delivery) {
                entry.progress.end();
            }
        }
    }

    /// Calls `observer` after each attempt, without the lock. Replaces an earlier observer.
    pub(crate) fn observe(&mut self, observer: impl Fn(&D) + Send + Sync + 'static) {
        self.observer = Some(Arc::new(observer));
    }

    /// Ends the current pauses.
    pub(crate) fn hurry(&self) {
        self.hurry.notify_waiters();
    }

    /// Stops all deliveries in progress.
    pub(crate) fn abort(&mut self) {
        self.tasks.abort_all();
    }
}

impl<S: Deliverer> Service<S> {
    /// Waits until no delivery is in progress.
    pub(crate) async fn settled(&self) {
        let mut in_progress = self.state().deliveries().in_progress.subscribe();
        // An error means that the counter is gone, and all deliveries with it.
        let _ = in_progress.wait_for(|count| *count == 0).await;
    }
}

/// Attempts a delivery until it ends.
async fn deliver<S: Deliverer>(service: Arc<Service<S>>, permits: Arc<Semaphore>, number: usize) {
    S::prepare(&service).await;
    while let Ok(permit) = permits.acquire().await {
        let next = service.state().next_attempt(service.base_url(), number);
        let Some(next) = next else {
            return;
        };
        let started = Instant::now();
        let response = match (next.request)() {
            Ok(request) => {
                let limits = Limits::new(next.timeout, RESPONSE_LIMIT);
                next.client.send(request, limits).await.map_err(S::Error::from)
            }
            Err(error) => Err(error),
        };
        drop(permit);
        let (pause, hurry, observed) = {
            let mut state = service.state();
            let pause = state.record(number, started.elapsed(), response);
            let deliveries = state.deliveries();
            let observer = deliveries.observer.clone();
            // It is told of what happens from here on.
            let hurry = Arc::clone(&deliveries.hurry).notified_owned();
            (pause, hurry, observer.and_then(|it| Some((it, deliveries.get(number)?.clone()))))
        };
        if let Some((observer, delivery)) = observed {
            observer(&delivery);
        }
        let Some(pause) = pause else {
            return;
        };
        let _ = timeout(pause, hurry).await;
    }
}

/// Counts one delivery as in progress, once.
struct Progress {
    count: watch::Sender<usize>,
    has_ended: AtomicBool,
}

impl Progress {
    /// Counts one more delivery.
    fn start(count: &watch::Sender<usize>) -> Self {
        count.send_modify(|count| *count = count.saturating_add(1));
        Self { count: count.clone(), has_ended: AtomicBool::new(false) }
    }

    /// Counts the delivery as ended, unless it is already: its task ends after a deletion has ended it.
    fn end(&self) {
        if !self.has_ended.swap(true, Ordering::SeqCst) {
            self.count.send_modify(|count| *count = count.saturating_sub(1));
        }
    }
}

/// Ends a delivery with its task, even if that is aborted or panics.
struct EndOnDrop(Arc<Progress>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Default number of concurrent attempts. Many listeners queue at most 128 connections; the client retries one beyond that
/// after a second.
pub(crate) const CONCURRENT_ATTEMPTS: usize = 100;

/// In bytes. At most the beginning of a response is used.
pub(crate) const RESPONSE_LIMIT: usize = 1024 * 1024;
