//! How the client handles each quirk of the service, from a fixture. `tests/vectors/event_grid/management/README.md` has the
//! source of each.

use std::fs;
use std::path::Path;

use http::Response;
use partner_center_webhooks::event_grid::manage::{
    ArmResource, Channel, Endpoint, EventDeliverySchema, EventSubscription, ListQuery,
    PartnerConfiguration, PartnerDestination, PartnerNamespace, PartnerTopic, ProvisioningState,
    ReadinessState, ResourceId, ResourceType,
};
use partner_center_webhooks::testing::resource_manager::Fault;
use serde_json::{Value, json};

use super::manage::{channel, group, namespace, scene};

fn fixture(name: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/event_grid/management");
    let text = fs::read(folder.join(format!("{name}.json"))).unwrap();
    serde_json::from_slice(&text).unwrap()
}

fn read<K: ResourceType>(name: &str) -> ArmResource<K> {
    serde_json::from_value(fixture(name)).unwrap()
}

/// The keys of an object, with those of the properties.
fn names(value: &Value) -> Vec<String> {
    let of = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    [of(value), of(&value["properties"])].concat()
}

#[tokio::test]
async fn q1_activated_channels_have_no_message_and_no_expiry() {
    let before: ArmResource<Channel> = read("q01-channel-before-activation");
    assert!(before.properties.expiration_time_if_not_activated_utc.is_some());
    let after: ArmResource<Channel> = read("q01-channel-after-activation");
    assert_eq!(after.properties.message_for_activation, None);
    assert_eq!(after.properties.expiration_time_if_not_activated_utc, None);
    assert_eq!(after.properties.readiness_state, Some(ReadinessState::Activated));

    // The fake omits the same members.
    let (fake, client) = scene().await;
    let namespace = namespace(&client).await;
    let id = channel(&client, &namespace, "customer-7").await;
    let seen = |name: &str| {
        let mut seen = fixture(name);
        // Members that were not set are absent.
        seen["properties"]["partnerTopicInfo"].as_object_mut().unwrap().remove("eventTypeInfo");
        seen
    };
    let found = fake.resource(id.as_str()).unwrap();
    let mut expected = names(&seen("q01-channel-before-activation"));
    let mut is = names(&found);
    expected.sort();
    is.sort();
    assert_eq!(is, expected);
    let topic: ResourceId<PartnerTopic> = group("theirs").partner_topic("customer-7").unwrap();
    let topic = client.activate(&topic).await.unwrap();
    assert_eq!(topic.properties.message_for_activation, None);
    let found = fake.resource(id.as_str()).unwrap();
    assert_eq!(found["properties"], seen("q01-channel-after-activation")["properties"]);
}

#[tokio::test]
async fn q2_the_services_own_message_is_not_sent_back() {
    let (fake, client) = scene().await;
    let namespace = namespace(&client).await;
    let id = namespace.channel("customer-7").unwrap();
    fake.put_resource(id.as_str(), fixture("q02-channel-with-the-services-message"));
    let changed = client
        .modify(&id, |channel| {
            let info = channel.properties.partner_topic_info.as_mut().unwrap();
            info.source = Some("contoso/customers/8".to_owned());
        })
        .await
        .unwrap();
    assert!(changed.properties.message_for_activation.unwrap().len() > 256);
    let put = fake.requests().pop().unwrap().json().unwrap();
    // Unknown members are sent back; properties that only the service writes are not.
    assert_eq!(
        put,
        json!({"properties": {
            "channelType": "PartnerTopic",
            "partnerTopicInfo": {
                "azureSubscriptionId": "00000000-0000-0000-0000-00000000000a",
                "resourceGroupName": "theirs",
                "name": "customer-7",
                "source": "contoso/customers/8",
            },
            "expirationTimeIfNotActivatedUtc": "2026-11-28T08:00:00.1234567Z",
            "brandNew": {"kept": [1, null]},
        }})
    );

    let mut refusal = Response::new(fixture("q02-refusal").to_string().into());
    *refusal.status_mut() = http::StatusCode::BAD_REQUEST;
    fake.inject(Fault::Status(refusal));
    let error = client.get(&id).await.unwrap_err();
    let code = error.api().unwrap().code().unwrap().to_string();
    assert_eq!(code, "InvalidRequest");
}

#[test]
fn q3_null_reads_as_none() {
    let namespace: ArmResource<PartnerNamespace> = read("q03-namespace-of-nulls");
    let expected = PartnerNamespace::default();
    assert_eq!((namespace.tags, namespace.system_data), (None, None));
    let mut properties = namespace.properties;
    assert_eq!(properties.provisioning_state.take(), Some(ProvisioningState::Creating));
    assert_eq!(properties, expected);

    let configuration: ArmResource<PartnerConfiguration> = read("q03-configuration-of-nulls");
    assert_eq!(configuration.location, None);
    let authorization = configuration.properties.partner_authorization.unwrap();
    assert_eq!(authorization.default_maximum_expiration_time_in_days, None);
    let partners = authorization.authorized_partners_list.unwrap();
    assert_eq!(partners[0].partner_name, None);

    let subscription: ArmResource<EventSubscription> = read("q03-subscription-of-nulls");
    let mut properties = subscription.properties;
    properties.provisioning_state = None;
    assert_eq!(properties, EventSubscription::default());
    let nothing: ArmResource<Channel> =
        serde_json::from_value(json!({"properties": null})).unwrap();
    assert_eq!(nothing, ArmResource::default());
}

#[test]
fn q4_times_have_six_or_seven_digits() {
    let channels: Vec<ArmResource<Channel>> = serde_json::from_value(fixture("q04-times")).unwrap();
    let times: Vec<_> = channels
        .iter()
        .map(|channel| channel.properties.expiration_time_if_not_activated_utc.unwrap())
        .map(|time| (time.unix_timestamp(), time.nanosecond()))
        .collect();
    let second = 1_795_852_800;
    assert_eq!(
        times,
        [(second, 123_456_700), (second, 123_456_000), (second, 123_456_000), (second, 0)]
    );
}

#[tokio::test]
async fn q5_and_q6_subscriptions_of_partner_topics() {
    let first: ArmResource<EventSubscription> = read("q05-subscription-first-answer");
    let later: ArmResource<EventSubscription> = read("q05-subscription-later");
    assert_ne!(first.r#type, later.r#type);
    assert_eq!(first.properties, later.properties);
    let id = ResourceId::<EventSubscription>::parse(later.id.as_deref().unwrap()).unwrap();
    let topic = group("theirs").partner_topic("customer-7").unwrap();
    assert_eq!(id, topic.event_subscription("to-us").unwrap());
    assert!(topic.is(later.properties.topic.as_deref().unwrap()));

    let (fake, client) = scene().await;
    let namespace = namespace(&client).await;
    channel(&client, &namespace, "customer-7").await;
    let mut wanted = EventSubscription::default();
    wanted.destination = Some(Endpoint::webhook("https://fabrikam.example/hook"));
    let made = client.create_or_update(&id, &ArmResource::new(wanted)).await.unwrap();
    let mut requests = fake.requests().into_iter();
    let put = requests.find(|request| request.path().ends_with("/to-us")).unwrap();
    assert_eq!(put.json().unwrap(), fixture("q06-subscription-without-a-schema"));
    assert_eq!(
        made.properties.event_delivery_schema,
        Some(EventDeliverySchema::CloudEventSchemaV1_0)
    );
    assert_eq!(made.r#type, later.r#type);
    assert_eq!(made.properties.topic, later.properties.topic);
}

#[test]
fn q7_an_id_in_the_specification_is_malformed() {
    let channel: ArmResource<Channel> = read("q07-channel-of-the-specification");
    assert_eq!(channel.name.as_deref(), Some("customer-7"));
    assert!(ResourceId::<Channel>::parse(channel.id.as_deref().unwrap()).is_err());
}

#[tokio::test]
async fn q8_old_destinations_lack_an_id() {
    let (fake, client) = scene().await;
    for destination in fixture("q08-destinations-old-and-new")["value"].as_array().unwrap() {
        fake.put_resource(destination["id"].as_str().unwrap(), destination.clone());
    }
    let found: Vec<ArmResource<PartnerDestination>> =
        client.list(&group("theirs"), &ListQuery::default()).await.unwrap();
    let with_id = |resource: &&ArmResource<PartnerDestination>| {
        resource.properties.partner_registration_immutable_id.is_some()
    };
    assert_eq!((found.len(), found.iter().filter(with_id).count()), (2, 1));
}

#[tokio::test]
async fn q9_lists_of_a_subscription_have_no_order() {
    let (fake, client) = scene().await;
    let list = fixture("q09-list-of-a-subscription");
    let answer = Response::builder()
        .header("x-ms-original-request-ids", "one,two")
        .body(list.to_string().into())
        .unwrap();
    fake.inject(Fault::Status(answer));
    let subscription = group("ours").subscription();
    let found: Vec<ArmResource<PartnerNamespace>> =
        client.list(&subscription, &ListQuery::default()).await.unwrap();
    let names: Vec<_> = found.iter().map(|one| one.name.as_deref().unwrap()).collect();
    assert_eq!(names, ["contoso-west", "contoso-east", "another"]);

    // After a write the client reads the resource, not a list.
    namespace(&client).await;
    let last = fake.requests().pop().unwrap();
    assert!(last.path().ends_with("/partnerNamespaces/contoso-west"));
}

#[test]
fn q10_authorizing_again_extends_the_time() {
    let partners = |name: &str| {
        let configuration: ArmResource<PartnerConfiguration> = read(name);
        let authorization = configuration.properties.partner_authorization.unwrap();
        authorization.authorized_partners_list.unwrap()
    };
    let (first, again) = (partners("q10-authorized"), partners("q10-authorized-again"));
    assert_eq!((first.len(), again.len()), (1, 1));
    assert!(
        again[0].authorization_expiration_time_in_utc
            > first[0].authorization_expiration_time_in_utc
    );
    assert!(partners("q10-unauthorized").is_empty());
    // The fake does the same: `management::customers_authorize_partners_until_an_expiry`.
}
