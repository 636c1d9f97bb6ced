//! What events point to.

use std::collections::HashMap;

use bytes::Bytes;
use http::{Method, Response};
use serde_json::Value;

use super::registration::method_not_allowed;
use crate::testing::fake::answer::{ErrorBody, ok};
use crate::testing::fake::request::RecordedRequest;

/// Resources by path and query.
#[derive(Debug, Default)]
pub(super) struct Resources(HashMap<String, Value>);

impl Resources {
    pub(super) fn put(&mut self, path_and_query: String, resource: Value) {
        self.0.insert(path_and_query, resource);
    }

    /// Answers a request that carries a token, of a user or not.
    pub(super) fn answer(
        &self,
        request: &RecordedRequest,
        is_users: bool,
        app_only_refused: bool,
    ) -> Response<Bytes> {
        if request.method() != Method::GET {
            return method_not_allowed();
        }
        let needs_user = USERS_ONLY
            .iter()
            .any(|prefix| request.path().starts_with(prefix));
        if needs_user && app_only_refused && !is_users {
            let description = "App-only access is not supported for this call.";
            return ErrorBody::standard("900329", description).answer(403);
        }
        match self.0.get(request.path_and_query()) {
            Some(resource) => ok(resource),
            None if is_odata(request.path()) => ErrorBody::OData {
                code: "NotFound".to_owned(),
                message: "The resource was not found.".to_owned(),
            }
            .answer(404),
            None => ErrorBody::standard("1000", "The resource was not found.").answer(404),
        }
    }
}

/// Whether errors of this path are of OData.
pub(super) fn is_odata(path: &str) -> bool {
    path.starts_with(GRAPH) || path.starts_with(REFERRALS)
}

/// Where the fake has Microsoft Graph.
pub(super) const GRAPH: &str = "/graph";
/// Where the fake has the API of referrals.
pub(super) const REFERRALS: &str = "/referrals";
/// Calls that an application may not make without a user. Source: the pages of these calls.
const USERS_ONLY: &[&str] = &[
    "/referrals/",
    "/v1/customers/usagerecords",
    "/v1/fraudEvents",
    "/v1/invoices/",
];
