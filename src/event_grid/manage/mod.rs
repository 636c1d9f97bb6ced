//! Manages the resources of Event Grid: creates, reads, updates, activates and deletes them.
//!
//! [`ManagementClient`] calls Azure Resource Manager. It reads and writes an [`ArmResource`] of some [`ResourceType`] at a
//! [`ResourceId`], and waits for long-running operations.
//!
//! A partner has one registration, a namespace in each region, and a channel for each customer. The customer authorizes the
//! partner, and activates the topic that the channel creates: [`activation`](super::activation) reports when.
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
pub use client::{ManagementClient, Polling};
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
pub use resource_type::{Activatable, HasEndpointUrl, ListIn, ResourceType, Writable};
pub use scope::{NameRule, ResourceGroup, ResourceIdError, Scope, SubscriptionId};
pub use secret::Secret;
