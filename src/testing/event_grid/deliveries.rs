//! Deliveries to webhooks on the shared engine, by the rules of "Event Grid message delivery and retry".
//!
//! The age of events counts the documented pauses and not the real ones, so that a day of retries can run in milliseconds and
//! still ends where the time to live says. [`Settings::speed`] sets the real pauses.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use serde_json::Value;
use time::OffsetDateTime;

use super::delivery::{Attempt, Delivery, GivenUp, Outcome};
use super::settings::Settings;
use super::state::State;
use super::subscription::EventSubscription;
use super::wire;
use crate::http_client::HttpClientError;
use crate::testing::loopback::client::PlainClient;
use crate::testing::loopback::deliveries::{Deliverer, Deliveries, NextAttempt};
use crate::testing::loopback::server::Service;

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
            timeout: delivery.settings.response_timeout,
            request: Box::new(move || Ok(wire::notification(&delivery))),
        })
    }

    fn record(
        &mut self,
        number: usize,
        _: Duration,
        response: Result<Response<Bytes>, HttpClientError>,
    ) -> Option<Duration> {
        let delivery = self.deliveries.get_mut(number)?;
        let age = delivery.next_age;
        let attempt = Attempt { age, response: response.map(|response| response.status()) };
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
                return Some(pause.checked_div(delivery.settings.speed).unwrap_or_default());
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

/// Begins to deliver `events` to `subscription`. Returns the numbers of the deliveries.
pub(super) fn begin(
    deliveries: &mut Deliveries<Delivery>,
    service: &Arc<Service<State>>,
    subscription: &Arc<EventSubscription>,
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
            settings: settings.clone(),
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

/// What follows an attempt.
#[derive(Debug, PartialEq)]
enum Verdict {
    /// The endpoint has the events.
    Delivered,
    GivenUp(GivenUp),
    /// The next attempt follows after this pause.
    Retry(Duration),
}

impl Verdict {
    /// Decides what follows `attempt`, the last of `attempts`.
    fn of(attempt: &Attempt, attempts: u32, subscription: &EventSubscription) -> Self {
        let status = attempt.status().map(|status| status.as_u16());
        let least = match status {
            // No other status is a success.
            Some(200..=204) => return Self::Delivered,
            Some(400 | 401 | 403 | 413) => return Self::GivenUp(GivenUp::Refused),
            Some(408) => 120,
            Some(503) => 30,
            // Also 404: the documented five minutes apply to Azure resources only.
            _ => 10,
        };
        if attempts >= subscription.max_delivery_attempts {
            return Self::GivenUp(GivenUp::MaxDeliveryAttemptsExceeded);
        }
        let pause = pause_after(attempts).max(Duration::from_secs(least));
        // Expiry is checked at the time of the next attempt.
        match attempt.age.saturating_add(pause) > subscription.event_time_to_live {
            true => Self::GivenUp(GivenUp::TimeToLiveExceeded),
            false => Self::Retry(pause),
        }
    }
}

/// The documented pause after `attempts` attempts, without jitter.
fn pause_after(attempts: u32) -> Duration {
    let at = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    Duration::from_secs(SCHEDULE.get(at).copied().unwrap_or(LAST_PAUSE))
}

/// In seconds: 10 s, 30 s, 1 min, 5 min, 10 min, 30 min, 1 h, 3 h, 6 h.
const SCHEDULE: [u64; 9] = [10, 30, 60, 300, 600, 1800, 3600, 10_800, 21_600];
/// In seconds: 12 h.
const LAST_PAUSE: u64 = 43_200;

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    fn attempt(status: u16, age: u64) -> Attempt {
        Attempt {
            age: Duration::from_secs(age),
            response: Ok(StatusCode::from_u16(status).unwrap()),
        }
    }

    /// The ages of all attempts at an endpoint that always responds `status`, and why it is given up.
    fn ages(status: u16, subscription: &EventSubscription) -> (Vec<u64>, GivenUp) {
        let mut ages = vec![0];
        loop {
            let age = *ages.last().unwrap();
            let made = u32::try_from(ages.len()).unwrap();
            match Verdict::of(&attempt(status, age), made, subscription) {
                Verdict::Retry(pause) => ages.push(age + pause.as_secs()),
                Verdict::GivenUp(why) => return (ages, why),
                Verdict::Delivered => panic!("{status} is not a success"),
            }
        }
    }

    #[test]
    fn every_status_has_its_verdict() {
        let subscription = EventSubscription::new("orders", "http://127.0.0.1/");
        for status in 100..600 {
            let expected = match status {
                200..=204 => Verdict::Delivered,
                400 | 401 | 403 | 413 => Verdict::GivenUp(GivenUp::Refused),
                408 => Verdict::Retry(Duration::from_secs(120)),
                503 => Verdict::Retry(Duration::from_secs(30)),
                _ => Verdict::Retry(Duration::from_secs(10)),
            };
            let verdict = Verdict::of(&attempt(status, 0), 1, &subscription);
            assert_eq!(verdict, expected, "{status}");
        }
    }

    #[test]
    fn the_schedule_is_the_documented_one_until_a_limit() {
        let mut subscription = EventSubscription::new("orders", "http://127.0.0.1/");
        let all = [0, 10, 40, 100, 400, 1000, 2800, 6400, 17_200, 38_800, 82_000];
        let expired = GivenUp::TimeToLiveExceeded;
        assert_eq!(ages(500, &subscription), (all.to_vec(), expired));
        // The documentation's own example: with ten attempts and 30 minutes, there are six.
        subscription.max_delivery_attempts = 10;
        subscription.event_time_to_live = Duration::from_secs(30 * 60);
        assert_eq!(ages(500, &subscription), (all[..6].to_vec(), expired));
        subscription.max_delivery_attempts = 3;
        let too_many = GivenUp::MaxDeliveryAttemptsExceeded;
        assert_eq!(ages(500, &subscription), (all[..3].to_vec(), too_many));
        assert_eq!(ages(408, &subscription), (vec![0, 120, 240], too_many));
        assert_eq!(ages(503, &subscription), (vec![0, 30, 60], too_many));
    }
}
