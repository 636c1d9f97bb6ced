//! Resources as types: open, and tolerant of null.
//!
//! Every field is optional; one that is missing, null or of another JSON type than documented reads as `None`. What has
//! no field is in `others`, and all of it in [`Fetched::json`](super::Fetched::json).

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Number, Value};
use time::OffsetDateTime;

use crate::api::model::models;
use crate::event::Resource;

/// A resource as a type, where there is one for it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ResourceModel {
    /// An audit record.
    AuditRecord(Box<AuditRecord>),
    /// A customer.
    Customer(Box<Customer>),
    /// The indirect resellers of a customer.
    CustomerRelationships(Vec<PartnerRelationship>),
    /// The fraud events of a subscription.
    FraudEvents(Vec<FraudEvent>),
    /// An invoice.
    Invoice(Box<Invoice>),
    /// The schedule of a migration to new commerce.
    NewCommerceMigrationSchedule(Box<NewCommerceMigrationSchedule>),
    /// A subscription.
    Subscription(Box<Subscription>),
    /// Another resource, or an answer of another shape: there is its JSON.
    Untyped,
    /// The usage summary of a customer.
    UsageSummary(Box<UsageSummary>),
}

impl ResourceModel {
    /// Reads what a request for `resource` was answered.
    pub fn read(resource: &Resource, json: &RawValue) -> Self {
        let model = match resource {
            Resource::Customer { .. } => read(json).map(Self::Customer),
            Resource::CustomerRelationships { .. } => {
                collection(json).map(Self::CustomerRelationships)
            }
            Resource::FraudEvents { .. } => collection(json).map(Self::FraudEvents),
            Resource::Invoice { .. } => read(json).map(Self::Invoice),
            Resource::NewCommerceMigrationSchedule { .. } => {
                one(json).map(Self::NewCommerceMigrationSchedule)
            }
            Resource::Subscription { .. } => read(json).map(Self::Subscription),
            Resource::UsageSummary { .. } => read(json).map(Self::UsageSummary),
            _ => None,
        };
        model.unwrap_or(Self::Untyped)
    }

    /// Reads what a request for an audit record was answered.
    pub fn read_audit_record(json: &RawValue) -> Self {
        read(json).map_or(Self::Untyped, Self::AuditRecord)
    }
}

fn read<T: DeserializeOwned>(json: &RawValue) -> Option<T> {
    serde_json::from_str(json.get()).ok()
}

/// A bare array, as of fraud events, or a collection with `items`, as of most other resources.
fn collection<T: DeserializeOwned>(json: &RawValue) -> Option<Vec<T>> {
    #[derive(Deserialize)]
    struct Collection<T> {
        items: Vec<T>,
    }
    read(json).or_else(|| read(json).map(|collection: Collection<T>| collection.items))
}

/// An object, or an array of one, as the sample of "Get a new commerce migration schedule" has it.
fn one<T: DeserializeOwned>(json: &RawValue) -> Option<T> {
    read(json).or_else(|| read(json).map(|[one]: [T; 1]| one))
}

models! {
    /// What somebody did.
    ///
    /// Source: "Auditing resources"; `id`, `partner_id`, `participants` and `original_correlation_id` were seen in answers.
    AuditRecord {
        /// Its audit id, see [`AuditId`](crate::event::AuditId).
        id: String,
        /// Tenant of the partner: a UUID.
        partner_id: String,
        /// Tenant of the customer: a UUID.
        customer_id: String,
        /// Name of the customer.
        customer_name: String,
        /// Who did it.
        user_principal_name: String,
        /// Through which application.
        application_id: String,
        /// What it was done to, such as `subscription`.
        resource_type: String,
        /// How that was before: JSON in a string. See [`AuditRecord::old_value`].
        resource_old_value: String,
        /// How that is now: JSON in a string. See [`AuditRecord::new_value`].
        resource_new_value: String,
        /// What was done, such as `update_subscription`.
        operation_type: String,
        /// When, in UTC.
        operation_date: OffsetDateTime,
        /// `succeeded`, `failed` or `progress`.
        operation_status: String,
        /// Of the call that did it.
        original_correlation_id: String,
        /// Who else was part of it.
        participants: Vec<Value>,
        /// Pairs of `key` and `value`.
        customized_data: Vec<Value>,
    }

    /// A customer. With few rights over it, few fields.
    ///
    /// Source: "Customer resources".
    Customer {
        /// Tenant of the customer: a UUID.
        id: String,
        /// For commerce.
        commerce_id: String,
        /// Who they are.
        company_profile: CompanyProfile,
        /// Such as `reseller`.
        relationship_to_partner: String,
        /// Whether the partner may act for them by delegated admin privileges.
        allow_delegated_access: bool,
        /// The indirect reseller's id.
        associated_partner_id: String,
        /// Their domains.
        custom_domains: Vec<String>,
    }

    /// Who a customer is.
    ///
    /// Source: "Customer resources".
    CompanyProfile {
        /// Tenant of the customer: a UUID.
        tenant_id: String,
        /// Their first domain.
        domain: String,
        /// Their name.
        company_name: String,
    }

    /// A fraud event. The older form lacks severity and what follows it.
    ///
    /// Source: "Get fraud events".
    FraudEvent {
        /// When it was found, in UTC.
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
        /// Of what was found.
        entity_id: String,
        /// Of what was found.
        entity_name: String,
        /// Of what was found.
        entity_url: String,
        /// How often it was found: a number in a string.
        hit_count: String,
        /// The offer of the subscription.
        catalog_offer_id: String,
        /// Such as `Azure Batch Service`.
        service_name: String,
        /// The resource.
        resource_name: String,
        /// Its group.
        resource_group_name: String,
        /// In UTC.
        first_occurrence: OffsetDateTime,
        /// In UTC; the last second of the year 9999 for "never".
        last_occurrence: OffsetDateTime,
        /// In UTC.
        first_observed: OffsetDateTime,
        /// In UTC.
        last_observed: OffsetDateTime,
        /// `Fraud` or `Ignore`.
        resolved_reason: String,
        /// In UTC; the last second of the year 9999 for "never".
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
        /// Of the customer.
        country: String,
        /// Tenant of the value-added reseller: a UUID.
        value_added_reseller_tenant_id: String,
        /// Name of the value-added reseller.
        value_added_reseller_friendly_name: String,
        /// What it affects.
        affected_resources: Vec<AffectedResource>,
        /// Depends on the kind of event.
        additional_details: Value,
        /// What was done about it: JSON in a string.
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

    /// An invoice.
    ///
    /// Source: "Invoice resources".
    Invoice {
        /// Its id, such as `G000024135`.
        id: String,
        /// When it was made, in UTC.
        invoice_date: OffsetDateTime,
        /// In UTC.
        billing_period_start_date: OffsetDateTime,
        /// In UTC.
        billing_period_end_date: OffsetDateTime,
        /// What is charged. Rounded to a binary fraction: for the digits see the JSON.
        total_charges: Number,
        /// What was paid. Rounded to a binary fraction: for the digits see the JSON.
        paid_amount: Number,
        /// Such as `USD`.
        currency_code: String,
        /// Such as `$`.
        currency_symbol: String,
        /// Such as `recurring`.
        invoice_type: String,
        /// Such as `invoice` or `adjustment_note`.
        document_type: String,
        /// Where it is as PDF.
        pdf_download_link: String,
    }

    /// The schedule of a migration of a subscription to new commerce.
    ///
    /// Source: "Get a new commerce migration schedule"; the .NET SDK for `catalog_item_id`, `external_reference_id` and
    /// what follows `last_modified_time`.
    NewCommerceMigrationSchedule {
        /// The schedule: a UUID.
        id: String,
        /// The subscription to migrate: a UUID.
        current_subscription_id: String,
        /// When that subscription ends, in UTC.
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
        /// End of the term, if it was aligned with another one, in UTC.
        custom_term_end_date: OffsetDateTime,
        /// When to migrate, in UTC.
        target_date: OffsetDateTime,
        /// Whether to migrate at the renewal, in place of a date.
        migrate_on_renewal: bool,
        /// Reference of a batch of migrations.
        external_reference_id: String,
        /// In UTC.
        created_time: OffsetDateTime,
        /// In UTC.
        last_modified_time: OffsetDateTime,
        /// The migration that the schedule led to.
        new_commerce_migration_id: String,
        /// Code of the error that prevented the migration.
        error_code: Number,
        /// That error in words.
        error_description: String,
        /// The schedules of add-ons.
        add_on_migration_schedules: Vec<NewCommerceMigrationSchedule>,
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

    /// The budget that a partner set for a customer.
    ///
    /// Source: "Customer usage resources".
    SpendingBudget {
        /// The budget, in the currency of the summary; none is set if it is null. Rounded to a binary fraction: for the
        /// digits see the JSON.
        amount: Number,
    }

    /// A subscription of a customer.
    ///
    /// Source: "Subscription resources".
    Subscription {
        /// The subscription: a UUID.
        id: String,
        /// What it was named.
        friendly_name: String,
        /// The offer.
        offer_id: String,
        /// Name of the offer.
        offer_name: String,
        /// How many licences.
        quantity: Number,
        /// What they count, such as `Licenses`.
        unit_type: String,
        /// Such as `active`, `suspended` or `deleted`.
        status: String,
        /// Why it is suspended.
        suspension_reasons: Vec<String>,
        /// In UTC.
        creation_date: OffsetDateTime,
        /// In UTC.
        effective_start_date: OffsetDateTime,
        /// In UTC.
        commitment_end_date: OffsetDateTime,
        /// Whether it goes on at its end.
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
        /// In UTC.
        billing_start_date: OffsetDateTime,
        /// In UTC.
        billing_end_date: OffsetDateTime,
        /// Estimated cost. Rounded to a binary fraction: for the digits see the JSON.
        total_cost: Number,
        /// Such as `en-US`: of offers before the Azure plan.
        currency_locale: String,
        /// Such as `GBP`: of Azure plans.
        currency_code: String,
        /// Estimated cost in US dollars: of Azure plans. Rounded to a binary fraction: for the digits see the JSON.
        usd_total_cost: Number,
        /// In UTC.
        last_modified_date: OffsetDateTime,
    }
}

impl AuditRecord {
    /// How the resource was before, read from the JSON in the string. Its members are spelt as the resource spells them:
    /// in PascalCase, or in camelCase.
    pub fn old_value(&self) -> Option<Value> {
        serde_json::from_str(self.resource_old_value.as_deref()?).ok()
    }

    /// How the resource is now, as [`old_value`](Self::old_value).
    pub fn new_value(&self) -> Option<Value> {
        serde_json::from_str(self.resource_new_value.as_deref()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.to_owned()).unwrap()
    }

    fn of(uri: &str, json: &str) -> ResourceModel {
        ResourceModel::read(&Resource::from_uri(uri), &raw(json))
    }

    #[test]
    fn each_resource_has_its_model() {
        let ResourceModel::Subscription(subscription) = of(
            "https://h/v1/customers/C/subscriptions/S",
            r#"{"id":"S","quantity":5,"status":"active","creationDate":"2026-11-21T00:00:00.0000000Z","autoRenewEnabled":true,"isTrial":"False","suspensionReasons":["a",1,null],"unitType":null,"brandNew":{"a":1}}"#,
        ) else {
            panic!()
        };
        assert_eq!(subscription.id.as_deref(), Some("S"));
        assert_eq!(subscription.quantity, Some(5.into()));
        assert_eq!(
            subscription.creation_date.unwrap().unix_timestamp(),
            1_795_219_200
        );
        assert_eq!(
            (subscription.auto_renew_enabled, subscription.is_trial),
            (Some(true), Some(false))
        );
        assert_eq!(subscription.suspension_reasons.unwrap(), ["a", "1"]);
        assert_eq!(subscription.unit_type, None);
        assert_eq!(subscription.others["brandNew"]["a"], 1);

        let ResourceModel::Customer(customer) = of(
            "https://h/v1/customers/C",
            r#"{"id":"C","companyProfile":{"companyName":"Contoso","domain":{}}}"#,
        ) else {
            panic!()
        };
        let profile = customer.company_profile.unwrap();
        assert_eq!(
            (profile.company_name.as_deref(), profile.domain),
            (Some("Contoso"), None)
        );

        let ResourceModel::Invoice(invoice) = of(
            "https://h/v1/invoices/I",
            r#"{"id":"I","totalCharges":5602.39,"invoiceDate":"not a date"}"#,
        ) else {
            panic!()
        };
        assert_eq!(invoice.total_charges.unwrap().to_string(), "5602.39");
        assert_eq!(invoice.invoice_date, None);

        // "Get fraud events": no offsets, and the end of time for "never".
        let fraud = r#"[{"eventTime":"2021-12-08T00:25:45.69","hitCount":"10","lastOccurrence":"9999-12-31T23:59:59.9970000","affectedResources":[{"azureResourceId":"/a","type":"vm"}],"additionalDetails":{"a":"b"},"isTest":true}]"#;
        for json in [
            fraud.to_owned(),
            format!(r#"{{"totalCount":1,"items":{fraud}}}"#),
        ] {
            let ResourceModel::FraudEvents(events) =
                of("https://h/v1/fraudEvents?SubscriptionId=S", &json)
            else {
                panic!()
            };
            let event = &events[0];
            assert_eq!(
                event.event_time.unwrap().to_string(),
                "2021-12-08 0:25:45.69 +00:00:00"
            );
            assert_eq!(event.last_occurrence.unwrap().year(), 9999);
            assert_eq!(
                event.affected_resources.as_ref().unwrap()[0]
                    .r#type
                    .as_deref(),
                Some("vm")
            );
            assert_eq!(event.is_test.as_deref(), Some("true"));
        }
    }

    /// With the samples of the pages that the models name.
    #[test]
    fn each_resource_of_a_customer_has_its_model() {
        let schedule = r#"{"id":"f016c025-a873-47af-8b52-2516fbef4c65","currentSubscriptionId":"c6105a9c-36cb-4f88-92ea-9573040725c4","subscriptionEndDate":"2023-07-19T00:00:00Z","status":"Created","customerTenantId":"6f297517-16e6-4313-8c6d-4e10496d2871","quantity":25,"termDuration":"P1Y","billingCycle":"Monthly","purchaseFullTerm":false,"targetDate":"2022-10-30T00:00:00","createdTime":"2022-10-18T21:20:50.9668605+00:00","lastModifiedTime":"2022-10-18T21:29:32.8992819+00:00","errorCode":"800097","addOnMigrationSchedules":[{"id":"A"}],"brandNew":1}"#;
        for json in [schedule.to_owned(), format!("[{schedule}]")] {
            let uri = "https://h/v1/customers/C/migrations/newcommerce/schedules/S";
            let ResourceModel::NewCommerceMigrationSchedule(schedule) = of(uri, &json) else {
                panic!("{json}")
            };
            assert_eq!(schedule.status.as_deref(), Some("Created"));
            assert_eq!(
                schedule.target_date.unwrap().to_string(),
                "2022-10-30 0:00:00.0 +00:00:00"
            );
            assert_eq!(schedule.error_code, Some(800_097.into()));
            let add_ons = schedule.add_on_migration_schedules.unwrap();
            assert_eq!(add_ons[0].id.as_deref(), Some("A"));
            assert_eq!(schedule.others["brandNew"], 1);
        }

        let ResourceModel::CustomerRelationships(relationships) = of(
            "https://h/v1/customers/C/relationships",
            r#"{"totalCount":1,"items":[{"id":"484e548c-f5f3-4528-93a9-c16c6373cb59","name":"First Up Consultants","relationshipType":"is_indirect_cloud_solution_provider_of","mpnId":4847383,"attributes":{"objectType":"PartnerRelationship"}}]}"#,
        ) else {
            panic!()
        };
        assert_eq!(relationships[0].mpn_id.as_deref(), Some("4847383"));
        assert_eq!(relationships[0].state, None);

        let ResourceModel::UsageSummary(usage) = of(
            "https://h/v1/customers/C/usagesummary",
            r#"{"budget":{"amount":97},"resourceId":"44908a11-641b-4c53-b7fc-0f2bfca8a581","billingStartDate":"2019-09-01T00:00:00+00:00","totalCost":28.8,"currencyCode":"GBP","usdTotalCost":null,"attributes":{"objectType":"CustomerUsageSummary"}}"#,
        ) else {
            panic!()
        };
        assert_eq!(usage.budget.unwrap().amount, Some(97.into()));
        assert_eq!(usage.total_cost.unwrap().to_string(), "28.8");
        assert_eq!(usage.usd_total_cost, None);
        assert_eq!(
            usage.others["attributes"]["objectType"],
            "CustomerUsageSummary"
        );
    }

    #[test]
    fn an_audit_record_holds_json_in_strings() {
        let json = r#"{"id":"A","resourceNewValue":"{\"Id\":\"R\",\"customer\":{\"organizationDisplayName\":\"Contoso\"}}","resourceOldValue":null,"operationDate":"2026-11-21T00:00:00Z","customizedData":[{"key":"a","value":null}]}"#;
        let ResourceModel::AuditRecord(record) = ResourceModel::read_audit_record(&raw(json))
        else {
            panic!()
        };
        assert_eq!(
            record.new_value().unwrap()["customer"]["organizationDisplayName"],
            "Contoso"
        );
        assert_eq!(record.old_value(), None);
        assert_eq!(record.customized_data.unwrap().len(), 1);
    }

    #[test]
    fn what_is_of_another_shape_stays_json() {
        for (uri, json) in [
            ("https://h/v1/customers/C", "[]"),
            ("https://h/v1/customers/C", "null"),
            ("https://h/v1/fraudEvents", r#"{"a":1}"#),
            ("https://h/v1/fraudEvents", "[1]"),
            ("https://h/v1/customers/C/relationships", r#"{"items":1}"#),
            ("https://h/v1/customers/C/usagesummary", "[{}]"),
            (
                "https://h/v1/customers/C/migrations/newcommerce/schedules/S",
                "[{},{}]",
            ),
            ("https://h/v1/brand/new", "{}"),
        ] {
            assert_eq!(of(uri, json), ResourceModel::Untyped, "{json}");
        }
        assert_eq!(
            ResourceModel::read_audit_record(&raw("7")),
            ResourceModel::Untyped
        );
    }
}
