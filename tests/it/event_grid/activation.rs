//! The activation watcher under a paused clock: when it reads, reports and ends.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use http::{Request, Response};
use partner_center_webhooks::api::RetryPolicy;
use partner_center_webhooks::cloud::Cloud;
use partner_center_webhooks::event_grid::activation::{
    ActivationError, ActivationWatcher, ChannelState, ResourceEvent,
};
use partner_center_webhooks::event_grid::manage::{Channel, ManagementClient, ResourceId};
use partner_center_webhooks::http_client::{BoxFuture, HttpClient, HttpClientError, Limits};
use partner_center_webhooks::token::AccessToken;
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::time::{Instant, advance, timeout};

use super::manage::group;

/// Channels by name, with the times of their reads in seconds.
#[derive(Clone, Debug)]
struct Service {
    start: Instant,
    channels: Arc<Mutex<HashMap<String, Value>>>,
    reads: Arc<Mutex<Vec<(String, u64)>>>,
}

impl Service {
    fn set(&self, name: &str, properties: Value) {
        let mut channels = self.channels.lock().unwrap();
        channels.insert(name.to_owned(), json!({"properties": properties}));
    }

    fn remove(&self, name: &str) {
        self.channels.lock().unwrap().remove(name);
    }

    /// When `name` was read.
    fn reads(&self, name: &str) -> Vec<u64> {
        let reads = self.reads.lock().unwrap();
        let reads = reads.iter().filter(|(read, _)| read == name);
        reads.map(|(_, at)| *at).collect()
    }
}

impl HttpClient for Service {
    fn send(
        &self,
        request: Request<Bytes>,
        _: Limits,
    ) -> BoxFuture<'_, Result<Response<Bytes>, HttpClientError>> {
        let name = request.uri().path().rsplit('/').next().unwrap().to_owned();
        let at = self.start.elapsed().as_secs();
        self.reads.lock().unwrap().push((name.clone(), at));
        let channels = self.channels.lock().unwrap();
        let answer = match channels.get(&name) {
            Some(channel) if channel["properties"] == "trouble" => Response::builder().status(403),
            Some(_) => Response::builder(),
            None => Response::builder().status(404),
        };
        let missing = || r#"{"error":{"code":"ResourceNotFound","message":"m"}}"#.to_owned();
        let body = channels.get(&name).map_or_else(missing, Value::to_string);
        Box::pin(std::future::ready(Ok(answer.body(body.into()).unwrap())))
    }
}

fn id(name: &str) -> ResourceId<Channel> {
    let namespace = group("ours").partner_namespace("contoso").unwrap();
    namespace.channel(name).unwrap()
}

/// 2026-11-28T00:00:00Z, a week after [`now`].
const END: &str = "2026-11-28T00:00:00.0000000Z";

fn now() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_795_219_200).unwrap()
}

fn waiting() -> Value {
    json!({"readinessState": "NeverActivated", "expirationTimeIfNotActivatedUtc": END})
}

fn scene(names: &[&str]) -> (Service, ActivationWatcher) {
    let service =
        Service { start: Instant::now(), channels: Arc::default(), reads: Arc::default() };
    for name in names {
        service.set(name, waiting());
    }
    let tokens = AccessToken::new("token").unwrap();
    let client = ManagementClient::new(&Cloud::Global, service.clone(), tokens).unwrap();
    let client = client.with_retries(RetryPolicy::default().with_max_retries(0));
    let start = service.start;
    let clock = move || now() + start.elapsed();
    let watcher = ActivationWatcher::new(client, names.iter().map(|name| id(name)));
    (service, watcher.with_clock(clock))
}

async fn state(watcher: &mut ActivationWatcher) -> ChannelState {
    watcher.next().await.unwrap().unwrap().state
}

fn is_waiting(state: &ChannelState) -> bool {
    matches!(state, ChannelState::NeverActivated { expires: Some(_) })
}

fn event(event_type: &str, uri: &str) -> ResourceEvent {
    let event_type = format!("Microsoft.Resources.{event_type}");
    ResourceEvent::new(&event_type, Some(uri), &Value::Null)
}

#[tokio::test(start_paused = true)]
async fn delays_grow_until_the_activation() {
    let (service, mut watcher) = scene(&["one"]);
    assert!(is_waiting(&state(&mut watcher).await));
    // No change for an hour.
    assert!(timeout(Duration::from_secs(3600), watcher.next()).await.is_err());
    assert_eq!(service.reads("one"), [0, 30, 90, 210, 450, 930, 1530, 2130, 2730, 3330]);
    service.set("one", json!({"readinessState": "Activated"}));
    let change = watcher.next().await.unwrap().unwrap();
    assert_eq!((change.id, change.state), (id("one"), ChannelState::Activated));
    assert!(change.channel.is_some());
    assert!(watcher.next().await.is_none());
    assert_eq!(service.reads("one").pop(), Some(3930));

    let (service, watcher) = scene(&["one"]);
    let mut watcher =
        watcher.with_first_delay(Duration::ZERO).with_longest_delay(Duration::from_secs(3));
    assert!(is_waiting(&state(&mut watcher).await));
    assert!(timeout(Duration::from_secs(10), watcher.next()).await.is_err());
    assert_eq!(service.reads("one"), [0, 1, 3, 6, 9]);
}

#[tokio::test(start_paused = true)]
async fn the_stream_ends_when_every_channel_is_final() {
    let (service, watcher) = scene(&["one", "two"]);
    service.remove("two");
    let mut changes = pin!(watcher.into_stream());
    let mut states = Vec::new();
    while let Some(change) = changes.next().await {
        let change = change.unwrap();
        states.push((change.id, change.state));
        service.set("one", json!({"readinessState": "Activated"}));
    }
    let waiting = ChannelState::NeverActivated {
        expires: Some(now() + Duration::from_secs(7 * 24 * 60 * 60)),
    };
    assert_eq!(
        states,
        [
            (id("one"), waiting),
            (id("one"), ChannelState::Activated),
            (id("two"), ChannelState::Deleted),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn many_hints_are_one_read() {
    let (service, mut watcher) = scene(&["one", "two"]);
    let hints = watcher.hints();
    assert!(is_waiting(&state(&mut watcher).await));
    assert!(is_waiting(&state(&mut watcher).await));
    assert!(timeout(Duration::from_secs(10), watcher.next()).await.is_err());

    // Events that are not about a watched channel, or of failed operations.
    let one = id("one");
    let namespace = group("ours").partner_namespace("contoso").unwrap();
    let (base, _) = namespace.as_str().split_once("/resourceGroups/").unwrap();
    for other in [
        // Scopes above the channel, because much happens there.
        event("ResourceWriteSuccess", base),
        event("ResourceDeleteSuccess", &group("ours").scope().to_string()),
        event(
            "ResourceActionSuccess",
            &format!("{}/providers/Microsoft.EventGrid", group("ours").scope()),
        ),
        event("ResourceWriteSuccess", &format!("{namespace}/channels")),
        event("ResourceWriteSuccess", &format!("{namespace}/privateEndpointConnections/one")),
        event("ResourceWriteSuccess", id("three").as_str()),
        event("ResourceWriteSuccess", &format!("{one}x")),
        event("ResourceWriteSuccess", ""),
        event("ResourceWriteSuccess", "/"),
        event("ResourceWriteFailure", one.as_str()),
        event("ResourceActionCancel", one.as_str()),
        event("SomethingElse", one.as_str()),
    ] {
        assert_eq!(hints.record(&other), 0, "{other:?}");
    }
    // Events about it or its children, in any case, for three seconds.
    let shouted = one.as_str().to_uppercase();
    service.set("one", json!({"readinessState": "Activated"}));
    let feeder = async {
        for _ in 0..30 {
            assert_eq!(hints.record(&event("ResourceWriteSuccess", &shouted)), 1);
            let readiness = format!("{shouted}/channelReadinessStateChange");
            assert_eq!(hints.record(&event("ResourceActionSuccess", &readiness)), 1);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let (change, ()) = futures_util::join!(watcher.next(), feeder);
    assert_eq!(change.unwrap().unwrap().state, ChannelState::Activated);
    assert_eq!(service.reads("one"), [0, 12]);
    assert_eq!(service.reads("two"), [0]);
    // It is not watched any more.
    assert_eq!(hints.record(&event("ResourceWriteSuccess", &shouted)), 0);
    // An event about the namespace is about all channels in it.
    assert_eq!(hints.record(&event("ResourceDeleteSuccess", namespace.as_str())), 1);
    service.remove("two");
    assert_eq!(state(&mut watcher).await, ChannelState::Deleted);
    assert!(watcher.next().await.is_none());
    assert_eq!(service.reads("two"), [0, 14]);
}

#[tokio::test(start_paused = true)]
async fn hints_do_not_starve_other_channels() {
    let (service, mut watcher) = scene(&["one", "two"]);
    let hints = watcher.hints();
    let flood = async {
        loop {
            hints.record(&event("ResourceWriteSuccess", id("one").as_str()));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let watching = async {
        loop {
            watcher.next().await.unwrap().unwrap();
        }
    };
    let both = async { futures_util::join!(flood, watching) };
    assert!(timeout(Duration::from_secs(100), both).await.is_err());
    // Every two seconds, not a hundred times as often.
    let reads = service.reads("one").len();
    assert!((45..=51).contains(&reads), "{reads}");
    assert_eq!(service.reads("two"), [0, 30, 90]);
}

#[tokio::test(start_paused = true)]
async fn expiry_and_deletion_are_final() {
    let week = 7 * 24 * 60 * 60;
    let (service, mut watcher) = scene(&["one"]);
    assert!(is_waiting(&state(&mut watcher).await));
    assert_eq!(state(&mut watcher).await, ChannelState::Expired);
    let at = service.reads("one").pop().unwrap();
    assert!((week..week + 600).contains(&at), "{at}");
    assert!(watcher.next().await.is_none());

    // The service deletes a channel that expires.
    let (service, mut watcher) = scene(&["one"]);
    assert!(is_waiting(&state(&mut watcher).await));
    service.remove("one");
    advance(Duration::from_secs(week)).await;
    assert_eq!(state(&mut watcher).await, ChannelState::Expired);

    for properties in [
        json!({"readinessState": "Activated", "provisioningState": "IdleDueToMirroredPartnerTopicDeletion"}),
        json!({"provisioningState": "idleDueToMirroredPartnerDestinationDeletion"}),
    ] {
        let (service, mut watcher) = scene(&["one"]);
        service.set("one", properties);
        assert_eq!(state(&mut watcher).await, ChannelState::Deleted);
        assert!(watcher.next().await.is_none());
    }
    let (service, mut watcher) = scene(&["one"]);
    service.remove("one");
    let change = watcher.next().await.unwrap().unwrap();
    assert_eq!(change.state, ChannelState::Deleted);
    assert!(change.channel.is_none() && watcher.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn errors_are_reported_and_retried() {
    let (service, mut watcher) = scene(&["one", "two"]);
    service.set("one", "trouble".into());
    let error = watcher.next().await.unwrap().unwrap_err();
    assert!(matches!(&error, ActivationError::Read { id: found, .. } if *found == id("one")));
    let text = error.to_string();
    assert!(text.contains("cannot be watched: get: returned 403"), "{text}");
    assert!(is_waiting(&state(&mut watcher).await));
    watcher.next().await.unwrap().unwrap_err();
    // An unknown state is not final.
    service.set("one", json!({"readinessState": "AlmostActivated"}));
    let other = state(&mut watcher).await;
    assert!(
        matches!(&other, ChannelState::Other(Some(word)) if word.as_str() == "AlmostActivated")
    );
    assert!(!other.is_final());
    service.set("one", json!({}));
    assert_eq!(state(&mut watcher).await, ChannelState::Other(None));
    assert_eq!(service.reads("one"), [0, 30, 90, 210]);
}

#[tokio::test(start_paused = true)]
async fn next_is_cancel_safe() {
    let (service, mut watcher) = scene(&["one"]);
    assert!(is_waiting(&state(&mut watcher).await));
    let hints = watcher.hints();
    for second in 0..300 {
        if second == 100 {
            hints.record(&event("ResourceWriteSuccess", id("one").as_str()));
        }
        assert!(timeout(Duration::from_secs(1), watcher.next()).await.is_err());
    }
    // Reads happen as if it had not been dropped. A hint restarts the delays.
    assert_eq!(service.reads("one"), [0, 30, 90, 102, 132, 192]);
    watcher.watch(id("one"));
    watcher.watch(id("two"));
    assert_eq!(state(&mut watcher).await, ChannelState::Deleted);
    let shown = format!("{watcher:?}");
    assert!(shown.contains("/channels/one") && !shown.contains("/channels/two"), "{shown}");
}
