//! The resource of an event, as typed ids.

use super::id::Id;

/// The resource of an event.
///
/// Microsoft writes the same resource in several ways: `http` or `https`, with or without `webhooks/` or `v1/`, on hosts
/// without an API. All of them are read the same way: path words match in any ASCII case, and the host is ignored.
///
/// Do not send a token to a URI from an event. Build the request from the ids, on a host that you choose.
///
/// # Source
///
/// The syntax and the samples of each event in "Partner Center webhook events".
///
/// # Example
///
/// ```
/// use partner_center_webhooks::event::Resource;
///
/// let uri = "http://api.partnercenter.microsoft.com/webhooks/v1/customers/\
///            4b2a6e33-8791-4386-bd2b-0d55baf25039/subscriptions/c0bfd694-3075-4ec5-9a3c-733d3a890a1f";
/// let Resource::Subscription { customer, subscription } = Resource::from_uri(uri) else { panic!() };
/// assert_eq!(customer.as_str(), "4b2a6e33-8791-4386-bd2b-0d55baf25039");
/// assert!(subscription.as_uuid().is_some());
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Resource {
    /// The event names no resource: its `ResourceUri` is missing, null or not a string, as in the
    /// `dap-admin-relationship-*` events.
    Absent,
    /// A customer.
    Customer {
        /// Tenant of the customer: a UUID.
        customer: Id,
    },
    /// The indirect resellers that have a relationship with a customer.
    CustomerRelationships {
        /// Tenant of the customer: a UUID.
        customer: Id,
    },
    /// The fraud events of a subscription: a query, not a resource.
    FraudEvents {
        /// The Azure subscription: a UUID.
        subscription: Option<Id>,
        /// `Active`, `Investigating` or `Resolved`, as received.
        status: Option<Id>,
    },
    /// An access assignment of a granular delegated admin relationship.
    GranularAdminAccessAssignment {
        /// The relationship: in Microsoft Graph two UUIDs joined by `-`.
        relationship: Id,
        /// The assignment.
        assignment: Id,
    },
    /// A granular delegated admin relationship.
    GranularAdminRelationship {
        /// The relationship: in Microsoft Graph two UUIDs joined by `-`.
        relationship: Id,
    },
    /// An invoice.
    Invoice {
        /// The invoice: such as `G000024135`.
        invoice: Id,
    },
    /// The migration of a subscription to new commerce. Microsoft publishes no sample: this is the path of the
    /// migration API.
    NewCommerceMigration {
        /// Tenant of the customer: a UUID.
        customer: Id,
        /// The migration.
        migration: Id,
    },
    /// The schedule of a migration to new commerce. Microsoft publishes no sample: this is the path of the migration
    /// API.
    NewCommerceMigrationSchedule {
        /// Tenant of the customer: a UUID.
        customer: Id,
        /// The schedule: a UUID.
        schedule: Id,
    },
    /// A customer's resource of an unknown kind; its URI is [`Event::resource_uri`](super::Event::resource_uri).
    OfCustomer {
        /// Tenant of the customer: always a UUID.
        customer: Id,
    },
    /// A co-sell referral.
    Referral {
        /// The referral.
        referral: Id,
    },
    /// A subscription of a customer.
    Subscription {
        /// Tenant of the customer: a UUID.
        customer: Id,
        /// The subscription: a UUID.
        subscription: Id,
    },
    /// A transfer of subscriptions between partners.
    Transfer {
        /// Tenant of the customer: a UUID.
        customer: Id,
        /// The transfer: a UUID. Microsoft leaves it out of the URI; it is then read from the audit id, if that
        /// names the same customer.
        transfer: Option<Id>,
    },
    /// A URI of an unknown shape; it is [`Event::resource_uri`](super::Event::resource_uri).
    Unknown,
    /// The usage records of all customers.
    UsageRecords,
    /// The usage summary of a customer for the current billing period.
    UsageSummary {
        /// Tenant of the customer: a UUID.
        customer: Id,
    },
    /// A validation event.
    ValidationEvent {
        /// The correlation id that the registration API returned when the event was requested: a UUID. One documented URI lacks
        /// it.
        correlation: Option<Id>,
    },
}

impl Resource {
    /// The customer that owns the resource, if the URI names one.
    pub fn customer(&self) -> Option<&Id> {
        match self {
            Self::Customer { customer }
            | Self::CustomerRelationships { customer }
            | Self::NewCommerceMigration { customer, .. }
            | Self::NewCommerceMigrationSchedule { customer, .. }
            | Self::OfCustomer { customer }
            | Self::Subscription { customer, .. }
            | Self::Transfer { customer, .. }
            | Self::UsageSummary { customer } => Some(customer),
            Self::Absent
            | Self::FraudEvents { .. }
            | Self::GranularAdminAccessAssignment { .. }
            | Self::GranularAdminRelationship { .. }
            | Self::Invoice { .. }
            | Self::Referral { .. }
            | Self::Unknown
            | Self::UsageRecords
            | Self::ValidationEvent { .. } => None,
        }
    }

    /// Whether the resource belongs to the partner, or to all customers together.
    pub(super) fn has_no_customer(&self) -> bool {
        match self {
            Self::Invoice { .. }
            | Self::Referral { .. }
            | Self::UsageRecords
            | Self::ValidationEvent { .. } => true,
            Self::Absent
            | Self::Customer { .. }
            | Self::CustomerRelationships { .. }
            | Self::FraudEvents { .. }
            | Self::GranularAdminAccessAssignment { .. }
            | Self::GranularAdminRelationship { .. }
            | Self::NewCommerceMigration { .. }
            | Self::NewCommerceMigrationSchedule { .. }
            | Self::OfCustomer { .. }
            | Self::Subscription { .. }
            | Self::Transfer { .. }
            | Self::Unknown
            | Self::UsageSummary { .. } => false,
        }
    }
}
