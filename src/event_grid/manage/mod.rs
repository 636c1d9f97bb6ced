//! Manages the resources of Event Grid: creates, reads, updates, activates and deletes them.
//!
//! [`ManagementClient`] calls Azure Resource Manager. It reads and writes an [`ArmResource`] of some [`ResourceType`] at a
//! [`ResourceId`], and waits for long-running operations.
//!
//! A partner has one registration, a namespace in each region, and a channel for each customer. The customer authorizes the
//! partner, and activates the topic that the channel creates: [`activation`](super::activation) reports when.
//!
//! | resource | owner | created by | where |
//! |---|---|---|---|
//! | [`PartnerRegistration`] | the partner | [`create_or_update`](ManagementClient::create_or_update), once | `global` |
//! | [`PartnerNamespace`] | the partner | `create_or_update`, one in each region | the region of its channels |
//! | [`Channel`] | the partner | `create_or_update`, one for each customer | in a namespace |
//! | [`PartnerConfiguration`] | the customer | `create_or_update`, then [`authorize_partner`](ManagementClient::authorize_partner) | `global`, one in each resource group |
//! | [`PartnerTopic`] | the customer | the channel; then [`activate`](ManagementClient::activate) | the region of the channel |
//! | [`PartnerDestination`] | the customer | a channel in the other direction; then `activate` | preview versions only |
//! | [`EventSubscription`] | either | `create_or_update`, on a topic or any scope | with its topic |
//! | [`SystemTopic`] | either | `create_or_update` | the region of its source |
//!
//! Deleting a channel deletes its topic, and the reverse.
//!
//! # Names, ids and secrets
//!
//! An id is built from checked names or parsed, so it cannot change the rest of a URL. Ids ignore ASCII case. Models are open:
//! a member that this version does not know is kept and written back. Keys and webhook URLs are [`Secret`]s: `Debug` does not
//! show them, and they are redacted from errors, which quote the service's responses.
//!
//! # Waiting
//!
//! The service accepts some changes first and finishes them later. The client polls until it has finished, every 10 s for 15
//! minutes by default, and reports [`ManagementError::NotFinished`] with the last state after that. Dropping the future stops
//! the waiting, not the change.
//!
//! # Example
//!
//! ```no_run
//! # use partner_center_webhooks::token::TokenProvider;
//! # async fn example(tokens: impl TokenProvider + 'static) -> Result<(), Box<dyn std::error::Error>> {
//! use partner_center_webhooks::cloud::Cloud;
//! use partner_center_webhooks::event_grid::manage::{
//!     ArmResource, Channel, ManagementClient, PartnerNamespace, ResourceGroup, RoutingMode, SubscriptionId,
//! };
//! use partner_center_webhooks::http_client::ReqwestClient;
//!
//! let client = ManagementClient::new(&Cloud::Global, ReqwestClient::new()?, tokens)?;
//! let ours = ResourceGroup::new(SubscriptionId::new("00000000-0000-0000-0000-000000000001")?, "events")?;
//! let theirs = ResourceGroup::new(SubscriptionId::new("00000000-0000-0000-0000-000000000002")?, "from-contoso")?;
//!
//! let id = ours.partner_namespace("contoso-west")?;
//! let registration = ours.partner_registration("contoso")?;
//! let namespace = PartnerNamespace::new(&registration, RoutingMode::ChannelNameHeader);
//! let namespace = client.create_or_update(&id, &ArmResource::new(namespace).at("westeurope")).await?;
//! println!("publish to {:?}", namespace.properties.endpoint);
//!
//! let channel = Channel::to_topic(&theirs, "contoso", "contoso/customers/7");
//! client.create_or_update(&id.channel("customer-7")?, &ArmResource::new(channel)).await?;
//! # Ok(()) }
//! ```

mod actions;
mod catalog;
mod client;
mod enums;
mod error;
mod hierarchy;
mod list;
mod model;
mod operation;
mod resource;
mod resource_id;
mod resource_type;
mod scope;
mod secret;
mod service;
mod webhook_url;

pub use actions::{KeyName, NamespaceKeys};
pub use client::ManagementClient;
pub use enums::{
    ActivationState, ChannelType, EventDeliverySchema, ProvisioningState, ReadinessState,
    RoutingMode,
};
pub use error::{InvalidResource, ManagementError, OperationFailure};
pub use list::ListQuery;
pub use model::{
    Channel, DeliveryAttribute, DeliveryAttributeValue, DeliveryRetries, DeliveryWithIdentity,
    Endpoint, EndpointProperties, EventSubscription, EventTypeInfo, Filter, Partner,
    PartnerAuthorization, PartnerConfiguration, PartnerConfigurationUpdate, PartnerDestination,
    PartnerDestinationInfo, PartnerNamespace, PartnerRegistration, PartnerTopic, PartnerTopicInfo,
    SystemTopic,
};
pub use resource::{ArmResource, Update};
pub use resource_id::ResourceId;
pub use resource_type::{Activatable, HasEndpointUrl, ListIn, ResourceType};
pub use scope::{NameRule, ResourceGroup, Scope, SubscriptionId};
pub use secret::Secret;
