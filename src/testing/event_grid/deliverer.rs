//! Deliveries under way: attempts, and pauses between them.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{StatusCode, Uri};
use serde_json::Value;
use time::OffsetDateTime;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::delivery::{Attempt, Delivery, GivenUp, Outcome};
use super::retry::Verdict;
use super::settings::Settings;
use super::subscription::EventSubscription;
use super::wire;
use crate::http_client::{HttpClient as _, HttpClientError, Limits};
use crate::testing::fake::client::PlainClient;

/// All deliveries, and the tasks of those under way, which end with it.
pub(super) struct Deliverer {
    runtime: Handle,
    tasks: JoinSet<()>,
    shared: Arc<Shared>,
}

/// What the tasks know.
struct Shared {
    deliveries: Mutex<Vec<Delivery>>,
    /// How many deliveries are under way.
    pending: watch::Sender<usize>,
    /// One for each attempt that may go on at once.
    permits: Semaphore,
}

/// How a delivery goes, from its beginning to its end.
struct Course {
    uri: Uri,
    origin: String,
    response_timeout: Duration,
    speed: u32,
}

impl Deliverer {
    /// One whose attempts are made on the runtime that this runs on.
    pub(super) fn new() -> Self {
        Self {
            runtime: Handle::current(),
            tasks: JoinSet::new(),
            shared: Arc::new(Shared {
                deliveries: Mutex::default(),
                pending: watch::Sender::default(),
                permits: Semaphore::new(CONCURRENT_ATTEMPTS),
            }),
        }
    }

    /// Begins to deliver `events` to `subscription`, whose endpoint is `uri`. Gives the numbers of the deliveries.
    pub(super) fn begin(
        &mut self,
        subscription: &Arc<EventSubscription>,
        uri: &Uri,
        events: Vec<Value>,
        now: OffsetDateTime,
        settings: &Settings,
    ) -> Vec<usize> {
        while self.tasks.try_join_next().is_some() {}
        let mut numbers = Vec::new();
        for events in wire::batches(subscription, events) {
            let mut deliveries = self.shared.deliveries();
            let number = deliveries.len().saturating_add(1);
            deliveries.push(Delivery {
                number,
                subscription: Arc::clone(subscription),
                body: wire::body(subscription, &events),
                events: events.into(),
                published: now,
                attempts: Vec::new(),
                next_age: Duration::ZERO,
                outcome: Outcome::Pending,
            });
            drop(deliveries);
            self.shared
                .pending
                .send_modify(|count| *count = count.saturating_add(1));
            let course = Course {
                uri: uri.clone(),
                origin: settings.origin.clone(),
                response_timeout: settings.response_timeout,
                speed: settings.speed,
            };
            let task = deliver(Arc::clone(&self.shared), number, course);
            self.tasks.spawn_on(task, &self.runtime);
            numbers.push(number);
        }
        numbers
    }

    /// Gives up all that is under way to `subscription`.
    pub(super) fn give_up(&self, subscription: &Arc<EventSubscription>) {
        for delivery in self.shared.deliveries().iter_mut() {
            if Arc::ptr_eq(&delivery.subscription, subscription) {
                let outcome = Outcome::Dropped(GivenUp::SubscriptionDeleted);
                self.shared.end(delivery, outcome);
            }
        }
    }

    pub(super) fn deliveries(&self) -> Vec<Delivery> {
        self.shared.deliveries().clone()
    }

    /// How many deliveries are under way, now and from now on.
    pub(super) fn pending(&self) -> watch::Receiver<usize> {
        self.shared.pending.subscribe()
    }
}

impl fmt::Debug for Deliverer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deliverer")
            .field("deliveries", &self.shared.deliveries().len())
            .finish_non_exhaustive()
    }
}

/// Makes attempts until the delivery ends.
async fn deliver(shared: Arc<Shared>, number: usize, course: Course) {
    while let Ok(permit) = shared.permits.acquire().await {
        let Some(delivery) = shared.pending_delivery(number) else {
            return;
        };
        let request = wire::notification(
            &delivery.subscription,
            course.uri.clone(),
            &course.origin,
            &delivery.events,
            delivery.body,
            delivery.attempts.len(),
        );
        let limits = Limits::new(course.response_timeout, ANSWER_LIMIT);
        let answer = PlainClient.send(request, limits).await;
        drop(permit);
        let Some(pause) = shared.note(number, answer.map(|answer| answer.status())) else {
            return;
        };
        sleep(pause.checked_div(course.speed).unwrap_or_default()).await;
    }
}

impl Shared {
    fn deliveries(&self) -> MutexGuard<'_, Vec<Delivery>> {
        self.deliveries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The delivery of this number, if it has not ended.
    fn pending_delivery(&self, number: usize) -> Option<Delivery> {
        let deliveries = self.deliveries();
        let delivery = deliveries.get(number.checked_sub(1)?)?;
        (delivery.outcome == Outcome::Pending).then(|| delivery.clone())
    }

    /// Writes down how an attempt ended. Gives the pause before the next, if there is to be one.
    fn note(&self, number: usize, answer: Result<StatusCode, HttpClientError>) -> Option<Duration> {
        let mut deliveries = self.deliveries();
        let delivery = deliveries.get_mut(number.checked_sub(1)?)?;
        let attempt = Attempt {
            age: delivery.next_age,
            answer,
        };
        let made = u32::try_from(delivery.attempts.len().saturating_add(1)).unwrap_or(u32::MAX);
        let verdict = Verdict::of(&attempt, made, &delivery.subscription);
        delivery.attempts.push(attempt);
        let outcome = match verdict {
            Verdict::Again(pause) => {
                delivery.next_age = delivery.next_age.saturating_add(pause);
                // Its subscription may have been deleted meanwhile.
                return (delivery.outcome == Outcome::Pending).then_some(pause);
            }
            Verdict::Delivered => Outcome::Delivered,
            Verdict::GivenUp(why) if delivery.subscription.dead_letters => {
                Outcome::DeadLettered(why)
            }
            Verdict::GivenUp(why) => Outcome::Dropped(why),
        };
        self.end(delivery, outcome);
        None
    }

    /// Ends a delivery that has not ended.
    fn end(&self, delivery: &mut Delivery, outcome: Outcome) {
        if delivery.outcome == Outcome::Pending {
            delivery.outcome = outcome;
            self.pending
                .send_modify(|count| *count = count.saturating_sub(1));
        }
    }
}

/// Many listeners keep no more than 128 connections waiting; one beyond is made a second later.
const CONCURRENT_ATTEMPTS: usize = 100;

/// In bytes. Nobody reads what a delivery is answered, but for its status.
pub(super) const ANSWER_LIMIT: usize = 1024 * 1024;
