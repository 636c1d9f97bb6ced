//! Failed deliveries: retried, dropped or dead-lettered.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::HeaderValue;
use partner_center_webhooks::event_grid::receive::WebhookReceiver;
use partner_center_webhooks::testing::event_grid::{
    DeliverySchema, EventSubscription, GivenUp, Outcome,
};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

use super::{
    Hook, OTHER_SECRET, SCHEMAS, SECRET, ages, builder, cloud_event, delivered_to, event, fake,
    orders, outcomes, succeeded, the_delivery, with,
};
use crate::event_grid::receive_tokens::builder_and_token;

/// A wrong header, a wrong token, a body that is too long or not an event: each final response of our receiver, once.
#[tokio::test]
async fn permanent_refusals_are_not_retried() {
    type Change = Box<dyn Fn(&mut EventSubscription)>;
    let plain = || builder().build().unwrap();
    let in_header = || builder().header_secret("x-secret", SECRET).unwrap().build().unwrap();
    let nothing = || -> Change { Box::new(|_| {}) };
    let secret = |value: &'static str| -> Change {
        Box::new(move |it| {
            it.headers.insert("x-secret", HeaderValue::from_static(value));
        })
    };
    let bearer = |token: String| -> Change {
        let token = Arc::new(token);
        Box::new(move |it| {
            let token = Arc::clone(&token);
            it.token = Some(Arc::new(move || token.to_string()));
        })
    };
    let (right, token) = builder_and_token("ver", json!("1.0"));
    let (audience, other_audience) = builder_and_token("aud", json!("api://other.example"));
    let (role, other_role) = builder_and_token("roles", json!(["Other"]));
    let [right, audience, role] =
        [right, audience, role.missing_role_is_final()].map(|it| it.build().unwrap());
    let small = builder().body_limit(80).build().unwrap();
    let table: [(WebhookReceiver, Change, Value, &str); 8] = [
        (plain(), nothing(), cloud_event(1), "Delivered"),
        (plain(), nothing(), json!(7), "BadRequest"),
        (small, nothing(), cloud_event(1), "PayloadTooLarge"),
        (in_header(), secret(SECRET), cloud_event(1), "Delivered"),
        (in_header(), secret(OTHER_SECRET), cloud_event(1), "Unauthorized"),
        (right, bearer(token), cloud_event(1), "Delivered"),
        (audience, bearer(other_audience), cloud_event(1), "Unauthorized"),
        (role, bearer(other_role), cloud_event(1), "Forbidden"),
    ];
    for (receiver, change, event, word) in table {
        for dead_letters in [true, false] {
            let fake = fake().await;
            let (hook, url) = Hook::of(receiver.clone(), &[]).await;
            let mut subscription = orders(&url, DeliverySchema::CloudEvents);
            subscription.dead_letters = dead_letters;
            change(&mut subscription);
            succeeded(&fake.subscribe(subscription).await.unwrap());
            fake.deliver("orders", [event.clone()]).unwrap();
            let delivery = the_delivery(&fake).await;
            assert_eq!(outcomes(&delivery), [word]);
            let (outcome, seen) = match (word, dead_letters) {
                ("Delivered", _) => (Outcome::Delivered, 1),
                (_, true) => (Outcome::DeadLettered(GivenUp::Refused), 0),
                (_, false) => (Outcome::Dropped(GivenUp::Refused), 0),
            };
            assert_eq!((delivery.outcome(), hook.seen().len()), (outcome, seen), "{word}");
            let letters = fake.dead_letters();
            assert_eq!(letters.len(), usize::from(dead_letters && seen == 0), "{word}");
            if let [Value::Object(letter)] = &letters[..] {
                assert_eq!(letter["deadletterreason"], format!("UndeliverableDueToHttp{word}"));
            }
        }
    }
}

/// The members of the documented samples, whose CloudEvents have them in lower case.
#[tokio::test]
async fn dead_letters_have_the_reason() {
    for schema in SCHEMAS {
        let fake = fake().await;
        let (_, url) = Hook::answering(&[500, 503, 404]).await;
        let subscription = with(orders(&url, schema), |it| {
            it.dead_letters = true;
            it.max_delivery_attempts = 3;
            it.max_events_per_batch = 2;
        });
        succeeded(&fake.subscribe(subscription).await.unwrap());
        fake.deliver("orders", [event(schema, 1), event(schema, 2)]).unwrap();
        let outcome = Outcome::DeadLettered(GivenUp::MaxDeliveryAttemptsExceeded);
        assert_eq!(the_delivery(&fake).await.outcome(), outcome);
        let expected = [1, 2].map(|id| {
            let mut letter = event(schema, id);
            for (name, value) in [
                ("deadLetterReason", json!("MaxDeliveryAttemptsExceeded")),
                ("deliveryAttempts", json!(3)),
                ("lastDeliveryOutcome", json!("NotFound")),
                ("publishTime", json!("2026-11-21T00:00:00.0000000Z")),
                ("lastDeliveryAttemptTime", json!("2026-11-21T00:00:40.0000000Z")),
            ] {
                let name = match schema {
                    DeliverySchema::EventGrid => name.to_owned(),
                    _ => name.to_lowercase(),
                };
                letter[name] = value;
            }
            letter
        });
        assert_eq!(fake.dead_letters(), expected);
    }
}

#[tokio::test]
async fn transient_errors_are_retried_until_success() {
    let fake = fake().await;
    let (hook, url) = Hook::answering(&[503, 500, 408, 429, 302, 205]).await;
    let delivery = delivered_to(&fake, orders(&url, DeliverySchema::CloudEvents)).await;
    assert_eq!(delivery.outcome(), Outcome::Delivered);
    assert_eq!(
        outcomes(&delivery),
        ["Busy", "GenericError", "TimedOut", "Busy", "GenericError", "GenericError", "Delivered"]
    );
    // At least 30 s after 503, and 2 min after 408.
    assert_eq!(ages(&delivery), [0, 30, 60, 180, 480, 1080, 2880]);
    let counts: Vec<_> = hook.seen().iter().map(|seen| seen.count.unwrap()).collect();
    assert_eq!(counts, [0, 1, 2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn delays_scale_with_the_speed() {
    for (speed, at_least) in [(200, 50), (u32::MAX, 0)] {
        let fake = fake().await;
        fake.configure(|settings| settings.speed = speed);
        let (_, url) = Hook::answering(&[500]).await;
        let start = std::time::Instant::now();
        let delivery = delivered_to(&fake, orders(&url, DeliverySchema::CloudEvents)).await;
        assert!(start.elapsed() >= Duration::from_millis(at_least), "{speed}");
        assert_eq!(ages(&delivery), [0, 10], "the same at any speed");
    }
}

#[tokio::test]
async fn expired_events_are_dropped() {
    let fake = fake().await;
    let (_, url) = Hook::answering(&[500; 30]).await;
    let subscription = with(orders(&url, DeliverySchema::CloudEvents), |it| {
        it.event_time_to_live = Duration::from_secs(60);
    });
    let delivery = delivered_to(&fake, subscription).await;
    assert_eq!(delivery.outcome(), Outcome::Dropped(GivenUp::TimeToLiveExceeded));
    assert_eq!(ages(&delivery), [0, 10, 40]);
}

#[tokio::test]
async fn a_slow_handler_is_retried() {
    let fake = fake().await;
    let (hook, url) = Hook::answering(&[0]).await;
    succeeded(&fake.subscribe(orders(&url, DeliverySchema::CloudEvents)).await.unwrap());
    // Long enough for a busy machine to respond to the retry.
    fake.configure(|settings| settings.response_timeout = Duration::from_secs(2));
    fake.deliver("orders", [cloud_event(1)]).unwrap();
    let delivery = the_delivery(&fake).await;
    assert_eq!(outcomes(&delivery), ["TimedOut", "Delivered"]);
    assert_eq!(hook.ids(), [["1"], ["1"]], "at least once");
    let error = delivery.attempts()[0].error().unwrap().to_string();
    assert_eq!(error, "no complete response within 2s");
}

/// A listener that accepts the first connection, refuses the next ones, and then accepts again.
struct Flaky {
    listener: TcpListener,
    accepted: AtomicUsize,
    dropped: usize,
}

impl axum::serve::Listener for Flaky {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            let Ok(accepted) = self.listener.accept().await else {
                continue;
            };
            let at = self.accepted.fetch_add(1, Ordering::SeqCst);
            if at == 0 || at > self.dropped {
                return accepted;
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

#[tokio::test]
async fn an_unreachable_subscriber_is_retried_until_it_is_up() {
    let fake = fake().await;
    let (hook, _) = Hook::answering(&[]).await;
    let listener = Flaky {
        listener: TcpListener::bind("127.0.0.1:0").await.unwrap(),
        accepted: AtomicUsize::new(0),
        dropped: 3,
    };
    let address = listener.listener.local_addr().unwrap();
    let router = hook.router();
    tokio::spawn(async move { axum::serve(listener, router).await });
    let url = format!("http://{address}/events?code={SECRET}");
    let delivery = delivered_to(&fake, orders(&url, DeliverySchema::CloudEvents)).await;
    let down = "SocketError";
    assert_eq!(outcomes(&delivery), [down, down, down, "Delivered"]);
    assert_eq!(ages(&delivery), [0, 10, 40, 100]);
    assert_eq!(hook.seen()[0].count, Some(3));
}
