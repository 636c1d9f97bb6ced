//! The deliveries: single events, batches, published events and the notice of deletion.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse as _;
use axum::routing::any;
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use partner_center_webhooks::event_grid::receive::WebhookRequest;
use partner_center_webhooks::event_grid::{
    AccessKey, ChannelName, CloudEvent, PublishEndpoint, Publisher,
};
use partner_center_webhooks::http_client::ReqwestClient;
use partner_center_webhooks::testing::event_grid::{
    DeliverySchema, EventSubscription, GivenUp, Outcome,
};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::{
    Hook, SCHEMAS, SECRET, Seen, ages, builder, consenting, event, fake, headers, orders, outcomes,
    raw, serve, succeeded, the_delivery, with,
};

#[tokio::test]
async fn our_receiver_passes_both_handshakes_and_gets_events() {
    for schema in SCHEMAS {
        for rate in [None, 120.try_into().ok()] {
            let fake = fake().await;
            let (hook, url) = Hook::answering(&[]).await;
            let subscription = with(orders(&url, schema), |it| it.requested_rate = rate);
            succeeded(&fake.subscribe(subscription).await.unwrap());
            assert_eq!(fake.deliver("orders", [event(schema, 1)]).unwrap(), [1]);
            let delivery = the_delivery(&fake).await;
            assert_eq!(delivery.outcome(), Outcome::Delivered);
            assert_eq!((outcomes(&delivery), ages(&delivery)), (vec!["Delivered"], vec![0]));
            let seen =
                Seen { ids: vec!["1".into()], subscription: Some("ORDERS".into()), count: Some(0) };
            assert_eq!(hook.seen(), [seen]);
            assert!(fake.dead_letters().is_empty());
        }
    }
}

#[tokio::test]
async fn the_requests_are_the_documented_ones() {
    let proof = |it: &mut EventSubscription| {
        it.headers.insert("x-secret", HeaderValue::from_static(SECRET));
        it.token = Some(Arc::new(|| "ey.ey.sig".to_owned()));
    };
    let proofs = [("authorization", "Bearer ey.ey.sig"), ("x-secret", SECRET)];
    for schema in SCHEMAS {
        for batch in [1, 2] {
            let fake = fake().await;
            let (requests, url) = raw(consenting).await;
            let subscription = with(orders(&url, schema), |it| {
                proof(it);
                it.max_events_per_batch = batch;
            });
            succeeded(&fake.subscribe(subscription).await.unwrap());
            fake.deliver("orders", [event(schema, 7)]).unwrap();
            assert_eq!(the_delivery(&fake).await.body(), requests.lock().unwrap()[1].body());

            let requests = requests.lock().unwrap();
            let [handshake, notification] = &requests[..] else { panic!("two requests") };
            for request in [handshake, notification] {
                assert_eq!(request.uri().to_string(), format!("/events?code={SECRET}"));
            }
            assert!(!handshake.headers().contains_key("authorization"));
            assert!(!handshake.headers().contains_key("x-secret"));
            assert_eq!(notification.method(), Method::POST);
            let body: Value = serde_json::from_slice(notification.body()).unwrap();
            let mut expected = vec![
                ("aeg-delivery-count", "0"),
                ("aeg-event-type", "Notification"),
                ("aeg-subscription-name", "ORDERS"),
            ];
            match schema {
                DeliverySchema::EventGrid => {
                    assert_eq!(body, json!([event(schema, 7)]));
                    expected.push(("aeg-metadata-version", "1"));
                    expected.push(("content-type", "application/json; charset=utf-8"));
                }
                _ => {
                    expected.push(("aeg-metadata-version", "1.0"));
                    expected.push(("origin", "eventgrid.azure.net"));
                }
            }
            match (schema, batch) {
                (DeliverySchema::EventGrid, 1) => expected.push(("aeg-data-version", "2.1")),
                (DeliverySchema::EventGrid, _) => {}
                (_, 1) => {
                    assert_eq!(body, event(schema, 7));
                    expected.push(("content-type", "application/cloudevents+json; charset=utf-8"));
                }
                _ => {
                    assert_eq!(body, json!([event(schema, 7)]));
                    let media_type = "application/cloudevents-batch+json; charset=utf-8";
                    expected.push(("content-type", media_type));
                }
            }
            if batch == 1 {
                expected.push(("aeg-output-event-id", "7"));
            }
            expected.extend(proofs);
            expected.sort_unstable();
            assert_eq!(headers(notification), expected);
        }
    }
}

#[tokio::test]
async fn batches_by_number_and_by_size_fail_and_succeed_as_a_whole() {
    for schema in SCHEMAS {
        let fake = fake().await;
        let (hook, url) = Hook::answering(&[]).await;
        let subscription = with(orders(&url, schema), |it| {
            it.max_events_per_batch = 3;
            it.preferred_batch_kilobytes = 1;
        });
        succeeded(&fake.subscribe(subscription).await.unwrap());
        let large = |id| {
            let mut event = event(schema, id);
            event["data"] = json!("x".repeat(2000));
            event
        };
        let small = |id| event(schema, id);
        let events = [small(1), small(2), small(3), small(4), large(5), small(6), small(7)];
        assert_eq!(fake.deliver("orders", events).unwrap(), [1, 2, 3, 4]);
        fake.settled().await;
        let mut ids = hook.ids();
        ids.sort_unstable();
        let expected: [&[&str]; 4] = [&["1", "2", "3"], &["4"], &["5"], &["6", "7"]];
        assert_eq!(ids, expected);
        assert_eq!(fake.deliver("orders", []).unwrap(), [0; 0]);

        hook.answers.lock().unwrap().push_back(503);
        fake.deliver("orders", [small(8), small(9)]).unwrap();
        fake.settled().await;
        assert_eq!(hook.ids()[4..], [["8", "9"], ["8", "9"]]);
        let delivery = &fake.deliveries()[4];
        assert_eq!((delivery.number(), delivery.events().len()), (5, 2));
        assert_eq!(delivery.outcome(), Outcome::Delivered);
    }
}

#[tokio::test]
async fn published_events_reach_the_subscribers_of_their_channel() {
    let fake = fake().await;
    let (ours, url) = Hook::answering(&[503]).await;
    let (others, others_url) = Hook::answering(&[]).await;
    let of_channel = |name: &str, url: &str, channel: &str| {
        with(EventSubscription::new(name, url), |it| it.channel = Some(channel.into()))
    };
    let event_grid = with(of_channel("wrong-schema", &others_url, "fabrikam"), |it| {
        it.schema = DeliverySchema::EventGrid;
    });
    for subscription in [
        of_channel("orders", &url, "Fabrikam"),
        of_channel("others", &others_url, "northwind"),
        event_grid,
    ] {
        succeeded(&fake.subscribe(subscription).await.unwrap());
    }
    let (undecided, its_url) = raw(|_| StatusCode::OK.into_response()).await;
    let state = fake.subscribe(of_channel("undecided", &its_url, "fabrikam"));
    assert_eq!(state.await.unwrap().to_string(), "AwaitingManualAction");
    let endpoint = PublishEndpoint::danger_plain_http_on_loopback(fake.endpoint()).unwrap();
    let key = AccessKey::new(fake.access_key()).unwrap();
    let publisher = Publisher::new(endpoint, key, ReqwestClient::new().unwrap());
    let events = [1, 2, 3].map(|id| {
        let event = CloudEvent::new("/contoso", "Contoso.Items.Created").unwrap();
        event.with_id(&id.to_string()).unwrap()
    });
    publisher.publish(&ChannelName::new("fabrikam").unwrap(), &events).await.unwrap();
    fake.settled().await;
    let mut seen: Vec<_> = ours.seen().into_iter().map(|it| (it.ids, it.count)).collect();
    seen.sort_unstable();
    // One of them had two attempts.
    assert_eq!(seen.len(), 4);
    seen.retain(|(_, count)| *count == Some(0));
    assert_eq!(seen, ["1", "2", "3"].map(|id| (vec![id.to_owned()], Some(0))));
    assert_eq!(others.seen(), []);
    assert_eq!(undecided.lock().unwrap().len(), 1, "its handshake alone");
    assert!(fake.deliveries().iter().all(|it| it.outcome() == Outcome::Delivered));
    assert!(fake.deliveries().iter().all(|it| it.subscription() == "orders"));

    // Events accepted before the subscription, or after its deletion, are not delivered.
    fake.unsubscribe("orders").await.unwrap();
    publisher.publish(&ChannelName::new("fabrikam").unwrap(), &events).await.unwrap();
    assert_eq!((fake.deliveries().len(), fake.accepted().len()), (3, 6));
}

#[tokio::test]
async fn events_published_by_source_reach_only_the_channel_of_their_source() {
    let fake = fake().await;
    fake.configure(|settings| {
        settings.route_by_source = true;
        settings.channels = Some(vec!["/fabrikam".into(), "/northwind".into()]);
    });
    let (all, url) = Hook::answering(&[]).await;
    succeeded(&fake.subscribe(EventSubscription::new("all", url)).await.unwrap());
    let (fabrikam, url) = Hook::answering(&[]).await;
    let subscription = with(EventSubscription::new("fabrikam", url), |it| {
        it.source = Some("/fabrikam".into());
    });
    succeeded(&fake.subscribe(subscription).await.unwrap());

    let endpoint = PublishEndpoint::danger_plain_http_on_loopback(fake.endpoint()).unwrap();
    let key = AccessKey::new(fake.access_key()).unwrap();
    let publisher = Publisher::new(endpoint, key, ReqwestClient::new().unwrap());
    let sources = [("/fabrikam", "1"), ("/northwind", "2"), ("/unheard-of", "3")];
    let events = sources.map(|(source, id)| {
        let event = CloudEvent::new(source, "Contoso.Items.Created").unwrap();
        event.with_id(id).unwrap()
    });
    publisher.publish_by_source(&events).await.unwrap();
    fake.settled().await;
    // An event whose source has no channel is accepted and dropped.
    assert_eq!((fake.accepted().len(), fake.unmatched()), (3, 1));
    let mut ids = all.ids();
    ids.sort_unstable();
    assert_eq!(
        (ids, fabrikam.ids()),
        (vec![vec!["1".to_owned()], vec!["2".to_owned()]], vec![vec!["1".to_owned()]])
    );
}

#[tokio::test]
async fn a_deletion_sends_a_notice_and_cancels_deliveries() {
    for schema in SCHEMAS {
        for is_unsubscribe in [false, true] {
            let fake = fake().await;
            fake.configure(|settings| settings.speed = 1);
            let receiver = builder().header_secret("x-secret", SECRET).unwrap().build().unwrap();
            let (deletions, asked) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Notify::new()));
            let (noted, was_asked) = (Arc::clone(&deletions), Arc::clone(&asked));
            let hook = any(move |request: Request<Body>| async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await.unwrap().to_bytes();
                let query = head.uri.query();
                let request = receiver.receive(&head.method, query, &head.headers, &body).await;
                let request = request.unwrap();
                if let WebhookRequest::Deletion(deletion) = &request {
                    let id = deletion.subscription_id().map(str::to_owned);
                    noted.lock().unwrap().push((id, deletion.subscription().map(str::to_owned)));
                }
                match request.response() {
                    Some(answer) => answer.map(Body::from),
                    None => {
                        was_asked.notify_one();
                        StatusCode::INTERNAL_SERVER_ERROR.into_response()
                    }
                }
            });
            let url = serve(Router::new().fallback(hook)).await;
            let subscription = with(orders(&url, schema), |it| {
                it.unsubscribe_notice = is_unsubscribe;
                it.dead_letters = true;
                it.headers.insert("x-secret", HeaderValue::from_static(SECRET));
            });
            let id = subscription.id();
            succeeded(&fake.subscribe(subscription).await.unwrap());
            fake.deliver("orders", [event(schema, 1)]).unwrap();
            asked.notified().await;

            let attempt = fake.unsubscribe("ORDERS").await.unwrap().unwrap();
            assert_eq!(attempt.status(), Some(StatusCode::ACCEPTED));
            let id = (!is_unsubscribe).then_some(id);
            assert_eq!(*deletions.lock().unwrap(), [(id, Some("ORDERS".to_owned()))]);
            // Does not wait for a delay of ten seconds.
            let delivery = the_delivery(&fake).await;
            assert_eq!(delivery.outcome(), Outcome::Dropped(GivenUp::SubscriptionDeleted));
            assert!(fake.subscription_state("orders").is_none());
            let error = fake.unsubscribe("orders").await.unwrap_err();
            assert_eq!(error.to_string(), "there is no event subscription `orders`");
            assert!(fake.deliver("orders", [event(schema, 1)]).is_err());
        }
    }
    // A subscriber that did not consent is not called.
    let fake = fake().await;
    let (requests, url) = raw(|_| StatusCode::FORBIDDEN.into_response()).await;
    fake.subscribe(orders(&url, DeliverySchema::EventGrid)).await.unwrap();
    assert!(fake.unsubscribe("orders").await.unwrap().is_none());
    assert_eq!(requests.lock().unwrap().len(), 1);
}
