//! Managing resources beside Microsoft's own client for Python: each on a fake of its own, then all requests are compared.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use partner_center_webhooks::event_grid::manage::{
    ArmResource, Channel, Endpoint, EventSubscription, Filter, KeyName, ListQuery,
    ManagementClient, Partner, PartnerConfiguration, PartnerNamespace, PartnerRegistration,
    ResourceGroup, RoutingMode, SubscriptionId,
};
use partner_center_webhooks::http_client::ReqwestClient;
use partner_center_webhooks::testing::ResourceManager;
use partner_center_webhooks::testing::resource_manager::RecordedRequest;
use partner_center_webhooks::token::AccessToken;
use serde_json::{Value, json};

use super::{install_python, script};

const SUBSCRIPTION: &str = "00000000-0000-0000-0000-00000000000a";
const PARTNER: &str = "00000000-0000-0000-0000-0000000000ff";

#[tokio::test]
async fn python() {
    let Some(python) = install_python("azure-mgmt-eventgrid==10.4.0") else {
        return;
    };
    let (theirs, ours) =
        (ResourceManager::start().await.unwrap(), ResourceManager::start().await.unwrap());
    let said_by_theirs = run(python, &theirs).await;
    let said_by_ours = manage(&ours).await;
    assert_eq!(said_by_ours, said_by_theirs);

    let (ours, theirs) = (essences(&ours), essences(&theirs));
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(ours, theirs);
    }
    assert_eq!((ours.len(), theirs.len()), (27, 27));
    let polled = ours.iter().filter(|essence| essence.is_polled).count();
    assert_eq!(polled, 6, "three writes and three deletions take their time");
}

/// Lets their client do its work.
async fn run(python: PathBuf, fake: &ResourceManager) -> Value {
    let job = json!({
        "base": fake.base_url(),
        "token": fake.access_token(),
        "subscription": SUBSCRIPTION,
        "partner": PARTNER,
    });
    let mut client = Command::new(python);
    client.arg(script("manage.py")).arg(job.to_string());
    // Not on this runtime's only thread, on which the fake answers.
    let output = tokio::task::spawn_blocking(move || client.output().unwrap());
    let output = output.await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The steps of the script.
async fn manage(fake: &ResourceManager) -> Value {
    let tokens = AccessToken::new(fake.access_token()).unwrap();
    let http = ReqwestClient::new().unwrap();
    let client = ManagementClient::new(&fake.cloud(), http, tokens)
        .unwrap()
        .with_poll_interval(Duration::ZERO);
    let group =
        |name| ResourceGroup::new(SubscriptionId::new(SUBSCRIPTION).unwrap(), name).unwrap();
    let (ours, theirs) = (group("ours"), group("theirs"));

    let registration = ours.partner_registration("contoso").unwrap();
    let wanted = ArmResource::new(PartnerRegistration::default()).at("global");
    client.create_or_update(&registration, &wanted).await.unwrap();
    let namespace = ours.partner_namespace("contoso-west").unwrap();
    let mut wanted = PartnerNamespace::new(&registration, RoutingMode::ChannelNameHeader);
    // Their models come with the service's defaults, and send them.
    wanted.disable_local_auth = Some(false);
    let wanted = ArmResource::new(wanted).at("westeurope").tagged("team", "events");
    let made = client.create_or_update(&namespace, &wanted).await.unwrap();
    let keys = client.keys(&namespace).await.unwrap();
    let renewed = client.regenerate_key(&namespace, KeyName::Key2).await.unwrap();

    let configuration = theirs.partner_configuration();
    let wanted = ArmResource::new(PartnerConfiguration::default()).at("global");
    client.create_or_update(&configuration, &wanted).await.unwrap();
    let partner = Partner::of_registration(PARTNER);
    let authorized = client.authorize_partner(&configuration, &partner).await.unwrap();

    for name in ["customer-7", "customer-8"] {
        let mut wanted = Channel::to_topic(&theirs, name, "contoso/customers/7");
        wanted.message_for_activation = Some("Hello".to_owned());
        let id = namespace.channel(name).unwrap();
        client.create_or_update(&id, &ArmResource::new(wanted)).await.unwrap();
    }
    let query = ListQuery::default().with_filter("contains(name, 'customer')").with_page_size(1);
    let channels = client.list(&namespace, &query).await.unwrap();
    let mut names: Vec<_> = channels.into_iter().map(|channel| channel.name).collect();
    names.sort();
    let channel = namespace.channel("customer-7").unwrap();
    let before = client.get(&channel).await.unwrap().unwrap().properties;
    let topic = theirs.partner_topic("customer-7").unwrap();
    let activated = client.activate(&topic).await.unwrap().properties;
    let after = client.get(&channel).await.unwrap().unwrap().properties;

    let id = topic.event_subscription("to-us").unwrap();
    let mut endpoint = Endpoint::webhook("https://fabrikam.example/hook?code=s3cret");
    let properties = endpoint.properties.as_mut().unwrap();
    properties.max_events_per_batch = Some(1.into());
    properties.preferred_batch_size_in_kilobytes = Some(64.into());
    let mut filter = Filter::default();
    filter.included_event_types = Some(vec!["a".to_owned()]);
    filter.is_subject_case_sensitive = Some(false);
    let mut wanted = EventSubscription::default();
    wanted.destination = Some(endpoint);
    wanted.filter = Some(filter);
    let subscribed = client.create_or_update(&id, &ArmResource::new(wanted)).await.unwrap();
    let mut change = EventSubscription::default();
    change.labels = Some(vec!["x".to_owned()]);
    client.update(&id, &change).await.unwrap();
    let full = client.full_url(&id).await.unwrap().unwrap();
    client.deactivate(&topic).await.unwrap();
    let unauthorized = client.unauthorize_partner(&configuration, &partner).await.unwrap();

    assert!(client.delete(&id).await.unwrap());
    assert!(client.delete(&topic).await.unwrap());
    assert!(!client.delete(&channel).await.unwrap());
    assert!(client.delete(&namespace).await.unwrap());
    assert!(client.delete(&configuration).await.unwrap());
    assert!(client.delete(&registration).await.unwrap());

    let partners = |configuration: ArmResource<PartnerConfiguration>| {
        let authorization = configuration.properties.partner_authorization.unwrap();
        authorization.authorized_partners_list.unwrap().len()
    };
    json!({
        "endpoint": made.properties.endpoint,
        "is_renewed": [keys.key1 == renewed.key1, keys.key2 == renewed.key2],
        "authorized": partners(authorized),
        "unauthorized": partners(unauthorized),
        "names": names,
        "readiness": [before.readiness_state.unwrap().as_str(), after.readiness_state.unwrap().as_str()],
        "activation": activated.activation_state.unwrap().as_str(),
        "schema": subscribed.properties.event_delivery_schema.unwrap().as_str(),
        "full": full.expose_secret(),
    })
}

/// What of a request is the service's business, and whether its end was asked for.
#[derive(Debug, PartialEq)]
struct Essence {
    method: String,
    path: String,
    query: BTreeMap<String, String>,
    media_type: Option<String>,
    body: Option<Value>,
    is_polled: bool,
}

/// How often, and at which of the two URLs, an operation is asked how far it is, is each client's choice.
fn essences(fake: &ResourceManager) -> Vec<Essence> {
    let mut essences: Vec<Essence> = Vec::new();
    for request in fake.requests() {
        assert!(request.header("x-ms-client-request-id").is_some());
        match request.path().contains("/locations/") {
            true => essences.last_mut().unwrap().is_polled = true,
            false => essences.push(essence(&request)),
        }
    }
    essences
}

fn essence(request: &RecordedRequest) -> Essence {
    let query = request.path_and_query().split_once('?').unwrap().1;
    Essence {
        method: request.method().to_string(),
        path: request.path().to_owned(),
        query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        media_type: request.header("content-type").map(str::to_owned),
        body: request.json(),
        is_polled: false,
    }
}
