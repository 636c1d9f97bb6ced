//! What clients show of calls that succeed.

use std::sync::{Arc, Mutex};

use partner_center_webhooks::event::Event;
use partner_center_webhooks::event_grid::activation::ActivationWatcher;
use partner_center_webhooks::event_grid::manage::{ArmResource, KeyName};
use partner_center_webhooks::event_grid::{
    AccessKey, ChannelName, CloudEvent, Credential, PublishEndpoint, Publisher, SasToken,
};
use partner_center_webhooks::registration::{RegistrationClient, WhenLimited};
use partner_center_webhooks::resources::ResourceClient;
use partner_center_webhooks::testing::EventGrid;
use partner_center_webhooks::testing::partner_center::{PartnerCenter, samples};
use partner_center_webhooks::token::{
    AccessToken, Application, ClientCredentials, RefreshToken, SecretString, TokenProvider as _,
    TokenRequest,
};
use serde_json::json as value;
use time::{Duration, OffsetDateTime};

use super::clients::{hook_url, subscription};
use super::{DATA, SAS_SIGNATURE, SECRET, http, registration};
use crate::event_grid::manage::{channel, group, namespace, scene};

/// A token and a registration, from the first to the last call. `secrets` gets those of the service.
pub(super) async fn registering(secrets: &mut Vec<String>) -> Vec<String> {
    let fake = PartnerCenter::start().await.unwrap();
    let url = hook_url();
    let secret = fake.client_secret();
    let application =
        Application::new(&fake.cloud(), &fake.tenant_id(), fake.client_id(), secret.as_str());
    let tokens = ClientCredentials::new(application.unwrap(), http());
    let scope = format!("{}/.default", fake.base_url());
    let granted = tokens.token(TokenRequest::new(&scope)).await.unwrap();
    let client = RegistrationClient::new(&fake.cloud(), http(), tokens.clone()).unwrap();
    let plan = client.ensure(&registration(&url)).await.unwrap();
    let registered = client.get().await.unwrap().unwrap();
    assert_eq!(registered.webhook_url(), url);
    let again = client.ensure(&registration(&url)).await.unwrap();
    let other = registration(&format!("https://contoso.example/hook?code={SECRET}"));
    let change = client.ensure(&other).await.unwrap();
    let status = client.send_test_event(WhenLimited::Refuse).await.unwrap();
    // Only what is sent has the URL whole.
    let sent = fake.requests();
    let sent = sent.iter().filter(|request| String::from_utf8_lossy(request.body()).contains(&url));
    assert_eq!(sent.count(), 1);
    secrets.extend([secret, granted.expose_secret().to_owned()]);
    vec![
        format!("{tokens:?} {granted:?} {client:?} {registered:?} {status:?}"),
        format!("{plan} {plan:?} {again} {again:?} {change} {change:?}"),
    ]
}

/// Resources and audit records with the token of a user, whose refresh token is replaced.
pub(super) async fn fetching(secrets: &mut Vec<String>) -> Vec<String> {
    let fake = PartnerCenter::start().await.unwrap();
    let application =
        Application::new(&fake.cloud(), &fake.tenant_id(), fake.client_id(), fake.client_secret());
    let first = fake.refresh_token();
    let saved: Arc<Mutex<Vec<String>>> = Arc::default();
    let save = Arc::clone(&saved);
    let tokens = RefreshToken::new(
        application.unwrap(),
        first.as_str(),
        http(),
        move |token: SecretString| {
            save.lock().unwrap().push(token.expose_secret().to_owned());
            async { Ok(()) }
        },
    );
    let client = ResourceClient::new(&fake.cloud(), http(), tokens.clone()).unwrap();
    let (path, customer) = samples::customer("4cfba01c-47d4-4b91-9559-740129e7352b");
    fake.put_resource(&path, customer);
    let uri = format!("{}{path}", fake.base_url());
    let event = value!({"EventName": "x", "ResourceUri": uri});
    let event = Event::from_slice(event.to_string().as_bytes()).unwrap();
    let fetched = client.fetch(&event).await.unwrap();
    let saved = saved.lock().unwrap();
    assert_eq!(saved.len(), 1);
    secrets.extend(saved.iter().cloned());
    secrets.extend([first, fake.client_secret()]);
    vec![format!("{client:?} {tokens:?} {fetched:?} {event:?}")]
}

/// Events, with each credential.
pub(super) async fn publishing(secrets: &mut Vec<String>) -> Vec<String> {
    let fake = EventGrid::start().await.unwrap();
    let endpoint = PublishEndpoint::danger_plain_http_on_loopback(fake.endpoint()).unwrap();
    let key = AccessKey::new(fake.access_key()).unwrap();
    let expires_at = OffsetDateTime::now_utc() + Duration::hours(1);
    let sas = SasToken::mint(&key, &endpoint, expires_at).unwrap();
    let token = fake.access_token();
    let signature = sas.expose_secret().rsplit("s=").next().unwrap().to_owned();
    secrets.extend([fake.access_key(), signature, token.clone()]);
    let mut shown = vec![format!("{key:?} {sas:?} {endpoint:?}")];
    let bearer = AccessToken::new(token).unwrap();
    for credential in [Credential::from(key), Credential::from(sas), Credential::bearer(bearer)] {
        let publisher = Publisher::new(endpoint.clone(), credential, http());
        let channel = ChannelName::new("fabrikam").unwrap();
        let source = format!("https://contoso.example/?sig={SAS_SIGNATURE}");
        let event = CloudEvent::new(&source, "x")
            .and_then(|event| event.with_json(&value!({"key": DATA})))
            .unwrap();
        let outcome = publisher.publish(&channel, [&event]).await;
        assert!(outcome.is_ok(), "{outcome:?}");
        shown.push(format!("{publisher:?} {outcome:?} {event:?}"));
    }
    shown
}

/// An event subscription with its secrets, and the keys of a namespace.
pub(super) async fn managing(secrets: &mut Vec<String>) -> Vec<String> {
    let (fake, client) = scene().await;
    let namespace = namespace(&client).await;
    let channel_id = channel(&client, &namespace, "fabrikam").await;
    let topic = group("theirs").partner_topic("fabrikam").unwrap();
    let topic = client.activate(&topic).await.unwrap();
    let id = group("theirs").partner_topic("fabrikam").unwrap();
    let id = id.event_subscription("hook").unwrap();
    let resource = ArmResource::new(subscription(&hook_url()));
    let made = client.create_or_update(&id, &resource).await.unwrap();
    let changed = client.update(&id, &resource.properties).await.unwrap();
    let found = client.get(&id).await.unwrap().unwrap();
    let url = client.full_url(&id).await.unwrap();
    assert_eq!(url.as_ref().unwrap().expose_secret(), hook_url());
    let headers = client.delivery_attributes(&id).await.unwrap();
    let keys = client.keys(&namespace).await.unwrap();
    let new = client.regenerate_key(&namespace, KeyName::Key1).await.unwrap();
    for key in [&keys.key1, &keys.key2, &new.key1] {
        secrets.push(key.as_ref().unwrap().expose_secret().to_owned());
    }
    secrets.push(fake.access_token());
    let mut watcher = ActivationWatcher::new(client.clone(), [channel_id]);
    let activation = watcher.next().await.unwrap().unwrap();
    vec![
        format!("{client:?} {topic:?} {made:?} {changed:?} {found:?}"),
        format!("{url:?} {headers:?} {keys:?} {new:?}"),
        format!("{watcher:?} {activation:?}"),
    ]
}
