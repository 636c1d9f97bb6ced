//! Sample resources that events point to, in the shape of the real service, with invented values.
//!
//! Each function returns the path with query for [`PartnerCenter::put_resource`](super::PartnerCenter::put_resource), and
//! the resource.
//!
//! ```
//! use partner_center_webhooks::testing::partner_center::samples;
//!
//! let (path, customer) = samples::customer("4b2a6e33-8791-4386-bd2b-0d55baf25039");
//! assert_eq!(path, "/v1/customers/4b2a6e33-8791-4386-bd2b-0d55baf25039");
//! assert_eq!(customer["companyProfile"]["companyName"], "Wingtip Toys");
//! ```

use serde_json::Value;

/// A customer's subscription.
///
/// # Source
///
/// "Get a subscription by ID".
pub fn subscription(customer_id: &str, subscription_id: &str) -> (String, Value) {
    sample(
        "/v1/customers/{customer_id}/subscriptions/{subscription_id}",
        include_str!("samples/subscription.json"),
        &[("{customer_id}", customer_id), ("{subscription_id}", subscription_id)],
    )
}

/// A customer.
///
/// # Source
///
/// "Get a customer by ID".
pub fn customer(customer_id: &str) -> (String, Value) {
    let resource = include_str!("samples/customer.json");
    sample("/v1/customers/{customer_id}", resource, &[("{customer_id}", customer_id)])
}

/// An invoice. Needs a user's token.
///
/// # Source
///
/// "Get invoice by ID".
pub fn invoice(invoice_id: &str) -> (String, Value) {
    let resource = include_str!("samples/invoice.json");
    sample("/v1/invoices/{invoice_id}", resource, &[("{invoice_id}", invoice_id)])
}

/// The active fraud events of a subscription, one of the old and one of the new model. Needs a user's token.
///
/// The response is a bare array; its times have no offset, and "never" is the year 9999.
///
/// # Source
///
/// "Get fraud events".
pub fn fraud_events(subscription_id: &str) -> (String, Value) {
    sample(
        "/v1/fraudEvents?SubscriptionId={subscription_id}&EventStatus=Active",
        include_str!("samples/fraud_events.json"),
        &[("{subscription_id}", subscription_id)],
    )
}

/// The audit record of an approved GDAP relationship. Its new value is JSON in a string.
///
/// # Source
///
/// "Auditing resources"; the path is from the `AuditUri` of real events.
pub fn audit_record(audit_id: &str) -> (String, Value) {
    let resource = include_str!("samples/audit_record.json");
    sample("/auditactivity/v1/auditrecords/{audit_id}", resource, &[("{audit_id}", audit_id)])
}

/// Fills placeholders in a path and in the texts of a JSON document.
fn sample(path: &str, resource: &str, values: &[(&str, &str)]) -> (String, Value) {
    let fill = |text: &str| {
        let text = text.to_owned();
        values.iter().fold(text, |text, (placeholder, value)| text.replace(placeholder, value))
    };
    // The tests of this module parse every document.
    (fill(path), fill_texts(serde_json::from_str(resource).unwrap_or_default(), &fill))
}

/// Applies `fill` to every text in `value`, so that no value of a placeholder can change the structure.
fn fill_texts(value: Value, fill: &impl Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => fill(&text).into(),
        Value::Array(values) => values.into_iter().map(|value| fill_texts(value, fill)).collect(),
        Value::Object(members) => {
            let members = members.into_iter();
            members.map(|(name, value)| (name, fill_texts(value, fill))).collect()
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_is_a_document_without_placeholders() {
        for (path, resource) in [
            subscription("c-1", "s-1"),
            customer("c-1"),
            invoice("G1"),
            fraud_events("s-1"),
            audit_record("a_b_c_1"),
        ] {
            let text = resource.to_string();
            assert!(resource.is_object() || resource.is_array(), "{path}");
            assert!(!path.contains('{') && !text.contains("_id}"), "{path}: {text}");
        }
    }
}
