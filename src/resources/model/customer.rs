//! Customers, their partners and their usage.

use serde_json::Number;
use time::OffsetDateTime;

use crate::api::model::models;

models! {
    /// A customer. The fields depend on the partner's rights.
    ///
    /// Source: "Customer resources".
    Customer {
        /// Tenant of the customer: a UUID.
        id: String,
        /// The id for commerce.
        commerce_id: String,
        /// The company.
        company_profile: CompanyProfile,
        /// Such as `reseller`.
        relationship_to_partner: String,
        /// Whether the partner has delegated admin privileges.
        allow_delegated_access: bool,
        /// The indirect reseller's id.
        associated_partner_id: String,
        /// The custom domains.
        custom_domains: Vec<String>,
    }

    /// The company of a customer.
    ///
    /// Source: "Customer resources".
    CompanyProfile {
        /// Tenant of the customer: a UUID.
        tenant_id: String,
        /// The primary domain.
        domain: String,
        /// The name of the company.
        company_name: String,
    }

    /// A relationship between two partners.
    ///
    /// Source: "Relationships resources" and "Get indirect resellers of a customer".
    PartnerRelationship {
        /// Tenant of the other partner: a UUID.
        id: String,
        /// Name of the other partner.
        name: String,
        /// Such as `is_indirect_cloud_solution_provider_of`.
        relationship_type: String,
        /// Such as `active`.
        state: String,
        /// MPN id of the other partner.
        mpn_id: String,
        /// Location of the other partner.
        location: String,
    }

    /// The usage of a customer in the current billing period: an estimate.
    ///
    /// Source: "Customer usage resources".
    UsageSummary {
        /// Tenant of the customer: a UUID.
        resource_id: String,
        /// Name of the customer.
        resource_name: String,
        /// The budget.
        budget: SpendingBudget,
        /// The start of the billing period, in UTC.
        billing_start_date: OffsetDateTime,
        /// The end of the billing period, in UTC.
        billing_end_date: OffsetDateTime,
        /// Estimated cost. A binary fraction: the JSON has the exact digits.
        total_cost: Number,
        /// Such as `en-US`. For offers before the Azure plan.
        currency_locale: String,
        /// Such as `GBP`. For Azure plans.
        currency_code: String,
        /// Estimated cost in US dollars, for Azure plans. A binary fraction: the JSON has the exact digits.
        usd_total_cost: Number,
        /// The time of the last change, in UTC.
        last_modified_date: OffsetDateTime,
    }

    /// The budget that a partner set for a customer.
    ///
    /// Source: "Customer usage resources".
    SpendingBudget {
        /// The budget in the currency of the summary; null if none is set. A binary fraction: the JSON has the exact digits.
        amount: Number,
    }
}
