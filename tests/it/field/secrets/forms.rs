//! What is serialized: only what is sent, and secrets nowhere but in the members that are made for them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use partner_center_webhooks::event::Event;
use partner_center_webhooks::event_grid::manage::{
    ArmResource, ManagementClient, NamespaceKeys, PartnerNamespace, ResourceId, Secret, Update,
};
use partner_center_webhooks::event_grid::receive::{
    ConfirmationUrl, EntraTokens, GridEvent, WebhookReceiver,
};
use partner_center_webhooks::event_grid::{self, AccessKey, CloudEvent, Publisher, SasToken};
use partner_center_webhooks::registration::{Registration, RegistrationClient};
use partner_center_webhooks::resources::ResourceClient;
use partner_center_webhooks::token::{
    self, AccessToken, Application, ClientCredentials, RefreshToken, SecretString,
};
use partner_center_webhooks::{Received, Receiver, duplicates};
use serde_json::{Value, json as value};

use super::clients::subscription;
use super::{DATA, HOOK_HEADER, SECRET, registration, secrets};

/// Compiles only if the types lack the trait: with it, two impls would fit the path.
macro_rules! lack {
    ($trait:path: $($type:ty),+ $(,)?) => {$(
        const _: fn() = || {
            trait Lacks<Marker> {
                fn lacks() {}
            }
            struct Has;
            impl<T: ?Sized> Lacks<()> for T {}
            impl<T: ?Sized + $trait> Lacks<Has> for T {}
            <$type as Lacks<_>>::lacks();
        };
    )+};
}

lack!(serde::Serialize:
    AccessKey, AccessToken, Application, ClientCredentials, ConfirmationUrl, EntraTokens, GridEvent,
    ManagementClient, NamespaceKeys, Publisher, Received<Vec<u8>>, Receiver, RefreshToken, RegistrationClient,
    ResourceClient, SasToken, Secret, SecretString, WebhookReceiver, duplicates::Attempt,
    event_grid::Credential, token::Credential, token::TokenError,
);
lack!(std::fmt::Display:
    AccessKey, AccessToken, Application, ClientCredentials, ConfirmationUrl, EntraTokens, GridEvent, CloudEvent, Event,
    ManagementClient, NamespaceKeys, Publisher, Received<Vec<u8>>, Receiver, RefreshToken, Registration,
    RegistrationClient, ResourceClient, SasToken, Secret, SecretString, WebhookReceiver,
    event_grid::Credential, token::Credential,
);

/// The macro tells types with a trait from those without: this has it.
#[test]
fn an_id_is_displayed() {
    fn shows<T: std::fmt::Display>() {}
    shows::<ResourceId<PartnerNamespace>>();
}

/// The places, as JSON pointers, of texts that hold a secret.
fn places(json: &Value, at: &str, secrets: &[String], found: &mut Vec<String>) {
    let is_secret = |text: &str| secrets.iter().any(|secret| text.contains(secret));
    match json {
        Value::Array(values) => {
            for (index, value) in values.iter().enumerate() {
                places(value, &format!("{at}/{index}"), secrets, found);
            }
        }
        Value::Object(members) => {
            for (name, value) in members {
                assert!(!is_secret(name));
                places(value, &format!("{at}/{name}"), secrets, found);
            }
        }
        Value::String(text) if is_secret(text) => found.push(at.to_owned()),
        _ => {}
    }
}

#[test]
fn what_is_serialized_has_secrets_only_where_they_are_sent() {
    let url = format!("https://contoso.example/hook?code={SECRET}");
    let hook = subscription(&url);
    let cloud_event = CloudEvent::new("/contoso", "x").and_then(|event| event.with_json(DATA));
    let event = value!({"EventName": "x", "ResourceUri": url});
    let event = Event::from_slice(event.to_string().as_bytes()).unwrap();
    let json = |value: serde_json::Result<Value>| value.unwrap();
    let properties = "/destination/properties";
    let secrets = secrets();
    for (json, expected) in [
        (json(serde_json::to_value(registration(&url))), vec!["/WebhookUrl".to_owned()]),
        (json(serde_json::to_value(&event)), vec!["/ResourceUri".to_owned()]),
        (json(serde_json::to_value(event.name())), vec![]),
        (json(serde_json::to_value(cloud_event.unwrap())), vec!["/data".to_owned()]),
        (
            json(serde_json::to_value(&hook)),
            vec![
                format!("{properties}/deliveryAttributeMappings/0/properties/value"),
                format!("{properties}/endpointUrl"),
            ],
        ),
        (
            json(serde_json::to_value(Update::of(hook.clone()))),
            vec![
                format!("/properties{properties}/deliveryAttributeMappings/0/properties/value"),
                format!("/properties{properties}/endpointUrl"),
            ],
        ),
    ] {
        let mut found = Vec::new();
        places(&json, "", &secrets, &mut found);
        assert_eq!(found, expected, "{json}");
    }
    // What the service answers is read, and shown without secrets, but cannot be written.
    let shown = format!("{:?} {:?}", ArmResource::new(hook.clone()), hook);
    assert!(!shown.contains(SECRET) && !shown.contains(HOOK_HEADER), "{shown}");
}

/// Whoever makes a type serializable says above what of it is secret.
#[test]
fn the_types_that_can_be_serialized() {
    let mut found = BTreeSet::new();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    collect(&source, &mut found);
    let expected = [
        "CloudEvent", // what is published
        "Event",      // as it came
        "EventName",
        "Registration", // what is sent
        "Unchecked",    // of a CloudEvent
        "Update",       // what is sent
        "models!",      // what is sent, and read
    ];
    assert_eq!(found, expected.map(str::to_owned).into());
}

fn collect(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true if path.ends_with("testing") => {}
            true => collect(&path, found),
            false => found.extend(serializable(&fs::read_to_string(&path).unwrap())),
        }
    }
}

/// The types of a file with an implementation of `Serialize`, derived or not.
fn serializable(source: &str) -> Vec<String> {
    let name = |text: &str| -> String {
        let is_in_name = |it: &char| it.is_alphanumeric() || *it == '$';
        text.trim_start().chars().take_while(is_in_name).collect()
    };
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        if let Some((_, of)) = line.split_once("Serialize for ") {
            found.push(name(of));
        }
        if line.starts_with("#[derive(") && line.contains("Serialize") {
            let of = lines[index..].iter().find_map(|line| {
                let kinds = ["struct ", "enum "];
                kinds.iter().find_map(|kind| Some(line.split_once(kind)?.1))
            });
            let of = name(of.unwrap());
            found.push(if of == "$name" { "models!".to_owned() } else { of });
        }
    }
    found
}
