//! Subscriptions, and their migration to new commerce.

use serde_json::Number;
use time::OffsetDateTime;

use crate::api::model::models;

models! {
    /// A subscription of a customer.
    ///
    /// Source: "Subscription resources".
    Subscription {
        /// The subscription: a UUID.
        id: String,
        /// Its display name.
        friendly_name: String,
        /// The offer.
        offer_id: String,
        /// Name of the offer.
        offer_name: String,
        /// The number of units.
        quantity: Number,
        /// The unit, such as `Licenses`.
        unit_type: String,
        /// Such as `active`, `suspended` or `deleted`.
        status: String,
        /// The reasons for a suspension.
        suspension_reasons: Vec<String>,
        /// The time of its creation, in UTC.
        creation_date: OffsetDateTime,
        /// The time of its start, in UTC.
        effective_start_date: OffsetDateTime,
        /// The end of the commitment, in UTC.
        commitment_end_date: OffsetDateTime,
        /// Whether it renews at its end.
        auto_renew_enabled: bool,
        /// Whether it is a trial.
        is_trial: bool,
        /// Such as `monthly`.
        billing_cycle: String,
        /// `license` or `usage`.
        billing_type: String,
        /// Such as `P1Y`.
        term_duration: String,
        /// Such as `subscription`.
        contract_type: String,
        /// The subscription that this one is an add-on of.
        parent_subscription_id: String,
        /// The indirect reseller.
        partner_id: String,
        /// The order.
        order_id: String,
    }

    /// The schedule of a migration of a subscription to new commerce.
    ///
    /// Source: "Get a new commerce migration schedule"; the .NET SDK for `catalog_item_id`, `external_reference_id` and the
    /// fields after `last_modified_time`.
    NewCommerceMigrationSchedule {
        /// The schedule: a UUID.
        id: String,
        /// The subscription to migrate: a UUID.
        current_subscription_id: String,
        /// The end of that subscription, in UTC.
        subscription_end_date: OffsetDateTime,
        /// Such as `Created`.
        status: String,
        /// Tenant of the customer: a UUID.
        customer_tenant_id: String,
        /// Product, SKU and availability, joined by `:`.
        catalog_item_id: String,
        /// Number of licences after the migration.
        quantity: Number,
        /// Term after the migration, such as `P1Y`.
        term_duration: String,
        /// Billing cycle after the migration, such as `Monthly`.
        billing_cycle: String,
        /// Whether a new term starts at the migration.
        purchase_full_term: bool,
        /// The end of a term that is aligned with another one, in UTC.
        custom_term_end_date: OffsetDateTime,
        /// The time of the migration, in UTC.
        target_date: OffsetDateTime,
        /// Whether to migrate at the renewal instead.
        migrate_on_renewal: bool,
        /// Reference of a batch of migrations.
        external_reference_id: String,
        /// The time of its creation, in UTC.
        created_time: OffsetDateTime,
        /// The time of the last change, in UTC.
        last_modified_time: OffsetDateTime,
        /// The resulting migration.
        new_commerce_migration_id: String,
        /// Code of the error that prevented the migration.
        error_code: Number,
        /// The message of that error.
        error_description: String,
        /// The schedules of add-ons.
        add_on_migration_schedules: Vec<NewCommerceMigrationSchedule>,
    }
}
