//! The resources that events point to.

use std::collections::HashMap;

use bytes::Bytes;
use http::{Method, Response};
use serde_json::Value;

use super::registration::method_not_allowed;
use crate::testing::loopback::request::RecordedRequest;
use crate::testing::loopback::response::{ErrorBody, ok};

/// Resources by path and query.
#[derive(Default)]
pub(super) struct Resources(HashMap<String, Value>);

impl Resources {
    /// Serves `resource` at this path and query, replacing an earlier one.
    pub(super) fn put(&mut self, path_and_query: String, resource: Value) {
        self.0.insert(path_and_query, resource);
    }

    /// Responds to a request with a token, of a user if `is_delegated`.
    pub(super) fn respond(
        &self,
        request: &RecordedRequest,
        is_delegated: bool,
        app_only_refused: bool,
    ) -> Response<Bytes> {
        if request.method() != Method::GET {
            return method_not_allowed();
        }
        let needs_user = DELEGATED_ONLY.iter().any(|prefix| request.path().starts_with(prefix));
        if needs_user && app_only_refused && !is_delegated {
            let description = "App-only access is not supported for this call.";
            return ErrorBody::standard("900329", description).response(403);
        }
        match self.0.get(request.path_and_query()) {
            Some(resource) => ok(resource),
            None if is_odata(request.path()) => ErrorBody::OData {
                code: "NotFound".to_owned(),
                message: "The resource was not found.".to_owned(),
            }
            .response(404),
            None => ErrorBody::standard("1000", "The resource was not found.").response(404),
        }
    }
}

/// Whether errors of this path have the OData shape.
fn is_odata(path: &str) -> bool {
    path.starts_with(GRAPH) || path.starts_with(REFERRALS)
}

/// The path prefix of Microsoft Graph.
pub(super) const GRAPH: &str = "/graph";
/// The path prefix of the referrals API.
pub(super) const REFERRALS: &str = "/referrals";
/// Calls that need a user's token. Source: the pages of these calls.
const DELEGATED_ONLY: &[&str] =
    &["/referrals/", "/v1/customers/usagerecords", "/v1/fraudEvents", "/v1/invoices/"];
