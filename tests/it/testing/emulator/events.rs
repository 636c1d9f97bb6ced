//! Sample events and their resources.

use partner_center_webhooks::EventName;
use partner_center_webhooks::event::Event;
use partner_center_webhooks::http_client::ReqwestClient;
use partner_center_webhooks::resources::ResourceClient;
use serde_json::Value;

use super::{Credulous, ended, pair, registered, statuses};
use crate::registration::client::tokens;

#[tokio::test]
async fn every_documented_event_is_delivered_and_verified() {
    let (partner_center, service) = pair().await;
    for name in EventName::ALL {
        let number = partner_center.emit(name).unwrap();
        let delivery = ended(&partner_center, number).await;
        assert_eq!(statuses(&delivery), [Some(200)], "{delivery}");
        assert_eq!(delivery.event_name(), Some(name.as_str()));
    }
    let accepted = service.accepted.lock().unwrap().clone();
    let names: Vec<_> = EventName::ALL.iter().map(EventName::as_str).collect();
    assert_eq!(accepted, names);
    let certificates = partner_center
        .requests()
        .iter()
        .filter(|request| request.path().starts_with("/cert/"))
        .count();
    assert_eq!(certificates, 1, "fetched over HTTP, once");
}

#[tokio::test]
async fn events_have_the_members_of_their_samples() {
    let (_, url) = Credulous::start([]).await;
    let partner_center = registered(&url).await;
    let vectors = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/events");
    for name in EventName::ALL {
        let number = partner_center.emit(name).unwrap();
        let body = partner_center.delivery(number).unwrap().body().clone();
        let sample = std::fs::read(vectors.join(format!("{name}.json"))).unwrap();
        assert_eq!(shape(&body), shape(&sample), "{name}");
    }
}

/// The member names in order, and the value of `ResourceName`.
fn shape(body: &[u8]) -> (Vec<String>, Value) {
    let text = std::str::from_utf8(body).unwrap();
    let json: Value = serde_json::from_str(text).unwrap();
    let mut names: Vec<_> = json.as_object().unwrap().keys().cloned().collect();
    names.sort_by_key(|name| text.find(&format!("\"{name}\":")));
    (names, json["ResourceName"].clone())
}

#[tokio::test]
async fn the_resource_of_an_event_can_be_fetched() {
    let (_, url) = Credulous::start([]).await;
    let partner_center = registered(&url).await;
    partner_center.configure(|quirks| quirks.app_only_refused = false);
    let http = ReqwestClient::new().unwrap();
    let referrals = format!("{}/referrals/.default", partner_center.base_url());
    let client = ResourceClient::new(&partner_center.cloud(), http, tokens(&partner_center))
        .unwrap()
        .with_graph(tokens(&partner_center))
        .unwrap()
        .with_referrals(tokens(&partner_center), &referrals)
        .unwrap();
    for name in EventName::ALL {
        let number = partner_center.emit(name).unwrap();
        let delivery = partner_center.delivery(number).unwrap();
        let event = Event::from_slice(delivery.body()).unwrap();
        let fetched = client.fetch(&event).await;
        match name {
            EventName::DapAdminRelationshipApproved
            | EventName::DapAdminRelationshipTerminated
            | EventName::DapAdminRelationshipTerminatedByMicrosoft => {
                assert!(fetched.is_err(), "{name} has no resource");
            }
            _ => drop(fetched.unwrap_or_else(|error| panic!("{name}: {error}"))),
        }
        if event.audit_uri().is_some() {
            client.audit_record(&event).await.unwrap();
        }
    }
}
