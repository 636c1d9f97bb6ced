//! The services of Partner Center, Microsoft Graph and referrals.

use http::{HeaderName, StatusCode};

use super::service::{KnownCause, Service};

/// Partner Center, and APIs that follow its conventions.
///
/// Source: "Partner Center REST headers".
pub(crate) static PARTNER_CENTER: Service = Service {
    request_id: HeaderName::from_static("ms-requestid"),
    request_id_received: HeaderName::from_static("ms-requestid"),
    correlation_id: Some(HeaderName::from_static("ms-correlationid")),
    causes: CAUSES,
    general_advice,
    is_own_code: |code, _| is_number(code),
    is_not_found: |code| !CAUSES.iter().any(|cause| cause.code == code),
    empty_is_not_found: true,
};

/// The referrals API, whose errors follow OData.
///
/// Source: "Partner Center Referrals API response codes".
pub(crate) static REFERRALS: Service = Service {
    request_id: HeaderName::from_static("ms-requestid"),
    request_id_received: HeaderName::from_static("ms-requestid"),
    correlation_id: Some(HeaderName::from_static("ms-correlationid")),
    causes: CAUSES,
    general_advice,
    is_own_code: |_, is_nested| is_nested,
    is_not_found: |_| true,
    empty_is_not_found: true,
};

/// Microsoft Graph.
///
/// Source: "Best practices for working with Microsoft Graph", reliability and support; "Microsoft Graph error responses".
pub(crate) static GRAPH: Service = Service {
    request_id: HeaderName::from_static("client-request-id"),
    request_id_received: HeaderName::from_static("request-id"),
    correlation_id: None,
    causes: &[
        KnownCause::of_this_token(
            "InvalidAuthenticationToken",
            "the token has expired, or is not for Microsoft Graph",
        ),
        KnownCause::new(
            "Authorization_RequestDenied",
            "grant the application the permission DelegatedAdminRelationship.Read.All, and consent to it as an administrator",
        ),
    ],
    general_advice: |status| match status.is_redirection() {
        true => Service::REDIRECT,
        false => "",
    },
    is_own_code: |_, is_nested| is_nested,
    is_not_found: |_| true,
    empty_is_not_found: true,
};

/// Source: "Partner Center REST error codes", which all its APIs share; 900420, 900421, 900309 and 10001 from reports of
/// partners.
///
/// A code that is not in this list has no advice: the service's own message is shown.
const CAUSES: &[KnownCause] = &[
    KnownCause::new("1002", NO_ROLE),
    KnownCause::new("10001", NO_MFA),
    KnownCause::new("2000", INVALID),
    KnownCause::new("2032", NO_ROLE),
    KnownCause::new("3000", INVALID),
    KnownCause::new("20002", NO_RELATIONSHIP),
    KnownCause::of_this_token(
        "800001",
        "the service found no token in the request: check whether a proxy removes the header `Authorization`",
    ),
    KnownCause::new("800002", INVALID),
    KnownCause::new(
        "800039",
        "the partner's enrollment as a reseller is not active: check its status in Partner Center",
    ),
    KnownCause::new("900150", NO_ROLE),
    KnownCause::new("900159", NO_RELATIONSHIP),
    KnownCause::new("900308", NO_ROLE),
    KnownCause::new(
        "900309",
        "a conditional access policy of the tenant forbids it: ask its administrator to exempt the application or its user",
    ),
    KnownCause::new(
        "900329",
        "this call needs the token of a user, not of an application: use a refresh token (Secure Application Model)",
    ),
    KnownCause::new(
        "900420",
        "the token has another audience: request the scope of this API in this cloud",
    ),
    KnownCause::new("900421", NO_MFA),
];

const INVALID: &str =
    "correct the request as the message says; a retry of the same request will fail";
const NO_MFA: &str = "the token comes from a sign-in without multi-factor authentication: the integration's user must \
    sign in with it and consent again, and this program needs the new refresh token";
const NO_RELATIONSHIP: &str = "the customer has no relationship with this partner: this is normal if the customer has left; \
    if all customers are refused, the token is from another partner's tenant";
const NO_ROLE: &str = "the user or the application lacks a role in Partner Center, such as Admin agent: assign it there";

/// Advice for statuses of Partner Center and referrals.
fn general_advice(status: StatusCode) -> &'static str {
    match status.as_u16() {
        300..=399 => Service::REDIRECT,
        401 => {
            "the token was refused: check that it is from a tenant that is enrolled in Partner Center"
        }
        _ => "",
    }
}

/// Whether it looks like a code of Partner Center, where those with 404 have at least four digits. Gateways repeat the status,
/// and gRPC's codes are shorter.
fn is_number(code: &str) -> bool {
    code.len() >= 4 && code.bytes().all(|byte| byte.is_ascii_digit())
}
