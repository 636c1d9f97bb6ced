//! What Azure Resource Manager calls the ids of a call, and what its refusals do not say.

use http::{HeaderName, StatusCode};

use crate::api::Dialect;

/// Azure Resource Manager.
///
/// Source: "Azure REST API: common request and response headers".
pub(super) static RESOURCE_MANAGER: Dialect = Dialect {
    request_id: HeaderName::from_static("x-ms-client-request-id"),
    request_id_received: HeaderName::from_static("x-ms-request-id"),
    correlation_id: Some(HeaderName::from_static("x-ms-correlation-request-id")),
    advice: resource_manager_advice,
};

/// Source: "Troubleshoot common Azure deployment errors".
fn resource_manager_advice(status: StatusCode, code: &str) -> &'static str {
    match (status.as_u16(), code) {
        (300..=399, _) => " (redirects are not followed, for the token would go along)",
        (401, _) => {
            " (the token was refused: is it for Azure Resource Manager, and of the subscription's tenant?)"
        }
        (_, "MissingSubscriptionRegistration") => {
            " (register the provider Microsoft.EventGrid in the subscription)"
        }
        _ => "",
    }
}
