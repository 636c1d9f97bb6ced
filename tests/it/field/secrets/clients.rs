//! What clients show of calls that are refused.

use std::fmt;

use partner_center_webhooks::cloud::{Cloud, CloudProfile};
use partner_center_webhooks::crypto::AwsLcRs;
use partner_center_webhooks::event::Event;
use partner_center_webhooks::event_grid::activation::ActivationWatcher;
use partner_center_webhooks::event_grid::manage::{
    ArmResource, Endpoint, EventSubscription, ManagementClient, Update,
};
use partner_center_webhooks::event_grid::{
    AccessKey, CloudEvent, Credential, PublishEndpoint, Publisher, SasToken,
};
use partner_center_webhooks::registration::{Plan, RegistrationClient, WhenLimited};
use partner_center_webhooks::resources::ResourceClient;
use partner_center_webhooks::token::{
    self, AccessToken, Application, ClientCredentials, RefreshToken, SecretString, TokenProvider,
    TokenRequest,
};
use serde_json::json as value;

use super::{
    ASSERTION, CERTIFIED, CLIENT_SECRET, HOOK_HEADER, REFRESH_TOKEN, SAS_KEY, SAS_SIGNATURE,
    SECRET, TOKEN, URL_KEY, http, quick, registration, said,
};
use crate::event_grid::manage::group;

fn token() -> AccessToken {
    AccessToken::new(TOKEN).unwrap()
}

/// A callback URL with a key in its query.
pub(super) fn hook_url() -> String {
    let key = URL_KEY.replace('+', "%2B").replace('/', "%2F");
    format!("https://contoso.example/hook?code={key}")
}

/// What was got, or why it was not.
fn whole<T: fmt::Debug, E: fmt::Debug + fmt::Display>(outcome: &Result<T, E>) -> String {
    format!("{outcome:?} {}", said(outcome))
}

/// Everything that one call of each client shows, where the peer at `base` answers.
pub(super) async fn refused(base: &str) -> Vec<String> {
    let mut profile = CloudProfile::new(base, base);
    profile.danger_plain_http_on_loopback = true;
    profile.management_base = base.to_owned();
    profile.graph_base = base.to_owned();
    profile.referrals_base = base.to_owned();
    let cloud = Cloud::Custom(profile);
    let mut shown = by_registration(&cloud).await;
    shown.extend(by_resources(&cloud, base).await);
    shown.extend(by_management(&cloud).await);
    shown.extend(by_publishers(base).await);
    shown.extend(by_entra(&cloud).await);
    shown
}

async fn by_registration(cloud: &Cloud) -> Vec<String> {
    let wanted = registration(&hook_url());
    let plan = Plan::new(&wanted, None);
    let client = RegistrationClient::new(cloud, http(), token()).unwrap().with_retries(quick());
    let mut shown = vec![format!("{client:?} {wanted:?} {plan:?} {plan}")];
    shown.extend([
        whole(&client.create(&wanted).await),
        whole(&client.update(&wanted).await),
        whole(&client.ensure(&wanted).await),
        whole(&client.get().await),
        whole(&client.supported_events().await),
        whole(&client.send_test_event(WhenLimited::Refuse).await),
    ]);
    shown
}

async fn by_resources(cloud: &Cloud, base: &str) -> Vec<String> {
    let client = ResourceClient::new(cloud, http(), token())
        .and_then(|client| client.with_graph(token()))
        .and_then(|client| client.with_referrals(token(), "scope"))
        .unwrap()
        .with_retries(quick());
    let mut shown = Vec::new();
    for uri in [
        format!("{base}/v1/customers/4cfba01c-47d4-4b91-9559-740129e7352b"),
        "https://partner.microsoft.com/granularAdminRelationships/33333333-3333-3333-3333-333333333333-44444444-4444-4444-4444-444444444444".to_owned(),
        "https://api.partner.microsoft.com/v1.0/engagements/referrals/22222222-2222-2222-2222-222222222222".to_owned(),
        format!("https://evil.example/v1/customers/1?sig={SAS_SIGNATURE}"),
    ] {
        let event = value!({"EventName": "x", "ResourceUri": uri, "AuditUri": uri});
        let event = Event::from_slice(event.to_string().as_bytes()).unwrap();
        let outcome = client.fetch(&event).await.map(|_| ());
        shown.push(format!("{client:?} {event:?} {outcome:?} {}", said(&outcome)));
        let outcome = client.audit_record(&event).await.map(|_| ());
        shown.push(format!("{outcome:?} {}", said(&outcome)));
    }
    shown
}

/// An event subscription of a webhook, with a secret in its URL and in a header.
pub(super) fn subscription(url: &str) -> EventSubscription {
    let mut hook = Endpoint::webhook(url);
    let headers = value!([{"name": "x-key", "type": "Static", "properties": {"value": HOOK_HEADER, "isSecret": true}}]);
    hook.properties.as_mut().unwrap().delivery_attribute_mappings =
        serde_json::from_value(headers).unwrap();
    let mut subscription = EventSubscription::default();
    subscription.destination = Some(hook);
    subscription
}

async fn by_management(cloud: &Cloud) -> Vec<String> {
    let topic = group("ours").partner_topic("contoso").unwrap();
    let id = topic.event_subscription("hook").unwrap();
    let resource = ArmResource::new(subscription(&hook_url()));
    let client = ManagementClient::new(cloud, http(), token()).unwrap().with_retries(quick());
    let mut shown = vec![format!("{client:?} {resource:?}")];
    let update = Update::of(resource.properties.clone());
    shown.push(format!("{update:?}"));
    let namespace = group("ours").partner_namespace("contoso").unwrap();
    let malformed =
        ArmResource::new(subscription(&format!("https://u:a/{SECRET}@contoso.example")));
    shown.extend([
        whole(&client.create_or_update(&id, &resource).await),
        whole(&client.create_or_update(&id, &malformed).await),
        whole(&client.update(&id, &resource.properties).await),
        whole(&client.get(&id).await),
        whole(&client.delete(&id).await),
        whole(&client.keys(&namespace).await),
        whole(&client.full_url(&id).await),
        whole(&client.delivery_attributes(&id).await),
    ]);
    let channel = namespace.channel("fabrikam").unwrap();
    let mut watcher = ActivationWatcher::new(client, [channel]);
    // It waits on after what may pass.
    let wait = std::time::Duration::from_millis(5);
    if let Ok(Some(outcome)) = tokio::time::timeout(wait, watcher.next()).await {
        shown.push(whole(&outcome));
    }
    shown.push(format!("{watcher:?} {:?}", watcher.hints()));
    shown
}

async fn by_publishers(base: &str) -> Vec<String> {
    let endpoint =
        || PublishEndpoint::danger_plain_http_on_loopback(&format!("{base}/api/events")).unwrap();
    let sas = format!("r=a&e=b&s={SAS_SIGNATURE}");
    let mut shown = Vec::new();
    for credential in [
        Credential::from(AccessKey::new(SAS_KEY).unwrap()),
        Credential::from(SasToken::new(sas.as_str()).unwrap()),
        Credential::bearer(token()),
    ] {
        shown.push(format!("{credential:?}"));
        let publisher = Publisher::new(endpoint(), credential, http()).with_retries(quick());
        let event = CloudEvent::new("/contoso", "x").unwrap();
        let outcome = publisher.publish_by_source([event]).await.map(|_| ());
        shown.push(format!("{publisher:?} {outcome:?} {}", said(&outcome)));
    }
    for url in [
        format!("https://u:{SECRET}/p@contoso.example/api/events"),
        format!("contoso.example/api/events?{SECRET}"),
    ] {
        let error = PublishEndpoint::new(&url).unwrap_err();
        shown.push(format!("{error} {error:?}"));
    }
    shown
}

async fn by_entra(cloud: &Cloud) -> Vec<String> {
    let mut shown = Vec::new();
    let (certificate, key) = (&CERTIFIED.0, &CERTIFIED.1);
    for credential in [
        token::Credential::from(CLIENT_SECRET),
        token::Credential::federated(|| async { Ok(SecretString::from(ASSERTION)) }),
        token::Credential::public_client(),
        token::Credential::certificate(&AwsLcRs::new(), certificate.as_bytes(), key.as_bytes())
            .unwrap(),
    ] {
        let application = Application::new(cloud, "contoso.example", "id", credential).unwrap();
        let refresh =
            RefreshToken::new(application.clone(), REFRESH_TOKEN, http(), |_| async { Ok(()) });
        let own = ClientCredentials::new(application.clone(), http());
        let outcomes = [
            refresh.token(TokenRequest::new("scope")).await.map(|_| ()),
            own.token(TokenRequest::new("scope")).await.map(|_| ()),
        ];
        shown.push(format!("{application:?} {refresh:?} {own:?}"));
        for outcome in outcomes {
            shown.push(format!("{outcome:?} {}", said(&outcome)));
        }
    }
    shown
}

/// The callback that keeps the refresh token quotes it, new and old, in each form in which it may be sent.
#[tokio::test]
async fn a_callback_that_cannot_save_a_refresh_token_does_not_show_it() {
    let new = "1.NEW+TOKEN/NEW";
    let grant = value!({"token_type": "Bearer", "expires_in": 3600, "access_token": TOKEN, "refresh_token": new});
    let peer = super::Peer::saying([super::json("200 OK", &grant.to_string())]).await;
    for (says, shown) in [
        (format!("vault down: {new}"), "vault down: [hidden]"),
        ("PUT /?token=1.NEW%2BTOKEN%2FNEW: 503".to_owned(), "PUT /?token=...: 503"),
        (
            "body token=1.NEW%2bTOKEN%2fNEW&old=REFRESH-TOKEN-0.AXo".to_owned(),
            "body token=[hidden]&old=[hidden]",
        ),
        (
            format!("https://user:{SECRET}/{SECRET}@vault.example/: 503"),
            "https://...@vault.example/: 503",
        ),
        ("disk full".to_owned(), "disk full"),
    ] {
        let application =
            Application::new(&peer.cloud(), "contoso.example", "id", CLIENT_SECRET).unwrap();
        let said = says.clone();
        let tokens = RefreshToken::new(application, REFRESH_TOKEN, http(), move |_| {
            let said = said.clone();
            async move { Err(said.into()) }
        });
        let error = tokens.token(TokenRequest::new("scope")).await.unwrap_err();
        let expected =
            format!("the rotated refresh token could not be saved, and was not used: {shown}");
        assert_eq!(error.to_string(), expected, "{says}");
        assert_eq!(format!("{error:?}"), expected);
    }
}
