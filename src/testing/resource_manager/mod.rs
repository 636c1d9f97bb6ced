//! A fake of Azure Resource Manager on loopback: the resources of Event Grid's Partner Events.
//!
//! [`ResourceManager`] responds as recorded from the service, including long-running operations, and as documented where
//! there is no recording. It covers both sides: a partner's channel changes a customer's topic, and the reverse. It records
//! every request, and injects faults ([`Fault`]).
//!
//! Creating a channel needs no partner authorization here, and event subscriptions send no requests.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! use partner_center_webhooks::event_grid::manage::{
//!     ManagementClient, PartnerRegistration, ArmResource, ResourceGroup, SubscriptionId,
//! };
//! use partner_center_webhooks::http_client::ReqwestClient;
//! use partner_center_webhooks::testing::ResourceManager;
//! use partner_center_webhooks::token::{AccessToken};
//!
//! let fake = ResourceManager::start().await?;
//! let tokens = AccessToken::new(fake.access_token())?;
//! let client = ManagementClient::new(&fake.cloud(), ReqwestClient::new()?, tokens)?;
//!
//! let group = ResourceGroup::new(SubscriptionId::new("00000000-0000-0000-0000-000000000001")?, "events")?;
//! let id = group.partner_registration("contoso")?;
//! assert_eq!(client.get(&id).await?, None);
//! let registration = ArmResource::new(PartnerRegistration::default()).at("global");
//! let created = client.create_or_update(&id, &registration).await?;
//! assert!(created.properties.partner_registration_immutable_id.is_some());
//! assert_eq!(fake.requests().len(), 2);
//! # Ok(()) }) }
//! ```

mod actions;
mod fake;
mod lists;
mod operations;
mod resources;
mod route;
mod settings;
mod state;
mod writes;

pub use crate::testing::loopback::fault::Fault;
pub use crate::testing::loopback::request::RecordedRequest;
pub use crate::testing::loopback::response::ErrorBody;
pub use fake::ResourceManager;
pub use settings::Settings;
