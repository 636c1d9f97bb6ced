//! What is counted, by a recorder of our own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::stream;
use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};
use partner_center_webhooks::inbox::{
    Backoff, Claimed, Inbox, InboxEndpoint, InboxWorker, Outcome, describe_metrics,
};
use partner_center_webhooks::testing::MemoryInbox;
use tokio::sync::oneshot;

use crate::support::{body, receiver, request};

/// Sums of counters, values of gauges, and how many values a histogram has; by name and labels.
#[derive(Clone, Debug, Default)]
struct Recorded(Arc<Mutex<BTreeMap<String, f64>>>);

struct Slot(Recorded, String);

impl Slot {
    fn change(&self, change: impl FnOnce(&mut f64)) {
        change(self.0.0.lock().unwrap().entry(self.1.clone()).or_default());
    }
}

impl CounterFn for Slot {
    fn increment(&self, value: u64) {
        self.change(|sum| *sum += value as f64);
    }
    fn absolute(&self, value: u64) {
        self.change(|sum| *sum = value as f64);
    }
}

impl GaugeFn for Slot {
    fn increment(&self, value: f64) {
        self.change(|gauge| *gauge += value);
    }
    fn decrement(&self, value: f64) {
        self.change(|gauge| *gauge -= value);
    }
    fn set(&self, value: f64) {
        self.change(|gauge| *gauge = value);
    }
}

impl HistogramFn for Slot {
    fn record(&self, value: f64) {
        assert!((0.0..3600.0 * 24.0 * 366.0 * 100.0).contains(&value), "{value}");
        self.change(|count| *count += 1.0);
    }
}

impl Recorded {
    fn slot(&self, key: &Key) -> Arc<Slot> {
        let labels: Vec<_> =
            key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        Arc::new(Slot(self.clone(), format!("{} {}", key.name(), labels.join(" "))))
    }

    fn get(&self, key: &str) -> f64 {
        let values = self.0.lock().unwrap();
        *values.get(key).unwrap_or_else(|| panic!("{key} is not among {:?}", values.keys()))
    }
}

impl Recorder for Recorded {
    fn describe_counter(&self, name: KeyName, _: Option<Unit>, _: SharedString) {
        assert!(name.as_str().ends_with("_total"), "{name:?}");
    }
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, name: KeyName, unit: Option<Unit>, _: SharedString) {
        assert!(name.as_str().ends_with("_seconds") && unit == Some(Unit::Seconds), "{name:?}");
    }
    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.slot(key))
    }
    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.slot(key))
    }
    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.slot(key))
    }
}

async fn receives_and_handles() {
    let inbox = Arc::new(MemoryInbox::new());
    let endpoint = InboxEndpoint::new(receiver(), inbox.clone());
    let deliver = async |signed: partner_center_webhooks::testing::SignedRequest| {
        let body = stream::iter([Ok::<_, std::io::Error>(signed.body)]);
        endpoint.accept(&signed.headers, body).await.is_ok()
    };
    let updated = request(body(1, 9));
    assert!(deliver(updated.clone()).await);
    assert!(deliver(updated.clone()).await);
    assert!(deliver(request(r#"{"EventName":"Of-Tomorrow"}"#)).await);
    assert!(!deliver(updated.with_body("{}")).await);

    let handler = |claimed: Claimed| async move {
        match claimed.token.fence() {
            1 => Outcome::retry("now and then"),
            _ => Outcome::Done,
        }
    };
    let (stop, stopped) = oneshot::channel::<()>();
    let worker = InboxWorker::new(inbox.clone())
        .with_backoff(Backoff::new([]))
        .with_poll(Duration::from_millis(1));
    let worker = tokio::spawn(worker.run(handler, async { stopped.await.unwrap_or(()) }));
    while inbox.stats().await.unwrap().done < 2 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    stop.send(()).unwrap();
    worker.await.unwrap();
    inbox.stats().await.unwrap().set_gauges();
}

#[test]
fn callbacks_and_attempts_are_counted() {
    let recorded = Recorded::default();
    metrics::with_local_recorder(&recorded, || {
        describe_metrics();
        assert_eq!(recorded.get("partner_center_callbacks_total outcome=stored kind=none"), 0.0);
        // Its tasks run on this thread.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(receives_and_handles());
    });
    for (key, expected) in [
        ("partner_center_callbacks_total outcome=stored kind=none", 2.0),
        ("partner_center_callbacks_total outcome=duplicate kind=none", 1.0),
        ("partner_center_callbacks_total outcome=refused kind=signature", 1.0),
        ("partner_center_callbacks_total outcome=unavailable kind=inbox", 0.0),
        ("partner_center_callback_duration_seconds outcome=stored", 2.0),
        ("partner_center_callbacks_in_flight ", 0.0),
        ("partner_center_events_total event=subscription-updated", 1.0),
        ("partner_center_events_total event=other", 1.0),
        ("partner_center_inbox_commit_duration_seconds ", 3.0),
        ("partner_center_inbox_attempts_total outcome=failed", 2.0),
        ("partner_center_inbox_attempts_total outcome=completed", 2.0),
        ("partner_center_inbox_attempts_total outcome=stale", 0.0),
        ("partner_center_inbox_attempt_duration_seconds ", 4.0),
        ("partner_center_inbox_delay_seconds ", 4.0),
        ("partner_center_inbox_events state=done", 2.0),
        ("partner_center_inbox_events state=pending", 0.0),
        ("partner_center_inbox_oldest_pending_timestamp_seconds ", 0.0),
        ("partner_center_inbox_in_progress ", 0.0),
    ] {
        assert_eq!(recorded.get(key), expected, "{key}");
    }
    let last = recorded.get("partner_center_last_callback_timestamp_seconds outcome=stored");
    assert!(last > 1_795_000_000.0, "{last}");
}
