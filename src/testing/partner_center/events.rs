//! Events as Partner Center sends them, about resources that the fake then has.

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::resources::{GRAPH, REFERRALS};
use super::samples;
use crate::event::EventName;
use crate::testing::fake::answer::{date_time, guid};

/// An event and what it points to.
pub(super) struct Sample {
    /// Compact JSON, with the members in the order of the documentation.
    pub(super) body: String,
    pub(super) resources: Vec<(String, Value)>,
}

/// Where and when an event happens.
pub(super) struct Scene<'a> {
    /// Of the API, without a slash at the end.
    pub(super) base_url: &'a str,
    pub(super) partner_id: &'a str,
    pub(super) now: OffsetDateTime,
}

impl Scene<'_> {
    /// The validation event that is known as `correlation_id`.
    pub(super) fn validation_event(&self, correlation_id: &str) -> String {
        let path = format!("/webhooks/v1/registration/validationEvents/{correlation_id}");
        self.body(&[
            ("EventName", Some(EventName::TestCreated.as_str())),
            ("ResourceUri", Some(&self.api(&path))),
            ("ResourceName", Some("test")),
            ("AuditUri", None),
        ])
    }

    /// An event of this name.
    ///
    /// Source: "Partner Center webhook events". The events of migrations, and three of the transfers', have no published
    /// payload: theirs is that of their likes.
    pub(super) fn sample(&self, name: &EventName) -> Sample {
        let id = guid().to_string();
        let granular = format!("{}-{id}", guid());
        let mut resources = Vec::new();
        let mut about = |(path, resource): (String, Value)| {
            let uri = self.api(&path);
            resources.push((path, resource));
            uri
        };
        let (uri, resource_name, audit) = match name {
            EventName::TestCreated => {
                return Sample {
                    body: self.validation_event(&id),
                    resources,
                };
            }
            EventName::SubscriptionActive
            | EventName::SubscriptionPending
            | EventName::SubscriptionRenewed
            | EventName::SubscriptionUpdated => {
                let uri = about(samples::subscription(CUSTOMER, &id));
                // As documented: with a part too many.
                let uri = uri.replacen("/v1/", "/webhooks/v1/", 1);
                (uri, Some("subscription"), Audit::OfResource)
            }
            EventName::UsageRecordsThresholdExceeded => {
                let path = "/v1/customers/usagerecords".to_owned();
                let uri = about((path, json!({"totalCount": 0, "items": []})));
                (uri, Some("usagerecords"), Audit::None)
            }
            EventName::ReferralCreated
            | EventName::ReferralUpdated
            | EventName::RelatedReferralCreated
            | EventName::RelatedReferralUpdated => {
                let path = format!("{REFERRALS}/v1.0/engagements/referrals/{id}");
                about((
                    path,
                    json!({"id": id, "status": "New", "substatus": "Pending"}),
                ));
                let uri = self.api(&format!("/engagements/v1/referrals/{id}"));
                (uri, Some("referral"), Audit::None)
            }
            EventName::InvoiceReady => {
                let invoice = format!(
                    "G{:09}",
                    self.now.unix_timestamp().rem_euclid(1_000_000_000)
                );
                (
                    about(samples::invoice(&invoice)),
                    Some("invoice"),
                    Audit::None,
                )
            }
            EventName::GranularAdminRelationshipActivated
            | EventName::GranularAdminRelationshipApproved
            | EventName::GranularAdminRelationshipExpired
            | EventName::GranularAdminRelationshipTerminated => {
                let path = format!("{GRAPH}{RELATIONSHIPS}/{granular}");
                about((
                    path,
                    json!({"id": granular, "displayName": "Wingtip Toys", "status": "active"}),
                ));
                let uri = format!("{PARTNER}/granularAdminRelationships/{granular}");
                // Samples have none; real deliveries of this one do.
                let audit = match name {
                    EventName::GranularAdminRelationshipApproved => Audit::OfCustomer,
                    _ => Audit::None,
                };
                (uri, Some("GranularAdminRelationship"), audit)
            }
            EventName::GranularAdminAccessAssignmentActivated
            | EventName::GranularAdminAccessAssignmentCreated
            | EventName::GranularAdminAccessAssignmentDeleted
            | EventName::GranularAdminAccessAssignmentUpdated => {
                let path = format!("{GRAPH}{RELATIONSHIPS}/{granular}/accessAssignments/{id}");
                about((path, json!({"id": id, "status": "active"})));
                let uri = format!(
                    "{PARTNER}/granularAdminRelationships/{granular}/accessAssignments/{id}"
                );
                (uri, Some("GranularAdminAccessAssignment"), Audit::None)
            }
            EventName::IndirectResellerRelationshipAcceptedByCustomer
            | EventName::ResellerRelationshipAcceptedByCustomer => (
                about(samples::customer(CUSTOMER)),
                Some("Customer"),
                Audit::OfCustomer,
            ),
            EventName::DapAdminRelationshipApproved | EventName::DapAdminRelationshipTerminated => {
                let body = self.body(&[
                    ("EventName", Some(name.as_str())),
                    ("ResourceName", Some("PartnerCustomerDap")),
                    ("AuditUri", None),
                    ("ResourceUri", None),
                ]);
                return Sample { body, resources };
            }
            EventName::DapAdminRelationshipTerminatedByMicrosoft => {
                let body = self.body(&[
                    ("EventName", Some(name.as_str())),
                    ("ResourceName", Some("PartnerCustomerDap")),
                    ("AuditUri", None),
                ]);
                return Sample { body, resources };
            }
            EventName::AzureFraudEventDetected => {
                (about(samples::fraud_events(&id)), None, Audit::None)
            }
            EventName::NewCommerceMigrationCompleted
            | EventName::NewCommerceMigrationCreated
            | EventName::NewCommerceMigrationFailed
            | EventName::NewCommerceMigrationScheduleFailed => {
                let path = format!("/v1/customers/{CUSTOMER}/migrations/newcommerce/{id}");
                (
                    about((path, json!({"id": id, "status": "Completed"}))),
                    None,
                    Audit::None,
                )
            }
            EventName::CompleteTransfer
            | EventName::CreateTransfer
            | EventName::FailTransfer
            | EventName::UpdateTransfer => {
                let path = format!("/v1/customers/{CUSTOMER}/transfers/{id}");
                about((path, json!({"id": id, "status": "Complete"})));
                // As reported: only the audit id tells which transfer.
                let uri = self.api(&format!("/v1/customers/{CUSTOMER}"));
                (uri, Some("Transfer"), Audit::OfResource)
            }
            EventName::Other(_) => {
                let body = self.body(&[
                    ("EventName", Some(name.as_str())),
                    ("ResourceUri", None),
                    ("AuditUri", None),
                ]);
                return Sample { body, resources };
            }
        };
        let resource = match audit {
            Audit::None => None,
            Audit::OfCustomer => Some(String::new()),
            Audit::OfResource => Some(format!("{id}_")),
        };
        let audit_uri = resource.map(|resource| {
            let (partner, ticks) = (self.partner_id, ticks(self.now));
            let operation = operation(name);
            about(samples::audit_record(&format!(
                "{partner}_{CUSTOMER}_{resource}{operation}_{ticks}"
            )))
        });
        let mut members = vec![
            ("EventName", Some(name.as_str())),
            ("ResourceUri", Some(uri.as_str())),
        ];
        members.extend(resource_name.map(|name| ("ResourceName", Some(name))));
        members.push(("AuditUri", audit_uri.as_deref()));
        let body = self.body(&members);
        Sample { body, resources }
    }

    fn api(&self, path: &str) -> String {
        format!("{}{path}", self.base_url)
    }

    /// These members and the date, in this order, which a map of serde_json would not keep.
    fn body(&self, members: &[(&str, Option<&str>)]) -> String {
        // .NET's round-trip format as its JSON writes it: up to seven digits, without zeros at the end.
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

/// What an event's audit id is about.
enum Audit {
    /// The event has none.
    None,
    OfCustomer,
    /// The customer, and the resource.
    OfResource,
}

/// The operation in an audit id: nearly always the event's name without hyphens.
fn operation(name: &EventName) -> String {
    match name {
        EventName::SubscriptionActive
        | EventName::SubscriptionPending
        | EventName::SubscriptionRenewed
        | EventName::SubscriptionUpdated => "updatesubscription".to_owned(),
        name => name.as_str().replace('-', ""),
    }
}

/// 100 nanoseconds since the year 1, as at the end of audit ids.
fn ticks(at: OffsetDateTime) -> i128 {
    at.unix_timestamp_nanos() / 100 + TICKS_OF_1970
}

/// The customer of all samples: that of the documentation's.
const CUSTOMER: &str = "4b2a6e33-8791-4386-bd2b-0d55baf25039";
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
            now: OffsetDateTime::from_unix_timestamp_nanos(1_697_588_784_015_908_800).unwrap(),
        }
    }

    #[test]
    fn samples_are_byte_for_byte_the_documented_ones() {
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
            assert_eq!(
                event.resource_change_utc_date(),
                Some(scene().now),
                "{name}"
            );
        }
    }
}
