//! Management of Event Grid resources over real HTTP, on a fake that follows recorded responses of the service.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::header::{LOCATION, RETRY_AFTER};
use http::{Method, Request, Response};
use partner_center_webhooks::api::{ApiErrorCause, RetryPolicy};
use partner_center_webhooks::cloud::Cloud;
use partner_center_webhooks::event_grid::manage::{
    ArmResource, Channel, ChannelType, DeliveryAttribute, Endpoint, EventDeliverySchema,
    EventSubscription, Filter, InvalidResource, KeyName, ListQuery, ManagementClient,
    ManagementError, Partner, PartnerConfiguration, PartnerConfigurationUpdate,
    PartnerDestinationInfo, PartnerNamespace, PartnerRegistration, PartnerTopic, ProvisioningState,
    ReadinessState, ResourceGroup, ResourceId, RoutingMode, SubscriptionId, SystemTopic, Update,
};
use partner_center_webhooks::http_client::{
    BoxFuture, HttpClient, HttpClientError, Limits, ReqwestClient,
};
use partner_center_webhooks::testing::ResourceManager;
use partner_center_webhooks::testing::resource_manager::{ErrorBody, Fault, RecordedRequest};
use partner_center_webhooks::token::{AccessToken, from_fn};
use serde_json::{Value, json};
use time::OffsetDateTime;

pub(crate) fn group(name: &str) -> ResourceGroup {
    let subscription = SubscriptionId::new("00000000-0000-0000-0000-00000000000a").unwrap();
    ResourceGroup::new(subscription, name).unwrap()
}

pub(crate) fn client(fake: &ResourceManager) -> ManagementClient {
    let tokens = AccessToken::new(fake.access_token()).unwrap();
    let retries = RetryPolicy::default()
        .with_first_delay(Duration::from_millis(5))
        .with_deadline(Duration::from_secs(10));
    ManagementClient::new(&fake.cloud(), ReqwestClient::new().unwrap(), tokens)
        .unwrap()
        .with_retries(retries)
        .with_poll_interval(Duration::ZERO)
}

pub(crate) async fn scene() -> (ResourceManager, ManagementClient) {
    let fake = ResourceManager::start().await.unwrap();
    let client = client(&fake);
    (fake, client)
}

pub(crate) async fn namespace(client: &ManagementClient) -> ResourceId<PartnerNamespace> {
    let registration = group("ours").partner_registration("contoso").unwrap();
    let resource = ArmResource::new(PartnerRegistration::default()).at("global");
    client.create_or_update(&registration, &resource).await.unwrap();
    let id = group("ours").partner_namespace("contoso-west").unwrap();
    let namespace = PartnerNamespace::new(&registration, RoutingMode::ChannelNameHeader);
    let resource = ArmResource::new(namespace).at("westeurope");
    let made = client.create_or_update(&id, &resource).await.unwrap();
    assert_eq!(
        made.properties.endpoint.as_deref(),
        Some("https://contoso-west.westeurope-1.eventgrid.azure.net/api/events")
    );
    id
}

pub(crate) async fn channel(
    client: &ManagementClient,
    namespace: &ResourceId<PartnerNamespace>,
    name: &str,
) -> ResourceId<Channel> {
    let id = namespace.channel(name).unwrap();
    let mut channel = Channel::to_topic(&group("theirs"), name, "contoso/customers/7");
    channel.message_for_activation = Some("Hello".to_owned());
    let resource = ArmResource::new(channel);
    let made = client.create_or_update(&id, &resource).await.unwrap();
    assert_eq!(made.properties.readiness_state, Some(ReadinessState::NeverActivated));
    id
}

/// Method, path and query of each request, as `PUT /…`.
fn lines(fake: &ResourceManager) -> Vec<String> {
    let line =
        |request: &RecordedRequest| format!("{} {}", request.method(), request.path_and_query());
    fake.requests().iter().map(line).collect()
}

fn last(fake: &ResourceManager) -> String {
    lines(fake).pop().unwrap()
}

/// The service's response to one request, with these headers.
fn response(status: u16, headers: &[(&'static str, String)], body: &Value) -> Fault {
    let body = match body {
        Value::Null => Bytes::new(),
        body => body.to_string().into(),
    };
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, value);
    }
    Fault::Status(response.body(body).unwrap())
}

#[tokio::test]
async fn a_partner_and_its_customer_end_to_end() {
    let (fake, client) = scene().await;
    let namespace = namespace(&client).await;
    let base = "/subscriptions/00000000-0000-0000-0000-00000000000a/resourceGroups/ours/providers/Microsoft.EventGrid";
    let version = "?api-version=2025-02-15";
    let made = lines(&fake);
    assert_eq!(
        made[..2],
        [
            format!("PUT {base}/partnerRegistrations/contoso{version}"),
            format!("PUT {base}/partnerNamespaces/contoso-west{version}"),
        ]
    );
    // The operation twice, and then the resource.
    assert!(made[2].contains("/operationsStatus/") && made[3] == made[2], "{made:?}");
    assert_eq!(made[4..], [format!("GET {base}/partnerNamespaces/contoso-west{version}")]);
    let put = &fake.requests()[1];
    assert_eq!(
        put.json().unwrap(),
        json!({"location": "westeurope", "properties": {
            "partnerRegistrationFullyQualifiedId": format!("{base}/partnerRegistrations/contoso"),
            "partnerTopicRoutingMode": "ChannelNameHeader",
        }})
    );
    assert!(put.header("x-ms-client-request-id").is_some());
    assert!(put.header("x-ms-correlation-request-id").is_some());

    let keys = client.keys(&namespace).await.unwrap();
    let first = keys.key1.clone().unwrap();
    assert!(!format!("{keys:?}").contains(first.expose_secret()));
    let renewed = client.regenerate_key(&namespace, KeyName::Key1).await;
    let renewed = renewed.unwrap();
    assert_ne!(renewed.key1, keys.key1);
    assert_eq!(renewed.key2, keys.key2);

    let id = channel(&client, &namespace, "customer-7").await;
    let topic = group("theirs").partner_topic("customer-7").unwrap();
    let found = client.get(&topic).await.unwrap().unwrap();
    assert_eq!(found.properties.source.as_deref(), Some("contoso/customers/7"));
    let active = client.activate(&topic).await.unwrap();
    let state = active.properties.activation_state.unwrap();
    assert_eq!(state.as_str(), "Activated");
    let ready = client.get(&id).await.unwrap().unwrap().properties;
    assert_eq!(ready.readiness_state, Some(ReadinessState::Activated));
    let stopped = client.deactivate(&topic).await.unwrap();
    let state = stopped.properties.activation_state.unwrap();
    assert_eq!(state.as_str(), "Deactivated");

    // Deleting one deletes the other, and deleting what is gone is not an error.
    assert!(client.delete(&topic).await.unwrap());
    assert!(!client.delete(&id).await.unwrap());
    assert_eq!(client.get(&id).await.unwrap(), None);
    assert!(client.delete(&namespace).await.unwrap());
    let registration = group("ours").partner_registration("contoso").unwrap();
    assert!(client.delete(&registration).await.unwrap());
    assert!(!client.delete(&registration).await.unwrap());
}

#[tokio::test]
async fn customers_authorize_partners_until_an_expiry() {
    let (fake, client) = scene().await;
    let now = OffsetDateTime::from_unix_timestamp(1_795_219_200).unwrap();
    fake.set_clock(move || now);
    let id = group("theirs").partner_configuration();
    let empty = ArmResource::new(PartnerConfiguration::default()).at("global");
    client.create_or_update(&id, &empty).await.unwrap();
    let partner = Partner::of_registration("00000000-0000-0000-0000-0000000000ff");

    let until = async |days: i64| {
        let made = client.authorize_partner(&id, &partner).await.unwrap();
        let authorization = made.properties.partner_authorization.unwrap();
        let partners = authorization.authorized_partners_list.unwrap();
        assert_eq!(partners.len(), 1);
        let end = partners[0].authorization_expiration_time_in_utc.unwrap();
        assert_eq!(end, now + time::Duration::days(days));
    };
    until(7).await;
    let mut update = PartnerConfigurationUpdate::default();
    update.default_maximum_expiration_time_in_days = Some(30.into());
    client.update(&id, &Update::of(update)).await.unwrap();
    assert_eq!(
        fake.requests().pop().unwrap().json().unwrap(),
        json!({"properties": {"defaultMaximumExpirationTimeInDays": 30}})
    );
    until(30).await;
    let made = client.unauthorize_partner(&id, &partner).await.unwrap();
    let authorization = made.properties.partner_authorization.unwrap();
    assert_eq!(authorization.authorized_partners_list, Some(Vec::new()));
}

fn subscription_to(url: &str) -> EventSubscription {
    let mut wanted = EventSubscription::default();
    wanted.destination = Some(Endpoint::webhook(url));
    wanted
}

/// A URL that Event Grid cannot deliver to is refused in every kind of write.
#[tokio::test]
async fn a_webhook_needs_an_absolute_https_url() {
    let (fake, at_fake) = scene().await;
    // The same calls, for a cloud without plain http.
    let elsewhere = ManagementClient::new(
        &Cloud::Global,
        ReqwestClient::new().unwrap(),
        from_fn(async |_| panic!("no token is needed")),
    );
    let elsewhere = elsewhere.unwrap();
    let id = ResourceId::at(&group("ours").scope(), "orders").unwrap();
    let body = r#"{"properties":{"destination":{"endpointType":"WebHook","properties":{"endpointUrl":"www.contoso.example"}}}}"#;
    let refused = |error: ManagementError| {
        assert!(matches!(
            error,
            ManagementError::InvalidResource(InvalidResource::WebhookUrl { .. })
        ));
        assert!(!error.is_transient());
        assert!(!format!("{error:?}").contains("s3cret"));
        error.to_string()
    };
    let message = |shown: &str| {
        format!(
            "the webhook URL is `{shown}` (expected an absolute https URL with a host, an optional port and no user; plain \
             http only on a loopback address with `danger_plain_http_on_loopback`)"
        )
    };
    for (url, shown) in [
        ("www.contoso.example", "www.contoso.example"),
        ("http://contoso.example/hook", "http://contoso.example/hook"),
        ("", ""),
        ("//contoso.example/hook", "//contoso.example/hook"),
        ("hook?code=s3cret&v=2", "hook?code=...&v=..."),
        ("http://contoso.example/hook?s3cret", "http://contoso.example/hook?..."),
        ("https://contoso:s3cret@contoso.example/", "https://...@contoso.example/"),
        ("https://contoso:s3/cret@contoso.example/", "https://...@contoso.example/"),
    ] {
        let resource: ArmResource<EventSubscription> =
            serde_json::from_str(&body.replace("www.contoso.example", url)).unwrap();
        let mut with_identity = EventSubscription::default();
        let destination = resource.properties.destination.clone();
        with_identity.delivery_with_resource_identity = serde_json::from_value(
            json!({"identity": {"type": "SystemAssigned"}, "destination": destination}),
        )
        .unwrap();
        for client in [&at_fake, &elsewhere] {
            for outcome in [
                client.create_or_update(&id, &resource).await,
                client.update(&id, &resource.properties).await,
                client.update(&id, &with_identity).await,
            ] {
                assert_eq!(refused(outcome.unwrap_err()), message(shown));
            }
        }
        // A partner destination is a webhook too.
        let destination = json!({"partnerDestinationInfo": {
            "endpointType": "WebHook", "properties": {"endpointUrl": url},
        }});
        let channel: Channel = serde_json::from_value(destination).unwrap();
        let channel_id = group("ours").partner_namespace("contoso-west").unwrap();
        let channel_id = channel_id.channel("customer-7").unwrap();
        let outcome = at_fake.update(&channel_id, &Update::of(channel)).await;
        assert_eq!(refused(outcome.unwrap_err()), message(shown));
    }
    // Only some clouds allow plain http on loopback.
    let local = ArmResource::new(subscription_to("http://127.0.0.1:1/hook"));
    let outcome = elsewhere.create_or_update(&id, &local).await;
    assert_eq!(refused(outcome.unwrap_err()), message("http://127.0.0.1:1/hook"));
    assert_eq!(lines(&fake), [""; 0]);

    // The twins.
    at_fake.create_or_update(&id, &local).await.unwrap();
    let https = ArmResource::new(subscription_to("https://contoso.example/hook?code=1"));
    at_fake.create_or_update(&id, &https).await.unwrap();
    // An update of other properties does not name the URL.
    let mut update = EventSubscription::default();
    update.labels = Some(vec!["new".to_owned()]);
    at_fake.update(&id, &update).await.unwrap();
}

#[tokio::test]
async fn delivery_attributes_with_secrets() {
    let (fake, client) = scene().await;
    let id = ResourceId::at(&group("ours").scope(), "activations").unwrap();
    let header = |name: &str, of: &str, value: Value| -> DeliveryAttribute {
        serde_json::from_value(json!({"name": name, "type": of, "properties": value})).unwrap()
    };
    let headers = vec![
        header("x-tenant", "Static", json!({"value": "contoso", "isSecret": false})),
        header("x-code", "Static", json!({"value": "s3cret", "isSecret": true})),
        header("x-id", "Dynamic", json!({"sourceField": "data.id"})),
    ];
    let mut wanted = subscription_to("https://contoso.example/hook");
    let endpoint = wanted.destination.as_mut().unwrap();
    let endpoint = endpoint.properties.as_mut().unwrap();
    endpoint.delivery_attribute_mappings = Some(headers.clone());
    assert!(!format!("{wanted:?}").contains("s3cret"));
    let made = client.create_or_update(&id, &ArmResource::new(wanted)).await;
    let shown = made.unwrap().properties.destination.unwrap();
    let shown = shown.properties.unwrap().delivery_attribute_mappings.unwrap();
    assert_eq!((&shown[0], &shown[2]), (&headers[0], &headers[2]));
    assert_eq!(shown[1].properties.as_ref().unwrap().value, None);

    let mut change = EventSubscription::default();
    change.labels = Some(vec!["x".to_owned()]);
    client.update(&id, &change).await.unwrap();
    assert_eq!(client.delivery_attributes(&id).await.unwrap(), headers);
    let request = fake.requests().pop().unwrap();
    assert_eq!(request.method(), Method::POST);
    assert!(
        request.path().ends_with("/eventSubscriptions/activations/getDeliveryAttributes"),
        "{}",
        request.path()
    );
}

#[tokio::test]
async fn event_subscriptions_of_topics_and_of_any_scope() {
    let (fake, client) = scene().await;
    let namespace = namespace(&client).await;
    channel(&client, &namespace, "customer-7").await;
    let topic = group("theirs").partner_topic("customer-7").unwrap();
    let id = topic.event_subscription("to-us").unwrap();
    let mut wanted = subscription_to("https://fabrikam.example/hook?code=s3cret");
    let mut filter = Filter::default();
    filter.included_event_types = Some(vec!["a".to_owned()]);
    wanted.filter = Some(filter);
    assert!(!format!("{wanted:?}").contains("s3cret"));
    let wanted = ArmResource::new(wanted);
    let made = client.create_or_update(&id, &wanted).await.unwrap();
    assert_eq!(
        made.properties.event_delivery_schema,
        Some(EventDeliverySchema::CloudEventSchemaV1_0)
    );
    let endpoint = made.properties.destination.unwrap().properties.unwrap();
    assert_eq!(endpoint.endpoint_url, None);
    assert_eq!(endpoint.endpoint_base_url.as_deref(), Some("https://fabrikam.example/hook"));
    let full = client.full_url(&id).await.unwrap().unwrap();
    assert!(full.expose_secret().ends_with("?code=s3cret"));

    // Without an envelope, and without properties that only the service writes.
    let mut change = EventSubscription::default();
    change.labels = Some(vec!["x".to_owned()]);
    change.topic = Some("not ours to say".to_owned());
    let changed = client.update(&id, &change).await.unwrap();
    let mut requests = fake.requests().into_iter();
    let patch = requests.find(|one| one.method() == Method::PATCH);
    assert_eq!(patch.unwrap().json().unwrap(), json!({"labels": ["x"]}));
    assert_eq!(changed.properties.labels.unwrap(), ["x"]);

    let scope = group("ours").scope();
    let other = ResourceId::at(&scope, "activations").unwrap();
    let wanted = ArmResource::new(subscription_to("https://contoso.example/hook"));
    let made = client.create_or_update(&other, &wanted).await.unwrap();
    assert_eq!(made.properties.provisioning_state, Some(ProvisioningState::Succeeded));
    let found = client.list(&scope, &ListQuery::default()).await.unwrap();
    assert_eq!(found.len(), 1);
    let found: Vec<ArmResource<EventSubscription>> =
        client.list(&topic, &ListQuery::default()).await.unwrap();
    assert_eq!(found[0].name.as_deref(), Some("to-us"));
    assert!(client.delete(&id).await.unwrap() && client.delete(&other).await.unwrap());

    let system = group("ours").system_topic("our-resources").unwrap();
    let mut topic = SystemTopic::default();
    topic.source = Some("/subscriptions/s".to_owned());
    topic.topic_type = Some("Microsoft.Resources.Subscriptions".to_owned());
    let topic = ArmResource::new(topic).at("global");
    client.create_or_update(&system, &topic).await.unwrap();
    assert!(client.delete(&system).await.unwrap());
}

#[tokio::test]
async fn destinations_use_the_preview_version() {
    let (fake, client) = scene().await;
    let namespace = namespace(&client).await;
    let id = namespace.channel("to-us").unwrap();
    let mut info = PartnerDestinationInfo::default();
    info.azure_subscription_id = Some("00000000-0000-0000-0000-00000000000a".to_owned());
    info.resource_group_name = Some("theirs".to_owned());
    info.name = Some("to-contoso".to_owned());
    info.endpoint_type = Some("WebHook".to_owned());
    let mut channel = Channel::default();
    channel.channel_type = Some(ChannelType::PartnerDestination);
    channel.partner_destination_info = Some(info);
    let preview = client.clone().in_preview();
    let channel = ArmResource::new(channel);
    client.create_or_update(&id, &channel).await.unwrap();
    assert!(last(&fake).ends_with("?api-version=2025-07-15-preview"));

    let destination = group("theirs").partner_destination("to-contoso").unwrap();
    client.activate(&destination).await.unwrap();
    assert!(last(&fake).ends_with("activate?api-version=2025-07-15-preview"));
    let channel = preview.get(&id).await.unwrap().unwrap().properties;
    assert_eq!(channel.readiness_state, Some(ReadinessState::Activated));

    client.get(&namespace).await.unwrap();
    assert!(last(&fake).ends_with("?api-version=2025-02-15"));
}

#[tokio::test]
async fn lists_are_read_to_their_end() {
    let (fake, client) = scene().await;
    let namespace = namespace(&client).await;
    for number in 0..7 {
        channel(&client, &namespace, &format!("customer-{number}")).await;
    }
    let before = fake.requests().len();
    let query = ListQuery::default().with_page_size(3);
    let channels = client.list(&namespace, &query).await.unwrap();
    assert_eq!(channels.len(), 7);
    assert_eq!(fake.requests().len() - before, 3);
    let query = query.with_filter("name eq 'customer-3'");
    let channels = client.list(&namespace, &query).await.unwrap();
    assert_eq!(channels.len(), 1);
    let line = last(&fake);
    assert!(
        line.ends_with("?api-version=2025-02-15&$filter=name%20eq%20%27customer-3%27&$top=3"),
        "{line}"
    );
    let all: Vec<ArmResource<PartnerNamespace>> =
        client.list(&group("ours").subscription(), &ListQuery::default()).await.unwrap();
    assert_eq!(all.len(), 1);
    let none: Vec<ArmResource<PartnerNamespace>> =
        client.list(&group("theirs"), &ListQuery::default()).await.unwrap();
    assert!(none.is_empty());

    // A list that never ends.
    for number in 0..1001 {
        let next = format!("{}/x?y={number}", fake.base_url());
        let page = json!({"value": null, "nextLink": next});
        fake.inject(response(200, &[], &page));
    }
    let listed = client.list::<PartnerTopic>(&group("ours"), &ListQuery::default()).await;
    assert_eq!(listed.unwrap_err().to_string(), "list: the list has more than 1000 pages");
}

/// The three ways to poll a change, each with success and failure.
#[tokio::test]
async fn changes_are_polled_in_each_documented_way() {
    let failure = json!({"code": "Url validation", "message": "Webhook validation handshake failed for x", "details": [{"code": "d", "message": "m"}]});
    for (name, polls, no_operation, location_only) in [
        ("operation", 0, false, false),
        ("operation", 3, false, false),
        ("location", 2, false, true),
        ("state", 2, true, false),
    ] {
        let (fake, client) = scene().await;
        fake.configure(|settings| {
            settings.polls = polls;
            settings.no_operation = no_operation;
            settings.location_only = location_only;
        });
        let made = namespace(&client).await;
        assert!(client.delete(&made).await.unwrap(), "{name}");
        assert_eq!(fake.resource(made.as_str()), None, "{name}");

        let made = namespace(&client).await;
        fake.configure(|settings| settings.failure = Some(failure.clone()));
        let error = match name {
            "state" => {
                let change = |resource: &mut ArmResource<PartnerNamespace>| {
                    resource.properties.disable_local_auth = Some(true);
                };
                client.modify(&made, change).await.unwrap_err()
            }
            _ => client.delete(&made).await.unwrap_err(),
        };
        let text = error.to_string();
        match (name, &error) {
            ("operation", ManagementError::Failed { failure, .. }) => {
                assert_eq!(failure.code.as_ref().unwrap().to_string(), "Url validation");
                assert!(
                    text.ends_with(
                        "ended with status `Failed`, code Url validation: Webhook validation handshake failed for x [d m]"
                    ),
                    "{text}"
                );
            }
            ("location", ManagementError::Api(error)) => {
                assert_eq!(error.code().unwrap().to_string(), "Url validation");
            }
            ("state", ManagementError::Failed { failure, .. }) => {
                assert_eq!(failure.status.to_string(), "Failed");
            }
            _ => panic!("{name}: {error:?}"),
        }
    }
}

/// Also if the service names no operation.
#[tokio::test]
async fn a_resource_that_failed_at_once_is_a_failure() {
    let (fake, client) = scene().await;
    let id = group("ours").partner_registration("contoso").unwrap();
    let failed = json!({"properties": {"provisioningState": "Failed"}});
    fake.put_resource(id.as_str(), failed.clone());
    fake.inject(response(200, &[], &failed));
    let wanted = ArmResource::new(PartnerRegistration::default()).at("global");
    let error = client.create_or_update(&id, &wanted).await.unwrap_err();
    assert_eq!(error.to_string(), format!("create or update: {id} ended with status `Failed`"));
}

#[tokio::test]
async fn an_unknown_operation_is_a_failure() {
    let (fake, client) = scene().await;
    let namespace = namespace(&client).await;
    let unknown = json!({"error": {"code": "OperationNotFound", "message": "Unknown."}});
    fake.inject_on(Method::GET, "/", response(404, &[], &unknown));
    let error = client.delete(&namespace).await.unwrap_err();
    assert_eq!(error.api().unwrap().status().unwrap(), 404);
}

#[tokio::test]
async fn waiting_ends_at_the_deadline_without_overflow() {
    let (fake, client) = scene().await;
    fake.configure(|settings| settings.polls = usize::MAX);
    let create = async |client: &ManagementClient| {
        let registration = group("ours").partner_registration("contoso").unwrap();
        let namespace = PartnerNamespace::new(&registration, RoutingMode::SourceEventAttribute);
        let id = group("ours").partner_namespace("contoso").unwrap();
        let resource = ArmResource::new(namespace).at("westeurope");
        client.create_or_update(&id, &resource).await.unwrap_err()
    };
    let hasty = client.clone().with_poll_interval(Duration::from_millis(20));
    let error = create(&hasty.with_poll_deadline(Duration::from_millis(150))).await;
    assert!(error.is_transient());
    let text = error.to_string();
    assert!(text.ends_with("was still `InProgress` after 0 s (deadline: 0 s)"), "{text}");

    // Durations that would overflow an instant.
    let client = client.with_poll_interval(Duration::from_secs(10));
    let endless = client.clone().with_poll_deadline(Duration::MAX);
    for (client, told) in [
        (client.clone().with_poll_interval(Duration::MAX), None),
        (client, Some(u64::MAX.to_string())),
        (endless.with_poll_interval(Duration::MAX), None),
    ] {
        fake.configure(|settings| settings.retry_after = told);
        let error = create(&client).await;
        assert!(matches!(error, ManagementError::NotFinished { .. }), "{error}");
    }
}

/// A token is never sent to another host: the client fails before it requests one.
#[tokio::test]
async fn nothing_is_sent_to_another_host() {
    let fake = ResourceManager::start().await.unwrap();
    let other = ResourceManager::start().await.unwrap();
    let asked = Arc::new(Mutex::new(0));
    let (count, token) = (Arc::clone(&asked), fake.access_token());
    let tokens = from_fn(move |_| {
        *count.lock().unwrap() += 1;
        std::future::ready(AccessToken::new(token.clone()))
    });
    let http = ReqwestClient::new().unwrap();
    let client = ManagementClient::new(&fake.cloud(), http, tokens).unwrap();
    let client = client.with_poll_interval(Duration::ZERO);
    let id = group("ours").partner_namespace("contoso").unwrap();
    let away = [
        format!("{}/x", other.base_url()),
        fake.base_url().replace("http://", "http://user@") + "/x",
        "https://management.azure.com.example/x".to_owned(),
        "not a url".to_owned(),
    ];
    for url in &away {
        for header in ["azure-asyncoperation", LOCATION.as_str()] {
            fake.inject(response(202, &[(header, url.clone())], &Value::Null));
            let error = client.delete(&id).await.unwrap_err();
            assert!(matches!(error, ManagementError::ForeignUrl { .. }), "{error}");
        }
        fake.inject(response(200, &[], &json!({"value": [], "nextLink": url})));
        let listed = client.list::<PartnerNamespace>(&group("ours"), &ListQuery::default()).await;
        let error = listed.unwrap_err();
        assert!(matches!(error, ManagementError::ForeignUrl { .. }), "{error}");
        // A redirect is not followed either.
        fake.inject(Fault::Redirect { location: url.clone() });
        let error = client.get(&id).await.unwrap_err();
        assert_eq!(error.api().unwrap().status().unwrap(), 307);
    }
    assert!(other.requests().is_empty());
    assert_eq!(fake.requests().len(), 4 * away.len());
    let elsewhere = "https://management.azure.com.example/x";
    fake.inject(response(200, &[], &json!({"nextLink": elsewhere})));
    let listed = client.list::<PartnerNamespace>(&group("ours"), &ListQuery::default()).await;
    assert_eq!(
        listed.unwrap_err().to_string(),
        format!(
            "list: the service returned the URL `{elsewhere}`, which is on another host (nothing was sent there)"
        )
    );
    assert_eq!(*asked.lock().unwrap(), 4 * away.len() + 1);
}

/// No operation follows a redirect.
#[tokio::test]
async fn no_redirect_is_followed() {
    let (fake, client) = scene().await;
    let namespace = namespace(&client).await;
    let hook = ResourceId::at(&group("ours").scope(), "hook").unwrap();
    let topic = group("theirs").partner_topic("contoso").unwrap();
    let written = ArmResource::new(PartnerRegistration::default()).at("global");
    let registration = group("ours").partner_registration("contoso").unwrap();
    let update = Update::of(PartnerRegistration::default());
    let sibling = TcpListener::bind("127.0.0.1:0").unwrap();
    sibling.set_nonblocking(true).unwrap();
    let port = sibling.local_addr().unwrap().port();
    let away = [
        format!("http://127.0.0.1:{port}/x"),
        format!("http://localhost:{port}/x"),
        format!("//127.0.0.1:{port}/x"),
        format!("{}/x", fake.base_url()),
        "/x".to_owned(),
    ];
    for (status, url) in [300, 301, 302, 303, 307, 308]
        .into_iter()
        .flat_map(|status| away.iter().map(move |url| (status, url)))
    {
        let before = fake.requests().len();
        let redirect = || {
            let location = [(LOCATION.as_str(), url.clone())];
            fake.inject(response(status, &location, &Value::Null));
        };
        let mut errors = Vec::new();
        redirect();
        errors.push(client.get(&namespace).await.unwrap_err());
        redirect();
        let made = client.create_or_update(&registration, &written).await;
        errors.push(made.unwrap_err());
        redirect();
        errors.push(client.update(&registration, &update).await.unwrap_err());
        redirect();
        errors.push(client.delete(&registration).await.unwrap_err());
        redirect();
        errors.push(client.keys(&namespace).await.unwrap_err());
        redirect();
        let renewed = client.regenerate_key(&namespace, KeyName::Key1).await;
        errors.push(renewed.unwrap_err());
        redirect();
        let url = client.full_url::<EventSubscription>(&hook).await;
        errors.push(url.unwrap_err());
        redirect();
        errors.push(client.activate(&topic).await.unwrap_err());
        redirect();
        let (ours, all) = (group("ours"), ListQuery::default());
        let listed = client.list::<PartnerTopic>(&ours, &all).await;
        errors.push(listed.unwrap_err());
        // While polling.
        let operation = format!("{}/operation", fake.base_url());
        for header in ["azure-asyncoperation", LOCATION.as_str()] {
            fake.inject(response(202, &[(header, operation.clone())], &Value::Null));
            redirect();
            errors.push(client.delete(&namespace).await.unwrap_err());
        }
        assert_eq!(fake.requests().len() - before, errors.len() + 2);
        for error in errors {
            let api = error.api().unwrap();
            assert_eq!(api.status().unwrap(), status);
            assert!(matches!(api.cause(), ApiErrorCause::Refused { .. }));
            let text = error.to_string();
            assert!(text.contains("(redirects are not followed"), "{text}");
            assert!(!error.is_transient(), "{text}");
        }
    }
    let connection = sibling.accept().map(drop).map_err(|error| error.kind());
    assert_eq!(connection, Err(ErrorKind::WouldBlock));
}

/// An HTTP client that records URLs, and responds with a running deletion, then with a finished one.
#[derive(Clone, Debug, Default)]
struct Noted(Arc<Mutex<Vec<String>>>);

impl HttpClient for Noted {
    fn send(
        &self,
        request: Request<Bytes>,
        _: Limits,
    ) -> BoxFuture<'_, Result<Response<Bytes>, HttpClientError>> {
        self.0.lock().unwrap().push(request.uri().to_string());
        let response = match *request.method() {
            Method::DELETE => Response::builder().status(202).header(
                "Azure-AsyncOperation",
                "https://MANAGEMENT.azure.com:443/subscriptions/s/operationsStatus/ABC?api-version=x",
            ),
            _ => Response::builder().status(200),
        };
        let body = Bytes::from_static(br#"{"id":"x","name":"abc","status":"succeeded"}"#);
        Box::pin(std::future::ready(Ok(response.body(body).unwrap())))
    }
}

#[tokio::test]
async fn an_operation_url_names_the_port_of_its_scheme() {
    let noted = Noted::default();
    let tokens = AccessToken::new("token").unwrap();
    let client = ManagementClient::new(&Cloud::Global, noted.clone(), tokens).unwrap();
    let client = client.with_poll_interval(Duration::ZERO);
    let id = group("ours").partner_topic("contoso").unwrap();
    assert!(client.delete(&id).await.unwrap());
    let noted = noted.0.lock().unwrap();
    assert_eq!(
        noted[1],
        "https://management.azure.com/subscriptions/s/operationsStatus/ABC?api-version=x"
    );
    assert_eq!(noted.len(), 2);
}

#[tokio::test]
async fn errors_have_all_that_the_service_says() {
    let (fake, client) = scene().await;
    let id = group("ours").partner_namespace("contoso").unwrap();
    let body = json!({"error": {"code": "AuthorizationFailed", "message": "The client has no authorization.", "target": "t", "details": [{"code": "Inner", "message": "Why"}], "additionalInfo": [{"type": "PolicyViolation", "info": {}}]}});
    let request_id = [("x-ms-request-id", "their-id".to_owned())];
    fake.inject(response(403, &request_id, &body));
    let error = client.get(&id).await.unwrap_err();
    assert!(!error.is_transient());
    let api = error.api().unwrap();
    assert_eq!(api.code().unwrap().to_string(), "AuthorizationFailed");
    let why = api.details()[0].message.as_ref().unwrap();
    assert_eq!(why.to_string(), "Why");
    assert_eq!(api.request_id_received().unwrap().to_string(), "their-id");

    let body = ErrorBody::OData {
        code: "MissingSubscriptionRegistration".to_owned(),
        message: "Not registered.".to_owned(),
    };
    fake.inject(Fault::status(409, &body));
    let error = client.delete(&id).await.unwrap_err().to_string();
    assert!(
        error.contains("(register the provider Microsoft.EventGrid in the subscription)"),
        "{error}"
    );

    // Transient failures are retried, but a key is never regenerated twice.
    for fault in [
        Fault::Drop,
        Fault::status(503, &ErrorBody::Empty),
        Fault::Throttle { retry_after: Some("0".to_owned()) },
    ] {
        fake.inject(fault);
    }
    assert_eq!(client.get(&id).await.unwrap(), None);
    let before = fake.requests().len();
    fake.inject(Fault::status(503, &ErrorBody::Empty));
    client.regenerate_key(&id, KeyName::Key2).await.unwrap_err();
    assert_eq!(fake.requests().len() - before, 1);
    let before = fake.requests().len();
    let again = [(RETRY_AFTER.as_str(), "0".to_owned())];
    fake.inject(response(429, &again, &Value::Null));
    client.keys(&id).await.unwrap_err();
    assert_eq!(fake.requests().len() - before, 2);

    // A resource that the service would refuse or misread is not sent.
    let before = fake.requests().len();
    let none = ArmResource::new(PartnerNamespace::default()).at("westeurope");
    let error = client.create_or_update(&id, &none).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "`partnerTopicRoutingMode` is not set (expected `ChannelNameHeader` or `SourceEventAttribute`)"
    );
    let mut channel = Channel::default();
    channel.message_for_activation = Some("ä".repeat(257));
    let to = id.channel("customer").unwrap();
    let channel = ArmResource::new(channel);
    let error = client.create_or_update(&to, &channel).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the activation message has 257 characters (expected at most 256)"
    );
    assert_eq!(fake.requests().len(), before);
    let missing = client.modify(&id, |_| {}).await.unwrap_err();
    assert_eq!(missing.to_string(), format!("modify: {id} does not exist"));
}
