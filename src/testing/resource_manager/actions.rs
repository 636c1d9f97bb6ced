//! Actions on resources: `POST` to a path with an action after the resource.
//!
//! | resource | actions |
//! |---|---|
//! | namespace | `listKeys`, `regenerateKey` |
//! | topic, destination | `activate`, which activates the channel too; a topic also `deactivate` |
//! | configuration | `authorizePartner`, `unauthorizePartner` |
//! | event subscription | `getDeliveryAttributes`, `getFullUrl` |

use serde_json::{Map, Value, json};
use time::{Duration, OffsetDateTime};

use super::resources::{Stored, new_key};
use super::route::Route;
use super::state::{Outcome, State, not_found, refusal};
use super::writes::utc;
use crate::testing::loopback::request::RecordedRequest;
use crate::testing::loopback::response::{Refusal, ok};

impl State {
    /// Runs the action at the end of the path.
    pub(super) fn act(&mut self, route: Route, request: &RecordedRequest) -> Outcome {
        let (route, action) = route.split_action();
        let (id, now) = (route.id(), self.base.clock.now());
        let body = request.json().unwrap_or_default();
        let stored = self.resources.get_mut(&id);
        let stored = stored.ok_or_else(|| not_found(&route))?;
        match (route.kind().as_str(), action.as_str()) {
            ("partnernamespaces", "listKeys") => Ok(ok(&keys(stored))),
            ("partnernamespaces", "regenerateKey") => {
                let [key1, key2] = &mut stored.keys;
                match body.get("keyName").and_then(Value::as_str) {
                    Some("key1") => *key1 = new_key(),
                    Some("key2") => *key2 = new_key(),
                    _ => return Err(invalid("The key name must be key1 or key2.")),
                }
                Ok(ok(&keys(stored)))
            }
            ("partnertopics" | "partnerdestinations", "activate") => {
                activate(stored, "activationState");
                let response = ok(&stored.value);
                if let Some(channel) = self.resources.channel_of(&id) {
                    activate(channel, "readinessState");
                }
                Ok(response)
            }
            ("partnertopics", "deactivate") => {
                stored.set("activationState", "Deactivated");
                Ok(ok(&stored.value))
            }
            ("partnerconfigurations", "authorizePartner") => {
                authorize(stored, body, now)?;
                Ok(ok(&stored.value))
            }
            ("partnerconfigurations", "unauthorizePartner") => {
                if let Some(partners) = partners(stored) {
                    partners.retain(|partner| !is_same(partner, &body));
                }
                Ok(ok(&stored.value))
            }
            (kind, "getDeliveryAttributes") if kind.ends_with("eventsubscriptions") => {
                Ok(ok(&json!({"value": stored.attributes})))
            }
            (_, "getFullUrl") => Ok(ok(&json!({"endpointUrl": stored.full_url}))),
            _ => Err(refusal(404, "InvalidResourceType", "The action could not be found.")),
        }
    }
}

/// Both keys of a namespace.
fn keys(stored: &Stored) -> Value {
    let [key1, key2] = &stored.keys;
    json!({"key1": key1, "key2": key2})
}

/// As recorded: an activated resource has neither the message nor the expiration time.
fn activate(stored: &mut Stored, state: &str) {
    stored.set(state, "Activated");
    if let Some(properties) = stored.properties() {
        properties.remove("messageForActivation");
        properties.remove("expirationTimeIfNotActivatedUtc");
    }
}

/// The `partnerAuthorization` of a configuration.
fn authorization(stored: &mut Stored) -> Option<&mut Map<String, Value>> {
    stored.properties()?.get_mut("partnerAuthorization")?.as_object_mut()
}

/// The authorized partners of a configuration.
fn partners(stored: &mut Stored) -> Option<&mut Vec<Value>> {
    let list = authorization(stored)?.entry("authorizedPartnersList");
    list.or_insert_with(|| json!([])).as_array_mut()
}

/// As recorded: a repeated call renews the expiration.
fn authorize(stored: &mut Stored, mut partner: Value, now: OffsetDateTime) -> Result<(), Refusal> {
    let days = authorization(stored)
        .and_then(|authorization| authorization.get("defaultMaximumExpirationTimeInDays"))
        .and_then(Value::as_i64);
    let expires = now.checked_add(Duration::days(days.unwrap_or(7)));
    let expires = utc(expires.unwrap_or(now));
    let Some(members) = partner.as_object_mut() else {
        return Err(invalid("There is no partner in the request."));
    };
    for name in ["partnerRegistrationImmutableId", "partnerName"] {
        members.entry(name).or_insert(Value::Null);
    }
    members.entry("authorizationExpirationTimeInUtc").or_insert_with(|| expires.into());
    if let Some(partners) = partners(stored) {
        partners.retain(|other| !is_same(other, &partner));
        partners.push(partner);
    }
    Ok(())
}

/// Whether both are the same partner: by the immutable id or by the name.
fn is_same(one: &Value, other: &Value) -> bool {
    let same = |name: &str| {
        let part = one.get(name).filter(|part| !part.is_null());
        part.is_some() && part == other.get(name)
    };
    same("partnerRegistrationImmutableId") || same("partnerName")
}

fn invalid(message: &str) -> Refusal {
    refusal(400, "InvalidRequest", message)
}
