//! The emulated Partner Center delivers as documented, over real HTTP, to services that verify with this crate and to
//! services that do not.

mod certificates;
mod control;
mod deliveries;
mod events;
mod forgeries;
mod load;
mod page;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use http::{HeaderMap, StatusCode};
use partner_center_webhooks::axum::Callback;
use partner_center_webhooks::crypto::AwsLcRs;
use partner_center_webhooks::testing::PartnerCenter;
use partner_center_webhooks::testing::partner_center::Delivery;
use partner_center_webhooks::{EventName, Receiver};
use serde_json::{Value, json};
use tokio::net::TcpListener;

async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// A partner's service that verifies, and records the accepted events.
#[derive(Clone)]
struct Verifying {
    receiver: Receiver,
    accepted: Arc<Mutex<Vec<String>>>,
}

impl axum::extract::FromRef<Verifying> for Receiver {
    fn from_ref(service: &Verifying) -> Self {
        service.receiver.clone()
    }
}

impl Verifying {
    async fn start(receiver: Receiver) -> (Self, String) {
        let service = Self { receiver, accepted: Arc::default() };
        let accept = async |State(service): State<Self>, Callback(received): Callback| {
            let name = received.event().name().as_str().to_owned();
            service.accepted.lock().unwrap().push(name);
        };
        let router = Router::new().route("/callback", post(accept)).with_state(service.clone());
        let address = serve(router).await;
        (service, format!("http://{address}/callback?tenant=a"))
    }

    fn accepted(&self) -> usize {
        self.accepted.lock().unwrap().len()
    }
}

/// A service that does not verify, and responds with the given statuses.
#[derive(Clone, Default)]
struct Credulous {
    seen: Arc<Mutex<Vec<(String, HeaderMap, Bytes)>>>,
    statuses: Arc<Mutex<VecDeque<u16>>>,
}

impl Credulous {
    async fn start(statuses: impl IntoIterator<Item = u16>) -> (Self, String) {
        let service = Self::default();
        service.statuses.lock().unwrap().extend(statuses);
        let respond =
            async |State(service): State<Self>, uri: http::Uri, headers: HeaderMap, body: Bytes| {
                let mut seen = service.seen.lock().unwrap();
                seen.push((uri.to_string(), headers, body));
                let next = service.statuses.lock().unwrap().pop_front();
                StatusCode::from_u16(next.unwrap_or(200)).unwrap()
            };
        let router = Router::new().route("/callback", post(respond)).with_state(service.clone());
        let address = serve(router).await;
        (service, format!("http://{address}/callback?tenant=a"))
    }

    fn seen(&self) -> Vec<(String, HeaderMap, Bytes)> {
        self.seen.lock().unwrap().clone()
    }
}

/// An emulator with short pauses and a registration for all events.
async fn registered(url: &str) -> PartnerCenter {
    let partner_center = PartnerCenter::start().await.unwrap();
    partner_center.configure(|quirks| quirks.first_pause = Duration::from_millis(1));
    register(&partner_center, url, &json!({}));
    partner_center
}

fn register(partner_center: &PartnerCenter, url: &str, more: &Value) {
    let names: Vec<_> = EventName::ALL.iter().map(EventName::as_str).collect();
    let mut registration = json!({"webhookUrl": url, "webhookEvents": names});
    for (name, value) in more.as_object().unwrap() {
        registration[name] = value.clone();
    }
    partner_center.set_registration(&registration);
}

/// An emulator, and a verifying service that is registered with it.
async fn pair() -> (PartnerCenter, Verifying) {
    let partner_center = registered("http://127.0.0.1:1/").await;
    let receiver = partner_center.receiver_builder(AwsLcRs::new()).unwrap();
    let (service, url) = Verifying::start(receiver.build().unwrap()).await;
    register(&partner_center, &url, &json!({}));
    (partner_center, service)
}

fn statuses(delivery: &Delivery) -> Vec<Option<u16>> {
    let attempts = delivery.attempts().iter();
    attempts.map(|attempt| attempt.status().map(|status| status.as_u16())).collect()
}

async fn ended(partner_center: &PartnerCenter, number: usize) -> Delivery {
    partner_center.settled().await;
    partner_center.delivery(number).unwrap()
}

/// A receiver fetches a rotated certificate at most once a minute.
const MINUTE: Duration = Duration::from_secs(60);
