//! Reads the resources of events, and sends tokens only to documented hosts.
//!
//! An event names a URI, and a URI can name any host. [`ResourceClient`] never requests it directly: if its host and path are
//! documented, the client takes the path and calls the cloud's own endpoint. Otherwise it fails before a token is requested.

mod address;
mod client;
mod error;
mod model;

pub use client::{Fetched, ResourceClient};
pub use error::ResourceError;
pub use model::{
    AffectedResource, AuditRecord, CompanyProfile, Customer, FraudEvent, Invoice,
    NewCommerceMigrationSchedule, PartnerRelationship, ResourceModel, SpendingBudget, Subscription,
    UsageSummary,
};
