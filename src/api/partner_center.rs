//! What Partner Center's API, Graph's and that of referrals have in common.

use http::{HeaderName, StatusCode};
use serde::de::DeserializeOwned;

use super::{Answer, Dialect};

impl Answer {
    /// The body, read as JSON; some of Microsoft's services put a byte order mark before it.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, String> {
        let body = self.body.strip_prefix(BYTE_ORDER_MARK);
        let json = serde_json::from_slice(body.unwrap_or(&self.body));
        json.map_err(|error| error.to_string())
    }
}

/// Partner Center, and those that were made in its image.
///
/// Source: "Partner Center REST headers".
pub(crate) static PARTNER_CENTER: Dialect = Dialect {
    request_id: HeaderName::from_static("ms-requestid"),
    request_id_received: HeaderName::from_static("ms-requestid"),
    correlation_id: Some(HeaderName::from_static("ms-correlationid")),
    advice: partner_center_advice,
};

/// Source: "Partner Center REST error codes"; the codes are not particular to one API.
fn partner_center_advice(status: StatusCode, code: &str) -> &'static str {
    match (status.as_u16(), code) {
        (300..=399, _) => " (redirects are not followed, for the token would go along)",
        (401, "900420") => " (the token is for another audience than this API)",
        (401, _) => {
            " (the token was refused: is it of a tenant that is enrolled in Partner Center?)"
        }
        (403, "900329") => " (this call needs a user's token, not an application's own)",
        (403, "2032" | "900150" | "900308") => {
            " (the user or the application lacks a role in Partner Center, such as Admin agent)"
        }
        (403, "900309") => " (a conditional access policy of the tenant forbids it)",
        _ => "",
    }
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
