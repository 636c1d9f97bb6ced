//! Fraud events.

use serde_json::Value;
use time::OffsetDateTime;

use crate::api::model::models;

models! {
    /// A fraud event. The older form ends before `severity`.
    ///
    /// Source: "Get fraud events".
    FraudEvent {
        /// The time of detection, in UTC.
        event_time: OffsetDateTime,
        /// Its id.
        event_id: String,
        /// Such as `NetworkConnectionsToCryptoMiningPools`.
        event_type: String,
        /// `Active`, `Investigating` or `Resolved`.
        event_status: String,
        /// Tenant of the partner: a UUID.
        partner_tenant_id: String,
        /// Name of the partner.
        partner_friendly_name: String,
        /// Tenant of the customer: a UUID.
        customer_tenant_id: String,
        /// Name of the customer.
        customer_friendly_name: String,
        /// The subscription: a UUID.
        subscription_id: String,
        /// Name of the subscription.
        subscription_name: String,
        /// Such as `modern`.
        subscription_type: String,
        /// The id of the affected entity.
        entity_id: String,
        /// The name of the affected entity.
        entity_name: String,
        /// The URL of the affected entity.
        entity_url: String,
        /// How often it was detected: a number in a string.
        hit_count: String,
        /// The offer of the subscription.
        catalog_offer_id: String,
        /// Such as `Azure Batch Service`.
        service_name: String,
        /// The resource.
        resource_name: String,
        /// Its group.
        resource_group_name: String,
        /// The time of the first occurrence, in UTC.
        first_occurrence: OffsetDateTime,
        /// The time of the last occurrence, in UTC; the last second of the year 9999 for "never".
        last_occurrence: OffsetDateTime,
        /// The time of the first observation, in UTC.
        first_observed: OffsetDateTime,
        /// The time of the last observation, in UTC.
        last_observed: OffsetDateTime,
        /// `Fraud` or `Ignore`.
        resolved_reason: String,
        /// The time of the resolution, in UTC; the last second of the year 9999 for "never".
        resolved_on: OffsetDateTime,
        /// Who resolved it.
        resolved_by: String,
        /// Such as `High`.
        severity: String,
        /// Such as `High`.
        confidence_level: String,
        /// A title.
        display_name: String,
        /// A text.
        description: String,
        /// The country of the customer.
        country: String,
        /// Tenant of the value-added reseller: a UUID.
        value_added_reseller_tenant_id: String,
        /// Name of the value-added reseller.
        value_added_reseller_friendly_name: String,
        /// The affected resources.
        affected_resources: Vec<AffectedResource>,
        /// Depends on the kind of event.
        additional_details: Value,
        /// The actions taken: JSON in a string.
        activity_logs: String,
        /// Whether it is a test: text, such as `true`.
        is_test: String,
    }

    /// A resource that a fraud event affects.
    ///
    /// Source: "Get fraud events".
    AffectedResource {
        /// Its id in Azure.
        azure_resource_id: String,
        /// Its type.
        r#type: String,
    }
}
