//! Typed resources, open to members that are not known yet.
//!
//! Every field is optional: a missing one, null, or a JSON type other than the documented one reads as `None`. Members without
//! a field are in `others`, and the whole resource is in [`Fetched::json`](super::Fetched::json).

mod audit_record;
mod customer;
mod fraud_event;
mod invoice;
mod subscription;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::event::Resource;

pub use audit_record::AuditRecord;
pub use customer::{CompanyProfile, Customer, PartnerRelationship, SpendingBudget, UsageSummary};
pub use fraud_event::{AffectedResource, FraudEvent};
pub use invoice::Invoice;
pub use subscription::{NewCommerceMigrationSchedule, Subscription};

/// A typed resource.
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
    /// A resource without a type, or a response of another shape: use its JSON.
    Untyped,
    /// The usage summary of a customer.
    UsageSummary(Box<UsageSummary>),
}

impl ResourceModel {
    /// Reads the response to a request for `resource`.
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

    /// Reads the response to a request for an audit record.
    pub fn read_audit_record(json: &RawValue) -> Self {
        read(json).map_or(Self::Untyped, Self::AuditRecord)
    }
}

fn read<T: DeserializeOwned>(json: &RawValue) -> Option<T> {
    serde_json::from_str(json.get()).ok()
}

/// A bare array (fraud events), or a collection with `items` (most other resources).
fn collection<T: DeserializeOwned>(json: &RawValue) -> Option<Vec<T>> {
    #[derive(Deserialize)]
    struct Collection<T> {
        items: Vec<T>,
    }
    read(json).or_else(|| read(json).map(|collection: Collection<T>| collection.items))
}

/// An object, or an array of one as in the sample of "Get a new commerce migration schedule".
fn one<T: DeserializeOwned>(json: &RawValue) -> Option<T> {
    read(json).or_else(|| read(json).map(|[one]: [T; 1]| one))
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
        assert_eq!(subscription.creation_date.unwrap().unix_timestamp(), 1_795_219_200);
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
        assert_eq!((profile.company_name.as_deref(), profile.domain), (Some("Contoso"), None));

        let ResourceModel::Invoice(invoice) = of(
            "https://h/v1/invoices/I",
            r#"{"id":"I","totalCharges":5602.39,"invoiceDate":"not a date"}"#,
        ) else {
            panic!()
        };
        assert_eq!(invoice.total_charges.unwrap().to_string(), "5602.39");
        assert_eq!(invoice.invoice_date, None);

        // "Get fraud events": no offsets, and the year 9999 for "never".
        let fraud = r#"[{"eventTime":"2021-12-08T00:25:45.69","hitCount":"10","lastOccurrence":"9999-12-31T23:59:59.9970000","affectedResources":[{"azureResourceId":"/a","type":"vm"}],"additionalDetails":{"a":"b"},"isTest":true}]"#;
        for json in [fraud.to_owned(), format!(r#"{{"totalCount":1,"items":{fraud}}}"#)] {
            let ResourceModel::FraudEvents(events) =
                of("https://h/v1/fraudEvents?SubscriptionId=S", &json)
            else {
                panic!()
            };
            let event = &events[0];
            assert_eq!(event.event_time.unwrap().to_string(), "2021-12-08 0:25:45.69 +00:00:00");
            assert_eq!(event.last_occurrence.unwrap().year(), 9999);
            assert_eq!(event.affected_resources.as_ref().unwrap()[0].r#type.as_deref(), Some("vm"));
            assert_eq!(event.is_test.as_deref(), Some("true"));
        }
    }

    /// With the samples on the pages that the models name as their source.
    #[test]
    fn each_resource_of_a_customer_has_its_model() {
        let schedule = r#"{"id":"f016c025-a873-47af-8b52-2516fbef4c65","currentSubscriptionId":"c6105a9c-36cb-4f88-92ea-9573040725c4","subscriptionEndDate":"2023-07-19T00:00:00Z","status":"Created","customerTenantId":"6f297517-16e6-4313-8c6d-4e10496d2871","quantity":25,"termDuration":"P1Y","billingCycle":"Monthly","purchaseFullTerm":false,"targetDate":"2022-10-30T00:00:00","createdTime":"2022-10-18T21:20:50.9668605+00:00","lastModifiedTime":"2022-10-18T21:29:32.8992819+00:00","errorCode":"800097","addOnMigrationSchedules":[{"id":"A"}],"brandNew":1}"#;
        for json in [schedule.to_owned(), format!("[{schedule}]")] {
            let uri = "https://h/v1/customers/C/migrations/newcommerce/schedules/S";
            let ResourceModel::NewCommerceMigrationSchedule(schedule) = of(uri, &json) else {
                panic!("{json}")
            };
            assert_eq!(schedule.status.as_deref(), Some("Created"));
            assert_eq!(schedule.target_date.unwrap().to_string(), "2022-10-30 0:00:00.0 +00:00:00");
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
        assert_eq!(usage.others["attributes"]["objectType"], "CustomerUsageSummary");
    }

    #[test]
    fn an_audit_record_holds_json_in_strings() {
        let json = r#"{"id":"A","resourceNewValue":"{\"Id\":\"R\",\"customer\":{\"organizationDisplayName\":\"Contoso\"}}","resourceOldValue":null,"operationDate":"2026-11-21T00:00:00Z","customizedData":[{"key":"a","value":null}]}"#;
        let ResourceModel::AuditRecord(record) = ResourceModel::read_audit_record(&raw(json))
        else {
            panic!()
        };
        assert_eq!(record.new_value().unwrap()["customer"]["organizationDisplayName"], "Contoso");
        assert_eq!(record.old_value(), None);
        assert_eq!(record.customized_data.unwrap().len(), 1);
    }

    #[test]
    fn other_shapes_stay_untyped() {
        for (uri, json) in [
            ("https://h/v1/customers/C", "[]"),
            ("https://h/v1/customers/C", "null"),
            ("https://h/v1/fraudEvents", r#"{"a":1}"#),
            ("https://h/v1/fraudEvents", "[1]"),
            ("https://h/v1/customers/C/relationships", r#"{"items":1}"#),
            ("https://h/v1/customers/C/usagesummary", "[{}]"),
            ("https://h/v1/customers/C/migrations/newcommerce/schedules/S", "[{},{}]"),
            ("https://h/v1/brand/new", "{}"),
        ] {
            assert_eq!(of(uri, json), ResourceModel::Untyped, "{json}");
        }
        assert_eq!(ResourceModel::read_audit_record(&raw("7")), ResourceModel::Untyped);
    }
}
