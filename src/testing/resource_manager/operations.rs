//! Long-running operations.
//!
//! A write or a deletion is accepted with the URL of its operation, and the resource is `Creating`, `Updating` or `Deleting` at
//! once. Polling the URL shows that the operation is in progress for [`Settings::polls`](super::Settings::polls) polls, and then
//! its result: only then is the resource deleted, or `Succeeded` or `Failed`.

use bytes::Bytes;
use http::header::{HeaderName, LOCATION, RETRY_AFTER};
use http::{Response, StatusCode};
use serde_json::json;

use super::resources::Operation;
use super::route::Route;
use super::state::{Outcome, State, refusal};
use crate::testing::loopback::response::{ErrorBody, guid, header, ok};

impl State {
    /// Begins an operation, and adds its headers to `response`.
    ///
    /// As recorded: the URL has a port even if it is the scheme's default, a write has only the first header, and there is no
    /// `Retry-After`.
    pub(super) fn begin(
        &mut self,
        route: &Route,
        is_deletion: bool,
        mut response: Response<Bytes>,
    ) -> Response<Bytes> {
        let operation = Operation {
            id: route.id(),
            is_deletion,
            left: self.settings.polls,
            failure: self.settings.failure.take(),
        };
        let id = guid().to_string().to_ascii_uppercase();
        let url = |what: &str| {
            let (base, subscription) = (&route.base_url, route.subscription());
            let version = route.api_version();
            let url = format!(
                "{base}/subscriptions/{subscription}/providers/Microsoft.EventGrid/locations/westeurope/operation{what}/{id}?api-version={version}"
            );
            header(&url)
        };
        let headers = response.headers_mut();
        if !(is_deletion && self.settings.location_only || self.settings.no_operation) {
            headers.insert(ASYNC_OPERATION, url("sStatus"));
        }
        if is_deletion && !self.settings.no_operation {
            headers.insert(LOCATION, url("Results"));
        }
        self.add_retry_after(&mut response);
        self.operations.insert(id, operation);
        response
    }

    /// Responds to `operationsStatus` or `operationResults`.
    pub(super) fn show_operation(&mut self, what: &str, route: &Route) -> Outcome {
        let id = route.name().to_ascii_uppercase();
        let unknown = || refusal(404, "OperationNotFound", "The operation was not found.");
        let operation = self.operations.get_mut(&id).ok_or_else(unknown)?;
        let is_pending = operation.left > 0;
        operation.left = operation.left.saturating_sub(1);
        let failure = operation.failure.clone().filter(|_| !is_pending);
        if !is_pending {
            let (resource, is_deletion) = (operation.id.clone(), operation.is_deletion);
            self.finish(&resource, is_deletion, failure.is_some());
        }
        let mut response = match (what, &failure) {
            ("results", Some(error)) => {
                let mut response = ok(&json!({"error": error}));
                *response.status_mut() = StatusCode::CONFLICT;
                response
            }
            ("results", None) if is_pending => ErrorBody::Empty.response(202),
            ("results", None) => ErrorBody::Empty.response(200),
            _ => {
                let status = match (is_pending, &failure) {
                    (true, _) => "InProgress",
                    (false, None) => "Succeeded",
                    (false, Some(_)) => "Failed",
                };
                // In the body the id is in lower case.
                let name = id.to_ascii_lowercase();
                let mut body = json!({"id": route.id(), "name": name, "status": status});
                if let (Some(error), Some(members)) = (failure, body.as_object_mut()) {
                    members.insert("error".to_owned(), error);
                }
                ok(&body)
            }
        };
        if is_pending {
            self.add_retry_after(&mut response);
        }
        Ok(response)
    }

    /// Makes progress with operations that no response names.
    pub(super) fn finish_unnamed(&mut self, id: &str) {
        let same = |other: &Operation| other.id.eq_ignore_ascii_case(id);
        let Some(operation) = self.operations.values_mut().find(|other| same(other)) else {
            return;
        };
        let (is_over, is_deletion) = (operation.left == 0, operation.is_deletion);
        operation.left = operation.left.saturating_sub(1);
        if is_over {
            let failed = operation.failure.is_some();
            self.operations.retain(|_, other| !same(other));
            self.finish(id, is_deletion, failed);
        }
    }

    fn finish(&mut self, id: &str, is_deletion: bool, failed: bool) {
        if is_deletion && !failed {
            self.resources.remove(id);
            return;
        }
        let Some(stored) = self.resources.get_mut(id) else {
            return;
        };
        stored.set("provisioningState", if failed { "Failed" } else { "Succeeded" });
        let is_namespace = stored.text("/type").ends_with("/partnerNamespaces");
        if is_namespace && !failed {
            let (name, region) = (stored.text("/name"), stored.text("/location"));
            let endpoint = format!("https://{name}.{region}-1.eventgrid.azure.net/api/events");
            stored.set("endpoint", endpoint);
        }
    }

    fn add_retry_after(&self, response: &mut Response<Bytes>) {
        if let Some(seconds) = &self.settings.retry_after {
            response.headers_mut().insert(RETRY_AFTER, header(seconds));
        }
    }
}

const ASYNC_OPERATION: HeaderName = HeaderName::from_static("azure-asyncoperation");
