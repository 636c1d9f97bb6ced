//! Memory while many events are published, which is what one request takes, however many events there are; and while many are
//! received.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests too")]

use std::alloc::System;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use partner_center_webhooks::event_grid::receive::WebhookReceiver;
use partner_center_webhooks::event_grid::{AccessKey, CloudEvent, PublishEndpoint, Publisher};
use partner_center_webhooks::http_client::{BoxFuture, HttpClient, HttpClientError, Limits};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tokio::sync::Mutex;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Bytes that are allocated and not freed.
fn live() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated.saturating_sub(stats.bytes_deallocated)
}

/// Accepts everything, and looks how much memory is taken while a request is under way.
#[derive(Clone, Debug, Default)]
struct Gauge {
    peak: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
    bytes: Arc<AtomicUsize>,
}

impl HttpClient for Gauge {
    fn send(
        &self,
        request: Request<Bytes>,
        _: Limits,
    ) -> BoxFuture<'_, Result<Response<Bytes>, HttpClientError>> {
        self.peak.fetch_max(live(), Ordering::SeqCst);
        self.requests.fetch_add(1, Ordering::SeqCst);
        self.bytes.fetch_add(request.body().len(), Ordering::SeqCst);
        Box::pin(std::future::ready(Ok(Response::default())))
    }
}

/// Publishes so many events of a kilobyte, each made when its turn comes: requests, and bytes of memory beyond those
/// before.
async fn publish(count: usize) -> (usize, usize) {
    let gauge = Gauge::default();
    let endpoint = PublishEndpoint::new("https://a.example/api/events").unwrap();
    let key = AccessKey::new("a2V5").unwrap();
    let publisher = Publisher::new(endpoint, key, gauge.clone());
    let data = "x".repeat(1000);
    let events = (0..count).map(|id| {
        CloudEvent::new("/contoso", "Contoso.Items.Created")
            .and_then(|event| event.with_id(&id.to_string()))
            .and_then(|event| event.with_json(&data))
            .unwrap()
    });
    let before = live();
    let accepted = publisher.publish_by_source(events).await.unwrap();
    assert_eq!(accepted.events(), count);
    assert!(gauge.bytes.load(Ordering::SeqCst) > count * 1000);
    let peak = gauge.peak.load(Ordering::SeqCst).saturating_sub(before);
    (gauge.requests.load(Ordering::SeqCst), peak)
}

/// One test at a time, for all memory is counted.
static ALONE: Mutex<()> = Mutex::const_new(());

#[tokio::test]
async fn ten_thousand_events_take_no_more_memory_than_two() {
    let _alone = ALONE.lock().await;
    publish(1).await;
    let (few_requests, few) = publish(2000).await;
    let (many_requests, many) = publish(10_000).await;
    let (most_requests, most) = publish(50_000).await;
    println!(
        "{few_requests} requests: {few} bytes; {many_requests}: {many}; {most_requests}: {most}"
    );
    assert!(few_requests > 1 && many_requests > 10 && most_requests > 50);
    // The body of 1 MiB, its events, which are given back if it fails, and the body that is begun.
    assert!(few < 6 << 20, "{few}");
    assert!(many < few + few / 10, "{few} and then {many}");
    assert!(most < few + few / 10, "{few} and then {most}");
}

#[tokio::test]
async fn the_tiniest_events_take_little_memory() {
    let _alone = ALONE.lock().await;
    let receiver = WebhookReceiver::builder().danger_without_authentication();
    let receiver = receiver.build().unwrap();
    // What is left allocated, and all that was allocated on the way.
    let receive = async |count: usize| {
        let body = format!("[{}]", vec!["{}"; count].join(","));
        let (before, begun) = (live(), ALLOCATOR.stats().bytes_allocated);
        let incoming =
            receiver.receive(&Method::POST, None, &HeaderMap::new(), body.as_bytes()).await;
        let taken = (live().saturating_sub(before), ALLOCATOR.stats().bytes_allocated - begun);
        (incoming.is_ok(), taken)
    };
    receive(1).await;
    let (accepted, most) = receive(5000).await;
    let (is_refused, refused) = receive(699_050).await; // 2 MiB
    println!("5000: {most:?} bytes; 699050: {refused:?}");
    assert!(accepted && !is_refused);
    assert!(most.0 < 1 << 20 && most.1 < 2 << 20, "{most:?}");
    assert!(refused.0 < 1 << 10 && refused.1 < 1 << 20, "{refused:?}");
}
