//! Deliveries to web hooks, on the shared engine.

use std::sync::Arc;
use std::time::Duration;

use http::{StatusCode, Uri};
use serde_json::Value;
use time::OffsetDateTime;

use super::delivery::{Attempt, Course, Delivery, GivenUp, Outcome};
use super::retry::Verdict;
use super::settings::Settings;
use super::state::State;
use super::subscription::EventSubscription;
use super::wire;
use crate::http_client::HttpClientError;
use crate::testing::loopback::client::PlainClient;
use crate::testing::loopback::deliveries::{Deliverer, Deliveries, NextAttempt};
use crate::testing::loopback::service::Service;

impl Deliverer for State {
    type Delivery = Delivery;
    type Error = HttpClientError;

    fn deliveries(&mut self) -> &mut Deliveries<Delivery> {
        &mut self.deliveries
    }

    fn next_attempt(&mut self, _: &str, number: usize) -> Option<NextAttempt<HttpClientError>> {
        let delivery = self.deliveries.get(number)?;
        let delivery = (delivery.outcome == Outcome::Pending).then(|| delivery.clone())?;
        Some(NextAttempt {
            client: Arc::new(PlainClient),
            timeout: delivery.course.response_timeout,
            request: Box::new(move || Ok(wire::notification(&delivery))),
        })
    }

    fn record(
        &mut self,
        number: usize,
        _: Duration,
        response: Result<StatusCode, HttpClientError>,
    ) -> Option<Duration> {
        let delivery = self.deliveries.get_mut(number)?;
        let age = delivery.next_age;
        let attempt = Attempt { age, response };
        let made = u32::try_from(delivery.attempts.len().saturating_add(1)).unwrap_or(u32::MAX);
        let verdict = Verdict::of(&attempt, made, &delivery.subscription);
        delivery.attempts.push(attempt);
        if let Verdict::Retry(pause) = verdict {
            delivery.next_age = delivery.next_age.saturating_add(pause);
        }
        if delivery.outcome != Outcome::Pending {
            // The subscription was deleted during the attempt.
            return None;
        }
        delivery.outcome = match verdict {
            Verdict::Retry(pause) => {
                return Some(pause.checked_div(delivery.course.speed).unwrap_or_default());
            }
            Verdict::Delivered => Outcome::Delivered,
            Verdict::GivenUp(why) if delivery.subscription.dead_letters => {
                Outcome::DeadLettered(why)
            }
            Verdict::GivenUp(why) => Outcome::Dropped(why),
        };
        None
    }
}

/// Begins to deliver `events` to `subscription` at `uri`. Returns the numbers of the deliveries.
pub(super) fn begin(
    deliveries: &mut Deliveries<Delivery>,
    service: &Arc<Service<State>>,
    (subscription, uri): (&Arc<EventSubscription>, &Uri),
    events: Vec<Value>,
    now: OffsetDateTime,
    settings: &Settings,
) -> Vec<usize> {
    let batches = wire::batches(subscription, events).into_iter();
    let begin = |events: Vec<Value>| {
        deliveries.begin(service, |number| Delivery {
            number,
            subscription: Arc::clone(subscription),
            body: wire::body(subscription, &events),
            events: events.into(),
            published: now,
            attempts: Vec::new(),
            next_age: Duration::ZERO,
            outcome: Outcome::Pending,
            course: Course {
                uri: uri.clone(),
                origin: settings.origin.clone(),
                response_timeout: settings.response_timeout,
                speed: settings.speed,
            },
        })
    };
    batches.map(begin).collect()
}

/// Gives up the deliveries in progress to `subscription`.
pub(super) fn give_up(
    deliveries: &mut Deliveries<Delivery>,
    subscription: &Arc<EventSubscription>,
) {
    deliveries.end_where(|delivery| {
        let is_its = Arc::ptr_eq(&delivery.subscription, subscription);
        let ends = is_its && delivery.outcome == Outcome::Pending;
        if ends {
            delivery.outcome = Outcome::Dropped(GivenUp::SubscriptionDeleted);
        }
        ends
    });
}
