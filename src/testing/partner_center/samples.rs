//! Sample resources that events point to, in the shape of the real service, with invented values.
//!
//! Each function returns the path with query for [`PartnerCenter::put_resource`](super::PartnerCenter::put_resource), and
//! the resource.

use serde_json::{Value, json};

/// A customer's subscription.
///
/// # Source
///
/// "Get a subscription by ID".
pub fn subscription(customer_id: &str, subscription_id: &str) -> (String, Value) {
    let path = format!("/v1/customers/{customer_id}/subscriptions/{subscription_id}");
    let resource = json!({
        "id": subscription_id,
        "offerId": "CFQ7TTC0LH16:0001:CFQ7TTC0K971",
        "entitlementId": "0cbe1a33-6fd6-4c8e-a4e2-a2a6e1e0b7c5",
        "offerName": "Microsoft 365 Business Basic",
        "friendlyName": "Microsoft 365 Business Basic",
        "quantity": 25,
        "unitType": "Licenses",
        "hasPurchasableAddons": false,
        "creationDate": "2026-01-15T08:04:00.9270000Z",
        "effectiveStartDate": "2026-01-15T00:00:00Z",
        "commitmentEndDate": "2027-01-14T00:00:00Z",
        "status": "active",
        "autoRenewEnabled": true,
        "isTrial": false,
        "billingType": "license",
        "billingCycle": "monthly",
        "termDuration": "P1Y",
        "renewalTermDuration": "P1Y",
        "isMicrosoftProduct": true,
        "partnerId": "1234567",
        "actions": ["Edit"],
        "orderId": "c403bbcf31d2",
        "links": {"self": {"uri": path.trim_start_matches("/v1"), "method": "GET", "headers": []}},
        "attributes": {"etag": "eyJpZCI6IiIsInZlcnNpb24iOjF9", "objectType": "Subscription"},
    });
    (path, resource)
}

/// A customer.
///
/// # Source
///
/// "Get a customer by ID".
pub fn customer(customer_id: &str) -> (String, Value) {
    let path = format!("/v1/customers/{customer_id}");
    let resource = json!({
        "id": customer_id,
        "commerceId": customer_id,
        "companyProfile": {
            "tenantId": customer_id,
            "domain": "wingtiptoys.onmicrosoft.example",
            "companyName": "Wingtip Toys",
            "attributes": {"objectType": "CustomerCompanyProfile"},
        },
        "billingProfile": null,
        "relationshipToPartner": "reseller",
        "allowDelegatedAccess": true,
        "customDomains": null,
        "links": {"self": {"uri": path.trim_start_matches("/v1"), "method": "GET", "headers": []}},
        "attributes": {"objectType": "Customer"},
    });
    (path, resource)
}

/// An invoice. Needs a user's token.
///
/// # Source
///
/// "Get invoice by ID".
pub fn invoice(invoice_id: &str) -> (String, Value) {
    let path = format!("/v1/invoices/{invoice_id}");
    let resource = json!({
        "id": invoice_id,
        "invoiceDate": "2026-11-06T22:20:59.5166667Z",
        "billingPeriodStartDate": "2026-10-01T00:00:00Z",
        "billingPeriodEndDate": "2026-10-31T00:00:00Z",
        "totalCharges": 1200.5,
        "paidAmount": 0.0,
        "currencyCode": "USD",
        "currencySymbol": "$",
        "pdfDownloadLink": format!("/invoices/{invoice_id}/documents/statement"),
        "invoiceDetails": [{
            "invoiceLineItemType": "billing_line_items",
            "billingProvider": "one_time",
            "links": {"self": {
                "uri": format!("/invoices/{invoice_id}/lineitems?provider=onetime&invoicelineitemtype=billinglineitems"),
                "method": "GET",
                "headers": [],
            }},
            "attributes": {"objectType": "InvoiceDetail"},
        }],
        "documentType": "invoice",
        "state": "due",
        "invoiceType": "OneTime",
        "links": {"self": {"uri": path.trim_start_matches("/v1"), "method": "GET", "headers": []}},
        "attributes": {"objectType": "Invoice"},
    });
    (path, resource)
}

/// The active fraud events of a subscription, one of the old and one of the new model. Needs a user's token.
///
/// The response is a bare array; its times have no offset, and "never" is the year 9999.
///
/// # Source
///
/// "Get fraud events".
pub fn fraud_events(subscription_id: &str) -> (String, Value) {
    let path = format!("/v1/fraudEvents?SubscriptionId={subscription_id}&EventStatus=Active");
    let events = json!([old_fraud_event(subscription_id), new_fraud_event(subscription_id)]);
    (path, events)
}

fn old_fraud_event(subscription_id: &str) -> Value {
    json!({
        "eventTime": "2021-12-08T00:25:45.69",
        "eventId": "2a9b7d1c-0000-4000-8000-0000000000aa",
        "partnerTenantId": "60d5c4bb-f78a-4200-a002-953d7cc1f5f8",
        "partnerFriendlyName": "Fabrikam",
        "customerTenantId": "4b2a6e33-8791-4386-bd2b-0d55baf25039",
        "customerFriendlyName": "Wingtip Toys",
        "subscriptionId": subscription_id,
        "subscriptionType": "modern",
        "entityId": "miner01",
        "entityName": "miner01",
        "entityUrl": "miner01.example",
        "hitCount": "10",
        "catalogOfferId": "MS-AZR-0017G",
        "eventStatus": "Active",
        "serviceName": "sql",
        "resourceName": "db1",
        "resourceGroupName": "rg1",
        "firstOccurrence": "2021-12-08T00:25:45.69",
        "lastOccurrence": "2021-12-08T00:25:45.69",
        "resolvedReason": "None",
        "resolvedOn": "9999-12-31T23:59:59.9970000",
        "resolvedBy": "",
        "firstObserved": "2021-12-08T00:25:45.69",
        "lastObserved": "2021-12-08T00:25:45.69",
    })
}

fn new_fraud_event(subscription_id: &str) -> Value {
    json!({
        "eventTime": "2023-10-18T00:26:24.0159088",
        "eventId": "2a9b7d1c-0000-4000-8000-0000000000ab",
        "partnerTenantId": "60d5c4bb-f78a-4200-a002-953d7cc1f5f8",
        "partnerFriendlyName": "Fabrikam",
        "customerTenantId": "4b2a6e33-8791-4386-bd2b-0d55baf25039",
        "customerFriendlyName": "Wingtip Toys",
        "subscriptionId": subscription_id,
        "subscriptionName": "Azure plan",
        "subscriptionType": "modern",
        "eventStatus": "Active",
        "eventType": "NetworkConnectionsToCryptoMiningPools",
        "severity": "High",
        "confidenceLevel": "high",
        "displayName": "Connections to crypto mining pools",
        "description": "Virtual machines connect to mining pools.",
        "country": "US",
        "valueAddedResellerTenantId": null,
        "valueAddedResellerFriendlyName": null,
        "affectedResources": [{
            "azureResourceId": format!("/subscriptions/{subscription_id}/resourceGroups/rg1"),
            "type": "Microsoft.Compute/virtualMachines",
        }],
        "additionalDetails": {"resourceid": "rg1", "connectionCount": "31"},
        "IsTest": "false",
        "activityLogs": "[{\"statusFrom\":\"Active\",\"statusTo\":\"Investigating\",\"updatedBy\":\"admin@fabrikam.example\",\"dateTime\":\"2023-10-18T02:26:24+02:00\"}]",
        "firstObserved": "2023-10-18T00:26:24.0159088",
        "lastObserved": "2023-10-18T00:26:24.0159088",
        "resolvedReason": "None",
        "resolvedOn": "9999-12-31T23:59:59.9970000",
        "resolvedBy": "",
    })
}

/// The audit record of an approved GDAP relationship. Its new value is JSON in a string.
///
/// # Source
///
/// "Auditing resources"; the path is from the `AuditUri` of real events.
pub fn audit_record(audit_id: &str) -> (String, Value) {
    let path = format!("/auditactivity/v1/auditrecords/{audit_id}");
    let new_value = json!({
        "Id": "7d50dcd8-5dfc-47c9-9b9c-1a0e0a3c3f5a-4b2a6e33-8791-4386-bd2b-0d55baf25039",
        "customer": {"tenantId": "4b2a6e33-8791-4386-bd2b-0d55baf25039", "organizationDisplayName": "Wingtip Toys"},
    });
    let resource = json!({
        "id": audit_id,
        "partnerId": "60d5c4bb-f78a-4200-a002-953d7cc1f5f8",
        "participants": [],
        "customerId": "4b2a6e33-8791-4386-bd2b-0d55baf25039",
        "customerName": "Wingtip Toys",
        "userPrincipalName": "admin@wingtiptoys.onmicrosoft.example",
        "applicationId": "Partner Center Web",
        "resourceType": "granular_admin_relationship",
        "resourceOldValue": null,
        "resourceNewValue": new_value.to_string(),
        "operationType": "granular_admin_relationship_approved",
        "operationDate": "2023-10-18T00:26:24.0159088Z",
        "operationStatus": "succeeded",
        "originalCorrelationId": "04af2aea-d413-42db-824e-f328001484d1",
        "customizedData": [{"key": "ApprovedBy", "value": "Customer"}, {"key": "ExtendedBy", "value": null}],
        "attributes": {"objectType": "AuditRecord"},
    });
    (path, resource)
}
