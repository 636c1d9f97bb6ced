//! How a family of services names things: ids for a support case, and the causes of refusals.

use http::{HeaderName, StatusCode};

/// The words of a service.
#[derive(Debug)]
pub(crate) struct Dialect {
    /// Carries an id of ours, the same in all attempts of a call.
    pub(crate) request_id: HeaderName,
    /// Carries the service's own id of a request.
    pub(crate) request_id_received: HeaderName,
    /// Carries an id of ours, another one in each attempt, and comes back. Not every service has it.
    pub(crate) correlation_id: Option<HeaderName>,
    /// Causes that the service names by a code.
    pub(crate) causes: &'static [Cause],
    /// Advice for a status where no cause of the table is named.
    pub(crate) general_advice: fn(StatusCode) -> &'static str,
    /// Whether a code in JSON is of the service, and not of a gateway or a front end that answered in its place. Told is the
    /// code, and whether it is within an object `error`.
    pub(crate) is_own_code: fn(&str, bool) -> bool,
    /// Whether 404 with this code says that what was asked for does not exist.
    pub(crate) is_absence: fn(&str) -> bool,
    /// Whether 404 without a body says so too, if the response has the service's own ids.
    pub(crate) empty_is_absence: bool,
}

impl Dialect {
    pub(super) fn cause(&self, code: &str) -> Option<&'static Cause> {
        let mut causes = self.causes.iter();
        causes.find(|cause| cause.code.eq_ignore_ascii_case(code))
    }
}

/// A cause that a service names by a code.
#[derive(Debug)]
pub(crate) struct Cause {
    pub(crate) code: &'static str,
    /// What an operator can do about it.
    pub(crate) advice: &'static str,
    /// Whether another token, from the same credentials, may do better.
    pub(crate) another_token_helps: bool,
}

impl Cause {
    pub(crate) const fn new(code: &'static str, advice: &'static str) -> Self {
        Self {
            code,
            advice,
            another_token_helps: false,
        }
    }

    /// A cause that goes away with another token.
    pub(crate) const fn of_this_token(code: &'static str, advice: &'static str) -> Self {
        Self {
            code,
            advice,
            another_token_helps: true,
        }
    }
}

/// The advice for a redirect.
pub(crate) const REDIRECT: &str =
    "redirects are not followed, because the token would be sent along";
