//! Azure Resource Manager: its headers, and the causes of its refusals.

use http::HeaderName;

use crate::api::{KnownCause, Service};

/// Azure Resource Manager.
///
/// Source: "Azure REST API: common request and response headers"; "Azure REST API: error response" (each error has a code).
pub(super) static RESOURCE_MANAGER: Service = Service {
    request_id: HeaderName::from_static("x-ms-client-request-id"),
    request_id_received: HeaderName::from_static("x-ms-request-id"),
    correlation_id: Some(HeaderName::from_static("x-ms-correlation-request-id")),
    causes: CAUSES,
    general_advice: |status| match status.as_u16() {
        300..=399 => Service::REDIRECT,
        401 => {
            "the token was refused: check that it is for Azure Resource Manager, and from the subscription's tenant"
        }
        _ => "",
    },
    is_own_code: |_, is_nested| is_nested,
    is_not_found: |code| NOT_FOUND.iter().any(|one| one.eq_ignore_ascii_case(code)),
    empty_is_not_found: false,
};

/// Source: "Troubleshoot common Azure deployment errors"; "Authorization errors", Azure Resource Manager.
const CAUSES: &[KnownCause] = &[
    KnownCause::new("AuthorizationFailed", NO_ROLE),
    KnownCause::of_this_token(
        "ExpiredAuthenticationToken",
        "the token has expired: use a newer one, or a provider that renews it",
    ),
    KnownCause::of_this_token(
        "InvalidAuthenticationToken",
        "the token is malformed, or is not for Azure Resource Manager",
    ),
    KnownCause::new(
        "InvalidAuthenticationTokenAudience",
        "the token has another audience: request the scope of Resource Manager in this cloud",
    ),
    KnownCause::new(
        "InvalidAuthenticationTokenTenant",
        "the token is from a tenant other than the subscription's: request it in the subscription's tenant",
    ),
    KnownCause::new("LinkedAuthorizationFailed", NO_ROLE),
    KnownCause::new(
        "MissingSubscriptionRegistration",
        "register the provider Microsoft.EventGrid in the subscription",
    ),
    KnownCause::new(
        "NoRegisteredProviderFound",
        "the provider is not available in this region, or not in this version of the API",
    ),
    KnownCause::new(
        "ReadOnlyDisabledSubscription",
        "the subscription is disabled: its owner can see why, and enable it",
    ),
    KnownCause::new(
        "RequestDisallowedByPolicy",
        "a policy of the subscription forbids it: the message names the policy",
    ),
    KnownCause::new(
        "ScopeLocked",
        "the resource or its group is locked: an owner can remove the lock",
    ),
    KnownCause::new(
        "SubscriptionNotFound",
        "the token's tenant has no such subscription: check its id and the tenant",
    ),
];

const NO_ROLE: &str = "the application or the user needs a role with this action on this resource, such as Reader to read it or EventGrid Contributor to change it; a new role takes some minutes to apply";

const NOT_FOUND: [&str; 4] =
    ["NotFound", "ParentResourceNotFound", "ResourceGroupNotFound", "ResourceNotFound"];
