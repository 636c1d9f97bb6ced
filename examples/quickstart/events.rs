//! The body of every documented event, shaped like Microsoft's samples.

use partner_center_webhooks::EventName;
use serde::Serialize;

/// The members of an event, in the order in which Partner Center writes them.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Body<'a> {
    event_name: &'a EventName,
    resource_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_name: Option<&'static str>,
    audit_uri: Option<String>,
    resource_change_utc_date: &'static str,
}

/// The body of a callback for `name`.
pub(crate) fn body(name: &EventName) -> Result<String, serde_json::Error> {
    let (resource_name, resource_uri) = resource(name);
    serde_json::to_string(&Body {
        event_name: name,
        resource_uri,
        resource_name,
        audit_uri: audit_uri(name),
        resource_change_utc_date: "2026-08-21T14:44:18.6278540+00:00",
    })
}

/// `ResourceName` and `ResourceUri`.
fn resource(name: &EventName) -> (Option<&'static str>, Option<String>) {
    use EventName::*;
    match name {
        AzureFraudEventDetected => (
            None,
            Some(format!(
                "{API}/v1/fraudEvents?SubscriptionId={SUBSCRIPTION}&EventStatus=Active"
            )),
        ),
        CompleteTransfer | FailTransfer => (
            Some("Transfer"),
            Some(format!(
                "{API}/webhooks/v1/customers/{CUSTOMER}/transfers/{TRANSFER}"
            )),
        ),
        // The id of the transfer is in the audit URI alone.
        CreateTransfer | UpdateTransfer => (
            Some("Transfer"),
            Some(format!("{API}/v1/customers/{CUSTOMER}")),
        ),
        DapAdminRelationshipApproved
        | DapAdminRelationshipTerminated
        | DapAdminRelationshipTerminatedByMicrosoft => (Some("PartnerCustomerDap"), None),
        GranularAdminAccessAssignmentActivated
        | GranularAdminAccessAssignmentCreated
        | GranularAdminAccessAssignmentDeleted
        | GranularAdminAccessAssignmentUpdated => (
            Some("GranularAdminAccessAssignment"),
            Some(format!(
                "{GDAP}/{RELATIONSHIP}/accessAssignments/{ASSIGNMENT}"
            )),
        ),
        GranularAdminRelationshipActivated
        | GranularAdminRelationshipApproved
        | GranularAdminRelationshipExpired
        | GranularAdminRelationshipTerminated => (
            Some("GranularAdminRelationship"),
            Some(format!("{GDAP}/{RELATIONSHIP}")),
        ),
        IndirectResellerRelationshipAcceptedByCustomer | ResellerRelationshipAcceptedByCustomer => {
            (
                Some("Customer"),
                Some(format!("{API}/v1/customers/{CUSTOMER}")),
            )
        }
        InvoiceReady => (
            Some("invoice"),
            Some(format!("{API}/v1/invoices/G000024135")),
        ),
        NewCommerceMigrationCompleted
        | NewCommerceMigrationCreated
        | NewCommerceMigrationFailed
        | NewCommerceMigrationScheduleFailed => (
            None,
            Some(format!(
                "{API}/v1/customers/{CUSTOMER}/migrations/newcommerce/{MIGRATION}"
            )),
        ),
        ReferralCreated | ReferralUpdated | RelatedReferralCreated | RelatedReferralUpdated => (
            Some("referral"),
            Some(format!("{API}/engagements/v1/referrals/{REFERRAL}")),
        ),
        SubscriptionActive | SubscriptionPending | SubscriptionRenewed | SubscriptionUpdated => (
            Some("subscription"),
            Some(format!(
                "{API}/webhooks/v1/customers/{CUSTOMER}/subscriptions/{SUBSCRIPTION}"
            )),
        ),
        TestCreated => (
            Some("test"),
            Some(format!(
                "{API}/webhooks/v1/registration/validationEvents/{CORRELATION}"
            )),
        ),
        UsageRecordsThresholdExceeded => (
            Some("usagerecords"),
            Some(format!("{API}/v1/customers/usagerecords")),
        ),
        // A later version may know more names; we have no sample of them yet.
        _ => (None, None),
    }
}

fn audit_uri(name: &EventName) -> Option<String> {
    let (resource, operation) = match name {
        EventName::CreateTransfer => (TRANSFER, "createtransfer"),
        EventName::SubscriptionUpdated => (SUBSCRIPTION, "subscriptionupdated"),
        EventName::UpdateTransfer => (TRANSFER, "updatetransfer"),
        _ => return None,
    };
    Some(format!(
        "{API}/auditactivity/v1/auditrecords/{PARTNER}_{CUSTOMER}_{resource}_{operation}_638696114586278540"
    ))
}

const API: &str = "https://api.partnercenter.microsoft.com";
const GDAP: &str = "https://partner.microsoft.com/granularAdminRelationships";

const ASSIGNMENT: &str = "a1b60d3e-5a2b-4d4f-9a5c-0e6f6c1d2b7a";
const CORRELATION: &str = "c0bfd694-3075-4ec5-9a3c-733d3a890a1f";
const CUSTOMER: &str = "4b2a6e33-8791-4386-bd2b-0d55baf25039";
const MIGRATION: &str = "6d2a7c1e-94c5-4d0b-8d0c-8f1f3f4a7e21";
const PARTNER: &str = "60d5c4bb-f78a-4200-a002-953d7cc1f5f8";
const REFERRAL: &str = "2e9c1d0b-6a53-4c5e-8a39-1f6f0c4f7d18";
const RELATIONSHIP: &str =
    "72a7ae7e-4887-4e34-9755-2e1e9b26b943-63f017cb-9e0d-4f14-94bd-4871902b3409";
const SUBSCRIPTION: &str = "a4f1340d-6911-4758-bba3-0c6c6007d161";
const TRANSFER: &str = "bf8c56ab-7094-4429-847e-73f019e4ab7c";
