//! Transient refusals: one rule for all clients.

use http::StatusCode;

/// Whether a refusal with this status and code is transient.
///
/// The code of an internal error is transient with any status. The statuses 501 and 505 are not transient.
pub(crate) fn is_transient(status: StatusCode, code: &str) -> bool {
    is_transient_status(status) || is_transient_code(code)
}

/// Whether the status alone is transient: 408, 429, and server errors except 501 and 505.
pub(crate) fn is_transient_status(status: StatusCode) -> bool {
    match status {
        StatusCode::NOT_IMPLEMENTED | StatusCode::HTTP_VERSION_NOT_SUPPORTED => false,
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => true,
        status => status.is_server_error(),
    }
}

/// Whether a code names a transient fault of the service; case, spaces and punctuation are ignored.
///
/// Source: "Azure REST API: error response"; "Throttling Resource Manager requests"; RFC 6749, section 4.1.2.1; "Microsoft
/// Entra authentication and authorization error codes".
pub(crate) fn is_transient_code(code: &str) -> bool {
    let letters = code.chars().filter(|it| it.is_ascii_alphanumeric());
    let code: String = letters.map(|it| it.to_ascii_lowercase()).collect();
    TRANSIENT.contains(&code.as_str())
}

const TRANSIENT: [&str; 16] = [
    "aadsts90006",
    "aadsts90024",
    "aadsts90033",
    "gatewaytimeout",
    "internalerror",
    "internalservererror",
    "operationtimedout",
    "retryableerror",
    "serverbusy",
    "servererror",
    "servicetimeout",
    "serviceunavailable",
    "temporarilyunavailable",
    "timeout",
    "toomanyrequests",
    "unexpectedserviceerror",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_and_codes() {
        for (status, code, transient) in [
            (500, "", true),
            (502, "BadGateway", true),
            (503, "ServerBusy", true),
            (501, "", false),
            (505, "", false),
            (408, "", true),
            (429, "", true),
            (400, "", false),
            (400, "Url validation", false),
            (400, "InternalServerError", true),
            (200, "Internal error", true),
            (400, "temporarily_unavailable", true),
            (401, "invalid_client", false),
            (409, "RetryableError", true),
            (404, "ResourceNotFound", false),
            (404, "not an internal error", false),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(is_transient(status, code), transient, "{status} {code}");
        }
    }
}
