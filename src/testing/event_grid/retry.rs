//! What becomes of an event after an attempt: the rules of "Event Grid message delivery and retry" for web hooks.

use std::time::Duration;

use http::StatusCode;

use super::delivery::{Attempt, GivenUp};
use super::subscription::EventSubscription;
use crate::http_client::HttpClientError;

/// What follows from an attempt.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    Delivered,
    GivenUp(GivenUp),
    /// It is tried again after this pause.
    Again(Duration),
}

impl Verdict {
    /// The verdict on the last of so many attempts, of which this one began at this age of the event.
    pub(super) fn of(attempt: &Attempt, attempts: u32, subscription: &EventSubscription) -> Self {
        let status = attempt.status().map(|status| status.as_u16());
        let least = match status {
            // No other status is success.
            Some(200..=204) => return Self::Delivered,
            Some(400 | 401 | 403 | 413) => return Self::GivenUp(GivenUp::Refused),
            Some(408) => 120,
            Some(503) => 30,
            // 404 too: five minutes are documented for Azure's own resources only.
            _ => 10,
        };
        if attempts >= subscription.max_delivery_attempts {
            return Self::GivenUp(GivenUp::MaxDeliveryAttemptsExceeded);
        }
        let pause = pause_after(attempts).max(Duration::from_secs(least));
        // Whether an event has expired is looked at when it would be tried again.
        match attempt.age.saturating_add(pause) > subscription.event_time_to_live {
            true => Self::GivenUp(GivenUp::TimeToLiveExceeded),
            false => Self::Again(pause),
        }
    }
}

/// The documented pause after so many attempts, without the documented jitter.
fn pause_after(attempts: u32) -> Duration {
    let at = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    Duration::from_secs(SCHEDULE.get(at).copied().unwrap_or(LAST_PAUSE))
}

/// How an attempt ended in one of Event Grid's words. `Delivered` and those of its list of probations are documented,
/// `BadRequest` was reported, and the others follow them.
pub(super) fn outcome(answer: &Result<StatusCode, HttpClientError>) -> &'static str {
    match answer.as_ref().map(StatusCode::as_u16) {
        Ok(200..=204) => "Delivered",
        Ok(400) => "BadRequest",
        Ok(401) => "Unauthorized",
        Ok(403) => "Forbidden",
        Ok(404) => "NotFound",
        Ok(408) | Err(HttpClientError::Timeout { .. }) => "TimedOut",
        Ok(413) => "PayloadTooLarge",
        Ok(429 | 503) => "Busy",
        Err(HttpClientError::Connect(_) | HttpClientError::Transport(_)) => "SocketError",
        _ => "GenericError",
    }
}

/// In seconds: 10 s, 30 s, 1 min, 5 min, 10 min, 30 min, 1 h, 3 h, 6 h.
const SCHEDULE: [u64; 9] = [10, 30, 60, 300, 600, 1800, 3600, 10_800, 21_600];
/// In seconds: 12 h.
const LAST_PAUSE: u64 = 43_200;

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(status: u16, age: u64) -> Attempt {
        Attempt {
            age: Duration::from_secs(age),
            answer: Ok(StatusCode::from_u16(status).unwrap()),
        }
    }

    /// The ages at which an endpoint that always answers `status` is tried, and why it is given up.
    fn ages(status: u16, subscription: &EventSubscription) -> (Vec<u64>, GivenUp) {
        let mut ages = vec![0];
        loop {
            let age = *ages.last().unwrap();
            let made = u32::try_from(ages.len()).unwrap();
            match Verdict::of(&attempt(status, age), made, subscription) {
                Verdict::Again(pause) => ages.push(age + pause.as_secs()),
                Verdict::GivenUp(why) => return (ages, why),
                Verdict::Delivered => panic!("{status} is no success"),
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
                408 => Verdict::Again(Duration::from_secs(120)),
                503 => Verdict::Again(Duration::from_secs(30)),
                _ => Verdict::Again(Duration::from_secs(10)),
            };
            let verdict = Verdict::of(&attempt(status, 0), 1, &subscription);
            assert_eq!(verdict, expected, "{status}");
        }
    }

    #[test]
    fn the_schedule_is_the_documented_one_until_a_limit() {
        let mut subscription = EventSubscription::new("orders", "http://127.0.0.1/");
        let all = [
            0, 10, 40, 100, 400, 1000, 2800, 6400, 17_200, 38_800, 82_000,
        ];
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
