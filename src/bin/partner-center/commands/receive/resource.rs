//! What an event points to, in words.

use partner_center_webhooks::event::{Id, Resource};

/// The kind of a resource, and its ids by name, the most specific one last.
pub(crate) fn kind_and_ids(resource: &Resource) -> (&'static str, Vec<(&'static str, &str)>) {
    let (kind, ids): (_, Vec<(_, Option<&Id>)>) = match resource {
        Resource::Absent => ("absent", vec![]),
        Resource::Customer { customer } => ("customer", vec![("customer", Some(customer))]),
        Resource::CustomerRelationships { customer } => {
            ("customer-relationships", vec![("customer", Some(customer))])
        }
        Resource::FraudEvents { subscription, status } => (
            "fraud-events",
            vec![("status", status.as_ref()), ("subscription", subscription.as_ref())],
        ),
        Resource::GranularAdminAccessAssignment { relationship, assignment } => (
            "granular-admin-access-assignment",
            vec![("relationship", Some(relationship)), ("assignment", Some(assignment))],
        ),
        Resource::GranularAdminRelationship { relationship } => {
            ("granular-admin-relationship", vec![("relationship", Some(relationship))])
        }
        Resource::Invoice { invoice } => ("invoice", vec![("invoice", Some(invoice))]),
        Resource::NewCommerceMigration { customer, migration } => (
            "new-commerce-migration",
            vec![("customer", Some(customer)), ("migration", Some(migration))],
        ),
        Resource::NewCommerceMigrationSchedule { customer, schedule } => (
            "new-commerce-migration-schedule",
            vec![("customer", Some(customer)), ("schedule", Some(schedule))],
        ),
        Resource::OfCustomer { customer } => ("of-customer", vec![("customer", Some(customer))]),
        Resource::Referral { referral } => ("referral", vec![("referral", Some(referral))]),
        Resource::Subscription { customer, subscription } => (
            "subscription",
            vec![("customer", Some(customer)), ("subscription", Some(subscription))],
        ),
        Resource::Transfer { customer, transfer } => {
            ("transfer", vec![("customer", Some(customer)), ("transfer", transfer.as_ref())])
        }
        Resource::UsageRecords => ("usage-records", vec![]),
        Resource::UsageSummary { customer } => {
            ("usage-summary", vec![("customer", Some(customer))])
        }
        Resource::ValidationEvent { correlation } => {
            ("validation-event", vec![("correlation", correlation.as_ref())])
        }
        _ => ("unknown", vec![]),
    };
    let known = ids.into_iter().filter_map(|(name, id)| Some((name, id?.as_str())));
    (kind, known.collect())
}
