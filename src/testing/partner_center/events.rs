//! Sample events as Partner Center sends them, and the resources they point to.
//!
//! Events of one subject have the same members, so the table of [`subject`] and the rules of each subject describe all of
//! them. The tests compare the members and their order with the documented samples.

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::resources::{GRAPH, REFERRALS};
use super::samples;
use crate::event::EventName;
use crate::testing::loopback::response::{date_time, guid};

/// The body of an event with this name, as Partner Center sends it: compact JSON with the documented members in their
/// documented order, about invented resources of the documentation's partner and customer. Ids are random; the time and the
/// length are always the same.
///
/// # Source
///
/// "Partner Center webhook events".
///
/// # Example
///
/// ```
/// use partner_center_webhooks::EventName;
/// use partner_center_webhooks::testing::partner_center::sample_event;
///
/// let body = sample_event(&EventName::InvoiceReady);
/// assert!(body.starts_with(r#"{"EventName":"invoice-ready","ResourceUri":"https://api.partnercenter.microsoft.com/v1/invoices/G"#));
/// ```
pub fn sample_event(name: &EventName) -> String {
    let now = OffsetDateTime::from_unix_timestamp_nanos(SAMPLE_TIME);
    let scene = Scene {
        base_url: "https://api.partnercenter.microsoft.com",
        partner_id: "60d5c4bb-f78a-4200-a002-953d7cc1f5f8",
        now: now.unwrap_or(OffsetDateTime::UNIX_EPOCH),
    };
    scene.sample(name).body
}

/// An event and its resources.
pub(super) struct Sample {
    /// Compact JSON, with the members in their documented order.
    pub(super) body: String,
    pub(super) resources: Vec<(String, Value)>,
}

/// The context of an event.
pub(super) struct Scene<'a> {
    /// The base URL of the API, without a trailing slash.
    pub(super) base_url: &'a str,
    pub(super) partner_id: &'a str,
    pub(super) now: OffsetDateTime,
}

impl Scene<'_> {
    /// The validation event with this correlation id.
    pub(super) fn validation_event(&self, correlation_id: &str) -> String {
        let path = format!("/webhooks/v1/registration/validationEvents/{correlation_id}");
        self.body(&[
            ("EventName", Some(EventName::TestCreated.as_str())),
            ("ResourceUri", Some(&self.api(&path))),
            ("ResourceName", Some("test")),
            ("AuditUri", None),
        ])
    }

    /// An event with this name.
    ///
    /// Source: "Partner Center webhook events". No payload is published for the migration events and three of the transfer
    /// events; theirs follow similar events.
    pub(super) fn sample(&self, name: &EventName) -> Sample {
        let subject = subject(name);
        let resource_name = subject.resource_name();
        let id = guid().to_string();
        let mut resources = Vec::new();
        let mut members = vec![("EventName", Some(name.as_str()))];
        if let Subject::Validation = subject {
            let body = self.validation_event(&id);
            return Sample { body, resources };
        }
        if let Subject::None(names) = subject {
            let value = |member: &str| resource_name.filter(|_| member == "ResourceName");
            members.extend(names.iter().map(|member| (*member, value(member))));
            let body = self.body(&members);
            return Sample { body, resources };
        }
        let (uri, resource) = self.resource(&subject, &id);
        resources.push(resource);
        let audit_uri = subject.audited(name, &id).map(|resource| {
            let (partner, ticks) = (self.partner_id, ticks(self.now));
            let operation = operation(name);
            let audit_id = format!("{partner}_{CUSTOMER}_{resource}{operation}_{ticks}");
            let (path, record) = samples::audit_record(&audit_id);
            let uri = self.api(&path);
            resources.push((path, record));
            uri
        });
        members.push(("ResourceUri", Some(uri.as_str())));
        members.extend(resource_name.map(|name| ("ResourceName", Some(name))));
        members.push(("AuditUri", audit_uri.as_deref()));
        let body = self.body(&members);
        Sample { body, resources }
    }

    /// The `ResourceUri` of an event, and the resource with its path at this fake.
    fn resource(&self, subject: &Subject, id: &str) -> (String, (String, Value)) {
        let relationship = format!("{}-{id}", guid());
        let (resource, uri) = match subject {
            Subject::Subscription => {
                let resource = samples::subscription(CUSTOMER, id);
                // As documented, with an extra path segment.
                let uri = self.api(&resource.0).replacen("/v1/", "/webhooks/v1/", 1);
                (resource, Some(uri))
            }
            Subject::UsageRecords => {
                let path = "/v1/customers/usagerecords".to_owned();
                ((path, json!({"totalCount": 0, "items": []})), None)
            }
            Subject::Referral => {
                let path = format!("{REFERRALS}/v1.0/engagements/referrals/{id}");
                let uri = self.api(&format!("/engagements/v1/referrals/{id}"));
                let referral = json!({"id": id, "status": "New", "substatus": "Pending"});
                ((path, referral), Some(uri))
            }
            Subject::Invoice => {
                let number = self.now.unix_timestamp().rem_euclid(1_000_000_000);
                (samples::invoice(&format!("G{number:09}")), None)
            }
            Subject::Relationship => {
                let path = format!("{GRAPH}{RELATIONSHIPS}/{relationship}");
                let name = "Wingtip Toys";
                let resource = json!({"id": relationship, "displayName": name, "status": "active"});
                let uri = format!("{PARTNER}/granularAdminRelationships/{relationship}");
                ((path, resource), Some(uri))
            }
            Subject::AccessAssignment => {
                let part = format!("{relationship}/accessAssignments/{id}");
                let path = format!("{GRAPH}{RELATIONSHIPS}/{part}");
                let uri = format!("{PARTNER}/granularAdminRelationships/{part}");
                ((path, json!({"id": id, "status": "active"})), Some(uri))
            }
            Subject::FraudEvents => (samples::fraud_events(id), None),
            Subject::Migration => {
                let path = format!("/v1/customers/{CUSTOMER}/migrations/newcommerce/{id}");
                ((path, json!({"id": id, "status": "Completed"})), None)
            }
            Subject::Transfer => {
                let path = format!("/v1/customers/{CUSTOMER}/transfers/{id}");
                // As reported: only the audit id names the transfer.
                let uri = self.api(&format!("/v1/customers/{CUSTOMER}"));
                ((path, json!({"id": id, "status": "Complete"})), Some(uri))
            }
            Subject::Customer | Subject::None(_) | Subject::Validation => {
                (samples::customer(CUSTOMER), None)
            }
        };
        (uri.unwrap_or_else(|| self.api(&resource.0)), resource)
    }

    /// The URL of a path of the API.
    fn api(&self, path: &str) -> String {
        format!("{}{path}", self.base_url)
    }

    /// An object with these members and the date. A serde_json map would not keep their order.
    fn body(&self, members: &[(&str, Option<&str>)]) -> String {
        // .NET's round-trip format in JSON: up to seven digits, without trailing zeros.
        let date = date_time(self.now, 7);
        let date = date.trim_end_matches('0').trim_end_matches('.');
        let date = format!("{date}+00:00");
        let date = ("ResourceChangeUtcDate", Some(date.as_str()));
        let members: Vec<_> = members
            .iter()
            .chain([&date])
            .map(|(name, value)| format!("{}:{}", json!(name), json!(value)))
            .collect();
        format!("{{{}}}", members.join(","))
    }
}

/// What an event is about.
enum Subject {
    AccessAssignment,
    Customer,
    FraudEvents,
    Invoice,
    Migration,
    /// No resource; the event has these members after its name.
    None(&'static [&'static str]),
    Referral,
    Relationship,
    Subscription,
    Transfer,
    UsageRecords,
    Validation,
}

/// The table of events.
fn subject(name: &EventName) -> Subject {
    use EventName as E;
    match name {
        E::AzureFraudEventDetected => Subject::FraudEvents,
        E::CompleteTransfer | E::CreateTransfer | E::FailTransfer | E::UpdateTransfer => {
            Subject::Transfer
        }
        E::DapAdminRelationshipApproved | E::DapAdminRelationshipTerminated => {
            Subject::None(&["ResourceName", "AuditUri", "ResourceUri"])
        }
        E::DapAdminRelationshipTerminatedByMicrosoft => {
            Subject::None(&["ResourceName", "AuditUri"])
        }
        E::GranularAdminAccessAssignmentActivated
        | E::GranularAdminAccessAssignmentCreated
        | E::GranularAdminAccessAssignmentDeleted
        | E::GranularAdminAccessAssignmentUpdated => Subject::AccessAssignment,
        E::GranularAdminRelationshipActivated
        | E::GranularAdminRelationshipApproved
        | E::GranularAdminRelationshipExpired
        | E::GranularAdminRelationshipTerminated => Subject::Relationship,
        E::IndirectResellerRelationshipAcceptedByCustomer
        | E::ResellerRelationshipAcceptedByCustomer => Subject::Customer,
        E::InvoiceReady => Subject::Invoice,
        E::NewCommerceMigrationCompleted
        | E::NewCommerceMigrationCreated
        | E::NewCommerceMigrationFailed
        | E::NewCommerceMigrationScheduleFailed => Subject::Migration,
        E::Other(_) => Subject::None(&["ResourceUri", "AuditUri"]),
        E::ReferralCreated
        | E::ReferralUpdated
        | E::RelatedReferralCreated
        | E::RelatedReferralUpdated => Subject::Referral,
        E::SubscriptionActive
        | E::SubscriptionPending
        | E::SubscriptionRenewed
        | E::SubscriptionUpdated => Subject::Subscription,
        E::TestCreated => Subject::Validation,
        E::UsageRecordsThresholdExceeded => Subject::UsageRecords,
    }
}

impl Subject {
    /// The `ResourceName` of the event, which some events do not have.
    fn resource_name(&self) -> Option<&'static str> {
        match self {
            Self::AccessAssignment => Some("GranularAdminAccessAssignment"),
            Self::Customer => Some("Customer"),
            Self::FraudEvents | Self::Migration => None,
            Self::Invoice => Some("invoice"),
            Self::None(_) => Some("PartnerCustomerDap"),
            Self::Referral => Some("referral"),
            Self::Relationship => Some("GranularAdminRelationship"),
            Self::Subscription => Some("subscription"),
            Self::Transfer => Some("Transfer"),
            Self::UsageRecords => Some("usagerecords"),
            Self::Validation => Some("test"),
        }
    }

    /// What the audit id of event `name` contains between customer and operation; `None` if it has no audit id.
    fn audited(&self, name: &EventName, id: &str) -> Option<String> {
        match self {
            Self::Subscription | Self::Transfer => Some(format!("{id}_")),
            Self::Customer => Some(String::new()),
            // The samples have no audit id; real deliveries of this event do.
            Self::Relationship if *name == EventName::GranularAdminRelationshipApproved => {
                Some(String::new())
            }
            _ => None,
        }
    }
}

/// The operation in an audit id: usually the event's name without hyphens.
fn operation(name: &EventName) -> String {
    match name {
        EventName::SubscriptionActive
        | EventName::SubscriptionPending
        | EventName::SubscriptionRenewed
        | EventName::SubscriptionUpdated => "updatesubscription".to_owned(),
        name => name.as_str().replace('-', ""),
    }
}

/// Units of 100 nanoseconds since the year 1, as at the end of audit ids.
fn ticks(at: OffsetDateTime) -> i128 {
    at.unix_timestamp_nanos() / 100 + TICKS_OF_1970
}

/// The customer in all samples, as in the documentation.
const CUSTOMER: &str = "4b2a6e33-8791-4386-bd2b-0d55baf25039";
/// 2023-10-18T00:26:24.0159088Z, as in the documentation, in nanoseconds since 1970.
const SAMPLE_TIME: i128 = 1_697_588_784_015_908_800;
const TICKS_OF_1970: i128 = 621_355_968_000_000_000;
const PARTNER: &str = "https://partner.microsoft.com";
const RELATIONSHIPS: &str = "/v1.0/tenantRelationships/delegatedAdminRelationships";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;

    fn scene() -> Scene<'static> {
        Scene {
            base_url: "https://api.partnercenter.microsoft.com",
            partner_id: "60d5c4bb-f78a-4200-a002-953d7cc1f5f8",
            now: OffsetDateTime::from_unix_timestamp_nanos(SAMPLE_TIME).unwrap(),
        }
    }

    #[test]
    fn samples_equal_the_documented_ones() {
        let sample = scene().sample(&EventName::ResellerRelationshipAcceptedByCustomer);
        assert_eq!(
            sample.body,
            r#"{"EventName":"reseller-relationship-accepted-by-customer","ResourceUri":"https://api.partnercenter.microsoft.com/v1/customers/4b2a6e33-8791-4386-bd2b-0d55baf25039","ResourceName":"Customer","AuditUri":"https://api.partnercenter.microsoft.com/auditactivity/v1/auditrecords/60d5c4bb-f78a-4200-a002-953d7cc1f5f8_4b2a6e33-8791-4386-bd2b-0d55baf25039_resellerrelationshipacceptedbycustomer_638331855840159088","ResourceChangeUtcDate":"2023-10-18T00:26:24.0159088+00:00"}"#
        );
        let sample = scene().sample(&EventName::DapAdminRelationshipApproved);
        assert_eq!(
            sample.body,
            r#"{"EventName":"dap-admin-relationship-approved","ResourceName":"PartnerCustomerDap","AuditUri":null,"ResourceUri":null,"ResourceChangeUtcDate":"2023-10-18T00:26:24.0159088+00:00"}"#
        );
    }

    #[test]
    fn every_sample_is_an_event_of_its_name() {
        for name in EventName::ALL {
            let event = Event::from_slice(scene().sample(name).body.as_bytes()).unwrap();
            assert_eq!(event.name(), name);
            assert_eq!(event.resource_change_utc_date(), Some(scene().now), "{name}");
        }
    }
}
