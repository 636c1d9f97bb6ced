//! What Partner Center's API, Graph's and that of referrals have in common.

use http::{HeaderName, StatusCode};

use super::dialect::{Cause, Dialect, REDIRECT};

/// Partner Center, and those that were made in its image.
///
/// Source: "Partner Center REST headers".
pub(crate) static PARTNER_CENTER: Dialect = Dialect {
    request_id: HeaderName::from_static("ms-requestid"),
    request_id_received: HeaderName::from_static("ms-requestid"),
    correlation_id: Some(HeaderName::from_static("ms-correlationid")),
    causes: CAUSES,
    general_advice,
    is_own_code: |code, _| is_number(code),
    is_absence: |code| !CAUSES.iter().any(|cause| cause.code == code),
    empty_is_absence: true,
};

/// The API of referrals, whose errors are those of OData.
///
/// Source: "Partner Center Referrals API response codes".
pub(crate) static REFERRALS: Dialect = Dialect {
    request_id: HeaderName::from_static("ms-requestid"),
    request_id_received: HeaderName::from_static("ms-requestid"),
    correlation_id: Some(HeaderName::from_static("ms-correlationid")),
    causes: CAUSES,
    general_advice,
    is_own_code: |_, is_nested| is_nested,
    is_absence: |_| true,
    empty_is_absence: true,
};

/// Microsoft Graph.
///
/// Source: "Best practices for working with Microsoft Graph", reliability and support; "Microsoft Graph error responses".
pub(crate) static GRAPH: Dialect = Dialect {
    request_id: HeaderName::from_static("client-request-id"),
    request_id_received: HeaderName::from_static("request-id"),
    correlation_id: None,
    causes: &[
        Cause::of_this_token(
            "InvalidAuthenticationToken",
            "the token has ended, or is not for Microsoft Graph",
        ),
        Cause::new(
            "Authorization_RequestDenied",
            "grant the application the permission DelegatedAdminRelationship.Read.All, and consent to it as an administrator",
        ),
    ],
    general_advice: |status| match status.is_redirection() {
        true => REDIRECT,
        false => "",
    },
    is_own_code: |_, is_nested| is_nested,
    is_absence: |_| true,
    empty_is_absence: true,
};

/// Source: "Partner Center REST error codes", of which none is particular to one API; 900420, 900421, 900309 and 10001 as
/// partners report them.
const CAUSES: &[Cause] = &[
    Cause::new("1002", NO_ROLE),
    Cause::new("10001", NO_MFA),
    Cause::new("2000", INVALID),
    Cause::new("2032", NO_ROLE),
    Cause::new("3000", INVALID),
    Cause::new("20002", NO_RELATIONSHIP),
    Cause::of_this_token(
        "800001",
        "the service found no token in the request: does a proxy take the header `Authorization` away?",
    ),
    Cause::new("800002", INVALID),
    Cause::new(
        "800039",
        "the partner's enrollment as a reseller is not active: see its status in Partner Center",
    ),
    Cause::new("900150", NO_ROLE),
    Cause::new("900159", NO_RELATIONSHIP),
    Cause::new("900308", NO_ROLE),
    Cause::new(
        "900309",
        "a conditional access policy of the tenant forbids it: ask its administrator to exempt the application or its user",
    ),
    Cause::new(
        "900329",
        "this call needs the token of a user, not an application's own: use a refresh token (Secure Application Model)",
    ),
    Cause::new(
        "900420",
        "the token is for another audience than this API: ask for the scope of this API in this cloud",
    ),
    Cause::new("900421", NO_MFA),
];

const INVALID: &str =
    "correct the request as the service's words say; it refuses the same one again";
const NO_MFA: &str = "the token comes from a sign-in without multi-factor authentication: the integration's user has to \
    sign in with it and consent again, and this program needs the new refresh token";
const NO_RELATIONSHIP: &str = "the customer has no relationship with this partner: that is right if the customer has left; \
    if all customers are refused, the token is of another partner's tenant";
const NO_ROLE: &str = "the user or the application lacks a role in Partner Center, such as Admin agent: assign it there";

fn general_advice(status: StatusCode) -> &'static str {
    match status.as_u16() {
        300..=399 => REDIRECT,
        401 => "the token was refused: is it of a tenant that is enrolled in Partner Center?",
        _ => "",
    }
}

/// Whether it looks like a code of Partner Center's table, of which those with 404 have four digits and more. Gateways repeat the
/// status, and gRPC's codes are shorter.
fn is_number(code: &str) -> bool {
    code.len() >= 4 && code.bytes().all(|byte| byte.is_ascii_digit())
}
