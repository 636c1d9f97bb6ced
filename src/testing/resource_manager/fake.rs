//! [`ResourceManager`].

use std::io;

use serde_json::Value;

use super::resources::Stored;
use super::settings::Settings;
use super::state::State;
use crate::cloud::{Cloud, CloudProfile};
use crate::testing::loopback::server::{Server, shared_methods};

/// An Azure Resource Manager on a port of 127.0.0.1. It stops when it is dropped.
///
/// # Example: an operation that takes three polls, and then fails
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use partner_center_webhooks::testing::ResourceManager;
/// use serde_json::json;
///
/// let fake = ResourceManager::start().await?;
/// fake.configure(|settings| {
///     settings.polls = 3;
///     settings.failure = Some(json!({"code": "Conflict", "message": "The namespace is in use."}));
/// });
///
/// let id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.EventGrid/partnerTopics/orders";
/// fake.put_resource(id, json!({"name": "orders", "properties": {"activationState": "Activated"}}));
/// let stored = fake.resource(&id.to_uppercase()).expect("ids are compared in any case");
/// assert_eq!(stored["properties"]["activationState"], "Activated");
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ResourceManager {
    server: Server<State>,
}

impl ResourceManager {
    /// Starts a fake on a free port. Must be called within a tokio runtime with I/O and time enabled.
    ///
    /// # Errors
    ///
    /// If the port cannot be bound.
    pub async fn start() -> io::Result<Self> {
        let server = Server::start(State::new()).await?;
        Ok(Self { server })
    }

    /// The cloud to configure a client with.
    pub fn cloud(&self) -> Cloud {
        let mut profile = CloudProfile::new(self.base_url(), self.base_url());
        profile.management_base = self.base_url().to_owned();
        profile.danger_plain_http_on_loopback = true;
        Cloud::Custom(profile)
    }

    /// The only access token that is accepted.
    pub fn access_token(&self) -> String {
        self.server.state().token.clone()
    }

    /// The current state of a resource, by its id in any case.
    pub fn resource(&self, id: &str) -> Option<Value> {
        let state = self.server.state();
        state.resources.get(id).map(|stored| stored.value.clone())
    }

    /// Stores a resource unchecked, for example one that only the service creates.
    pub fn put_resource(&self, id: &str, resource: Value) {
        let mut state = self.server.state();
        state.resources.put(id, Stored::of(resource));
    }
}

shared_methods!(ResourceManager, settings: Settings);
