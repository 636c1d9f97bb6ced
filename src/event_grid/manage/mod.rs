//! Registrations, namespaces, channels, partner topics and the rest: created, read, changed, activated, deleted.
//!
//! [`ManagementClient`] speaks to Azure Resource Manager. What it reads and writes is a [`ArmResource`] of some [`ResourceType`],
//! open and tolerant; where that is, is an [`ResourceId`], which cannot name another place than it says. Changes that the service
//! only begins are waited for.
//!
//! A partner registers once, has a namespace in each region, and a channel for each customer. The customer authorizes the
//! partner, and activates the topic that the channel makes: [`activation`](super::activation) tells when.
//!
//! # Example
//!
//! ```no_run
//! # use partner_center_webhooks::token::TokenProvider;
//! # #[cfg(feature = "reqwest")]
//! # async fn example(tokens: impl TokenProvider + 'static) -> Result<(), Box<dyn std::error::Error>> {
//! use partner_center_webhooks::cloud::Cloud;
//! use partner_center_webhooks::event_grid::manage::{
//!     Channel, ManagementClient, PartnerNamespace, ArmResource, ResourceGroup, RoutingMode, SubscriptionId,
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
mod change;
mod client;
mod dialect;
mod error;
mod id;
mod kind;
mod list;
mod model;
mod place;
mod resource;
mod secret;
mod web_hook;
mod words;

pub use actions::{KeyName, NamespaceKeys};
pub use client::{ManagementClient, Polling};
pub use error::{InvalidResource, ManagementError, OperationFailure};
pub use id::ResourceId;
pub use kind::{Activatable, HasEndpointUrl, ListIn, ResourceType, Tenant, Writable};
pub use list::ListQuery;
pub use model::{
    Channel, DeliveryAttribute, DeliveryAttributeValue, DeliveryRetries, DeliveryWithIdentity,
    Endpoint, EndpointProperties, EventSubscription, EventTypeInfo, Filter, Partner,
    PartnerAuthorization, PartnerConfiguration, PartnerConfigurationUpdate, PartnerDestination,
    PartnerDestinationInfo, PartnerNamespace, PartnerRegistration, PartnerTopic, PartnerTopicInfo,
    SystemTopic, VerifiedPartner,
};
pub use place::{NameRule, ResourceGroup, ResourceIdError, Scope, SubscriptionId};
pub use resource::{ArmResource, Update};
pub use secret::Secret;
pub use words::{
    ActivationState, ChannelType, EventDeliverySchema, ProvisioningState, ReadinessState,
    RoutingMode,
};
