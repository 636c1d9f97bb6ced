//! What Azure Resource Manager calls the ids of a call, and what its refusals mean.

use http::HeaderName;

use crate::api::{Cause, Dialect, REDIRECT};

/// Azure Resource Manager.
///
/// Source: "Azure REST API: common request and response headers"; "Azure REST API: error response", by which each error has a
/// code.
pub(super) static RESOURCE_MANAGER: Dialect = Dialect {
    request_id: HeaderName::from_static("x-ms-client-request-id"),
    request_id_received: HeaderName::from_static("x-ms-request-id"),
    correlation_id: Some(HeaderName::from_static("x-ms-correlation-request-id")),
    causes: CAUSES,
    general_advice: |status| match status.as_u16() {
        300..=399 => REDIRECT,
        401 => {
            "the token was refused: is it for Azure Resource Manager, and of the subscription's tenant?"
        }
        _ => "",
    },
    is_own_code: |_, is_nested| is_nested,
    is_absence: |code| ABSENCES.iter().any(|one| one.eq_ignore_ascii_case(code)),
    empty_is_absence: false,
};

/// Source: "Troubleshoot common Azure deployment errors"; "Authorization errors", Azure Resource Manager.
const CAUSES: &[Cause] = &[
    Cause::new("AuthorizationFailed", NO_ROLE),
    Cause::of_this_token(
        "ExpiredAuthenticationToken",
        "the token has ended: give a newer one, or a provider that renews it",
    ),
    Cause::of_this_token(
        "InvalidAuthenticationToken",
        "the token is malformed, or is not for Azure Resource Manager",
    ),
    Cause::new(
        "InvalidAuthenticationTokenAudience",
        "the token is for another audience: ask for the scope of Resource Manager in this cloud",
    ),
    Cause::new(
        "InvalidAuthenticationTokenTenant",
        "the token is of another tenant than the subscription: ask for it in the subscription's tenant",
    ),
    Cause::new("LinkedAuthorizationFailed", NO_ROLE),
    Cause::new(
        "MissingSubscriptionRegistration",
        "register the provider Microsoft.EventGrid in the subscription",
    ),
    Cause::new(
        "NoRegisteredProviderFound",
        "the provider is not in this region, or not in this version of the API",
    ),
    Cause::new(
        "ReadOnlyDisabledSubscription",
        "the subscription is disabled: an owner can see why, and enable it",
    ),
    Cause::new(
        "RequestDisallowedByPolicy",
        "a policy of the subscription forbids it: the service's words name the policy",
    ),
    Cause::new(
        "ScopeLocked",
        "a lock is on the resource or its group: an owner can remove it",
    ),
    Cause::new(
        "SubscriptionNotFound",
        "there is no such subscription in the token's tenant: check its id and the tenant",
    ),
];

const NO_ROLE: &str = "the application or the user needs a role with this action at this resource, such as Reader to read it or EventGrid Contributor to change it; a role takes some minutes to count";

const ABSENCES: [&str; 4] = [
    "NotFound",
    "ParentResourceNotFound",
    "ResourceGroupNotFound",
    "ResourceNotFound",
];
