//! Creating, changing and deleting resources, and the properties that the service adds.
//!
//! | type | `PUT` | `PATCH` | `DELETE` |
//! |---|---|---|---|
//! | namespace, event subscription | 201, long-running | 200; event subscriptions 201, long-running | 202, long-running |
//! | registration, configuration | 200 | 200 | 200 |
//! | all others | 200 | 200 | 202, long-running |
//!
//! A resource that does not exist is deleted with 204. A new channel creates its mirror, the topic or destination in the
//! customer's subscription, which is deleted with it.

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::{Map, Value, json};
use time::{Duration, OffsetDateTime};

use super::resources::Stored;
use super::route::Route;
use super::state::{Outcome, State, not_found, refusal};
use crate::testing::loopback::response::{ErrorBody, Refusal, date_time, guid, ok};

impl State {
    /// Creates or replaces a resource. Keys and the full URL survive a replacement, because responses omit them.
    pub(super) fn put(&mut self, route: &Route, body: &Value) -> Outcome {
        let (kind, id) = (route.kind(), route.id());
        let existing = self.resources.get(&id).cloned();
        let mut stored = envelope(route, body)?;
        if let Some(existing) = &existing {
            (stored.keys, stored.full_url) = (existing.keys.clone(), existing.full_url.clone());
        }
        stored.set("provisioningState", "Succeeded");
        match kind.as_str() {
            "partnerregistrations" => {
                let name = "partnerRegistrationImmutableId";
                let old = existing.as_ref().and_then(|old| property(old, name));
                stored.set(name, old.unwrap_or_else(|| guid().to_string().into()));
            }
            "partnerconfigurations" => complete(
                &mut stored,
                &json!({"partnerAuthorization": {
                    "defaultMaximumExpirationTimeInDays": 7,
                    "authorizedPartnersList": [],
                }}),
            ),
            "partnernamespaces" => {
                complete(
                    &mut stored,
                    &json!({
                        "privateEndpointConnections": null,
                        "publicNetworkAccess": "Enabled",
                        "inboundIpRules": null,
                        "disableLocalAuth": false,
                        // The API's default.
                        "partnerTopicRoutingMode": "SourceEventAttribute",
                    }),
                );
                stored.set("endpoint", Value::Null);
            }
            "partnernamespaces/channels" => self.channel(route, &mut stored, existing.as_ref())?,
            kind if kind.ends_with("eventsubscriptions") => subscription(route, &mut stored),
            _ => {}
        }
        match is_slow(&kind) {
            true => Ok(self.put_slowly(route, stored, existing.is_some())),
            false => {
                let response = ok(&stored.value);
                self.resources.put(&id, stored);
                Ok(response)
            }
        }
    }

    /// As recorded: 201, the state, and the URL of the operation.
    fn put_slowly(&mut self, route: &Route, mut stored: Stored, exists: bool) -> Response<Bytes> {
        let state = if exists { "Updating" } else { "Creating" };
        stored.set("provisioningState", state);
        let mut shown = stored.value.clone();
        if route.kind() == "partnertopics/eventsubscriptions"
            && let Some(members) = shown.as_object_mut()
        {
            // As recorded: only later responses have its own type.
            let type_ = "Microsoft.EventGrid/systemTopics/eventSubscriptions";
            members.insert("type".to_owned(), type_.into());
        }
        self.resources.put(&route.id(), stored);
        let mut response = ok(&shown);
        *response.status_mut() = StatusCode::CREATED;
        self.begin(route, false, response)
    }

    /// Adds the properties of a channel, and creates its mirror unless it is activated already.
    fn channel(
        &mut self,
        route: &Route,
        stored: &mut Stored,
        existing: Option<&Stored>,
    ) -> Result<(), Refusal> {
        let namespace = route.parent().unwrap_or_default();
        let Some(namespace) = self.resources.get(&namespace).cloned() else {
            let message = "Can not perform requested operation on nested resource. Parent resource was not found.";
            return Err(refusal(404, "ParentResourceNotFound", message));
        };
        let message = property(stored, "messageForActivation");
        let message = message.as_ref().and_then(Value::as_str);
        if message.is_some_and(|message| message.chars().count() > 256) {
            let message = "The value of MessageForActivation exceeds the limit of 256 characters.";
            return Err(refusal(400, "InvalidRequest", message));
        }
        if existing.is_some_and(|old| old.text("/properties/readinessState") == "Activated") {
            stored.set("readinessState", "Activated");
            return Ok(());
        }
        let now = self.base.clock.now();
        let expires = now.checked_add(Duration::days(7)).unwrap_or(now);
        complete(
            stored,
            &json!({
                "expirationTimeIfNotActivatedUtc": utc(expires),
                "messageForActivation": DEFAULT_MESSAGE.repeat(3),
            }),
        );
        stored.set("readinessState", "NeverActivated");
        self.create_mirror(route, stored, &namespace);
        Ok(())
    }

    /// Creates the customer's topic or destination.
    fn create_mirror(&mut self, route: &Route, channel: &Stored, namespace: &Stored) {
        let registration = namespace.text("/properties/partnerRegistrationFullyQualifiedId");
        let registration = self.resources.get(registration);
        let registration =
            registration.and_then(|stored| property(stored, "partnerRegistrationImmutableId"));
        let is_topic = channel.text("/properties/channelType") != "PartnerDestination";
        let (kind, info) = match is_topic {
            true => ("partnerTopics", "partnerTopicInfo"),
            false => ("partnerDestinations", "partnerDestinationInfo"),
        };
        let info = property(channel, info).unwrap_or_default();
        let part = |name: &str| info.get(name).and_then(Value::as_str).unwrap_or_default();
        let id = format!(
            "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.EventGrid/{kind}/{}",
            part("azureSubscriptionId"),
            part("resourceGroupName"),
            part("name"),
        );
        let endpoint = info.pointer("/properties/endpointUrl").and_then(Value::as_str);
        let mut properties = json!({
            "partnerRegistrationImmutableId": registration,
            "expirationTimeIfNotActivatedUtc": property(channel, "expirationTimeIfNotActivatedUtc"),
            "messageForActivation": property(channel, "messageForActivation"),
            "activationState": "NeverActivated",
            "provisioningState": "Succeeded",
        });
        let specific = match is_topic {
            true => json!({
                "source": info.get("source"),
                "eventTypeInfo": info.get("eventTypeInfo"),
                "partnerTopicFriendlyDescription": null,
            }),
            false => json!({
                "endpointServiceContext": info.get("endpointServiceContext"),
                "endpointBaseUrl": endpoint.map(without_query),
            }),
        };
        merge(&mut properties, &specific);
        let mut stored = Stored::of(json!({
            "id": id,
            "name": part("name"),
            "type": format!("Microsoft.EventGrid/{kind}"),
            "location": namespace.value.get("location"),
            "tags": null,
            "identity": null,
            "systemData": null,
            "properties": properties,
        }));
        stored.full_url = endpoint.map(Value::from);
        self.resources.put(&id, stored);
        self.resources.mirror(&id, &route.id());
    }

    /// Merges `body` into a resource.
    pub(super) fn patch(&mut self, route: &Route, body: &Value) -> Outcome {
        let stored = self.resources.get_mut(&route.id());
        let stored = stored.ok_or_else(|| not_found(route))?;
        let kind = route.kind();
        if kind.ends_with("eventsubscriptions") {
            // As recorded: the update is flat.
            if body.get("properties").is_some() {
                return Err(refusal(400, "InvalidRequest", "The update has no properties."));
            }
            if let Some(properties) = stored.value.get_mut("properties") {
                merge(properties, body);
            }
            let mut stored = stored.clone();
            let attributes = stored.attributes.clone();
            subscription(route, &mut stored);
            if body.get("destination").is_none() {
                stored.attributes = attributes;
            }
            return Ok(self.put_slowly(route, stored, true));
        }
        let authorization = "/properties/partnerAuthorization";
        match (body.get("properties"), stored.value.pointer_mut(authorization)) {
            (Some(properties), Some(authorization)) => merge(authorization, properties),
            _ => merge(&mut stored.value, body),
        }
        Ok(ok(&stored.value))
    }

    /// As recorded. There is no recording for a channel whose topic still exists; it is assumed to behave like the others.
    pub(super) fn delete(&mut self, route: &Route) -> Outcome {
        let id = route.id();
        let Some(stored) = self.resources.get_mut(&id) else {
            return Ok(ErrorBody::Empty.response(204));
        };
        if matches!(route.kind().as_str(), "partnerregistrations" | "partnerconfigurations") {
            self.resources.remove(&id);
            return Ok(ErrorBody::Empty.response(200));
        }
        stored.set("provisioningState", "Deleting");
        Ok(self.begin(route, true, ErrorBody::Empty.response(202)))
    }
}

/// Whether writes of this type are long-running operations.
fn is_slow(kind: &str) -> bool {
    kind == "partnernamespaces" || kind.ends_with("eventsubscriptions")
}

/// The members that all resources have, from the path and the body.
fn envelope(route: &Route, body: &Value) -> Result<Stored, Refusal> {
    let kind = route.kind();
    let has_location = !kind.contains('/') && !kind.ends_with("eventsubscriptions");
    let location = body.get("location");
    // The configuration's location is `global` and may be omitted.
    if has_location && location.is_none() && kind != "partnerconfigurations" {
        let message = "The location property is required for this definition.";
        return Err(refusal(400, "LocationRequired", message));
    }
    let mut value = json!({
        "id": route.id(),
        "name": route.name(),
        "type": format!("Microsoft.EventGrid/{}", route.types().join("/")),
        "systemData": null,
        "properties": body.get("properties").cloned().unwrap_or_else(|| json!({})),
    });
    if has_location {
        let location = location.cloned().unwrap_or_else(|| "global".into());
        merge(&mut value, &json!({"location": location, "tags": body.get("tags")}));
    }
    Ok(Stored::of(value))
}

/// Adds the defaults of an event subscription.
fn subscription(route: &Route, stored: &mut Stored) {
    let schema = match route.kind().as_str() {
        "partnertopics/eventsubscriptions" => "CloudEventSchemaV1_0",
        _ => "EventGridSchema",
    };
    let topic = route.parent().unwrap_or_else(|| route.scope.clone());
    complete(
        stored,
        &json!({
            "labels": null,
            "eventDeliverySchema": schema,
            "filter": {"subjectBeginsWith": "", "subjectEndsWith": "", "includedEventTypes": null},
            "retryPolicy": {"maxDeliveryAttempts": 30, "eventTimeToLiveInMinutes": 1440},
        }),
    );
    // As recorded.
    stored.set("topic", topic.to_ascii_lowercase());
    let properties = stored.value.pointer_mut("/properties/destination/properties");
    let Some(properties) = properties.and_then(Value::as_object_mut) else {
        return;
    };
    if let Some(shown) = properties.get_mut("deliveryAttributeMappings")
        && let Some(shown) = shown.as_array_mut()
    {
        stored.attributes.clone_from(shown);
        for attribute in shown {
            hide(attribute);
        }
    }
    if let Some(url) = properties.remove("endpointUrl") {
        let base = without_query(url.as_str().unwrap_or_default());
        properties.insert("endpointBaseUrl".to_owned(), base.into());
        stored.full_url = Some(url);
    }
}

/// Hides a secret. The placeholder is not documented.
fn hide(attribute: &mut Value) {
    let properties = attribute.get_mut("properties");
    if let Some(properties) = properties.and_then(Value::as_object_mut)
        && properties.get("isSecret") == Some(&Value::Bool(true))
    {
        properties.insert("value".to_owned(), Value::Null);
    }
}

/// A property that is neither missing nor null.
fn property(stored: &Stored, name: &str) -> Option<Value> {
    let value = stored.value.get("properties")?.get(name)?;
    Some(value.clone()).filter(|value| !value.is_null())
}

/// Adds missing properties.
fn complete(stored: &mut Stored, defaults: &Value) {
    let mut completed = defaults.clone();
    let given = stored.value.get("properties").cloned().unwrap_or_default();
    merge(&mut completed, &given);
    if let Some(members) = stored.value.as_object_mut() {
        members.insert("properties".to_owned(), completed);
    }
}

/// RFC 7396, except that null is a value, because the service returns it.
fn merge(target: &mut Value, patch: &Value) {
    match (target, patch) {
        (Value::Object(members), Value::Object(changes)) => merge_members(members, changes),
        (target, patch) => *target = patch.clone(),
    }
}

/// Merges each member, adding those that are missing.
fn merge_members(members: &mut Map<String, Value>, changes: &Map<String, Value>) {
    for (name, change) in changes {
        merge(members.entry(name).or_insert(Value::Null), change);
    }
}

/// A URL as responses show it: the query may contain a secret.
fn without_query(url: &str) -> &str {
    url.split_once('?').map_or(url, |(base, _)| base)
}

/// A time in UTC with seven fractional digits, as the service writes it.
pub(super) fn utc(at: OffsetDateTime) -> String {
    date_time(at, 7) + "Z"
}

/// One third of the message that the service writes into a channel without one; the whole is longer than it accepts. The
/// wording is ours.
const DEFAULT_MESSAGE: &str = "This channel was created by a partner, who left no message. Please get in touch with the partner before you activate it. ";
