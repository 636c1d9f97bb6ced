//! Long-running operations: changes that the service accepts first and finishes later.
//!
//! ```text
//! response ─┬ Azure-AsyncOperation     poll that URL for a status
//!           ├ 202 with Location        poll that URL until its status is not 202
//!           ├ deletion, neither        poll the resource until it is gone
//!           ├ not finished, neither    poll the resource for its state
//!           └ finished                 done
//! ```

use std::time::Duration;

use http::header::LOCATION;
use http::{HeaderName, Method, StatusCode};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::client::ManagementClient;
use super::enums::ProvisioningState;
use super::error::{ManagementError, OperationFailure};
use super::resource::ArmResource;
use super::resource_id::ResourceId;
use super::resource_type::ResourceType;
use crate::api::{ApiError, ApiResponse, Call, Refusal, after};
use crate::http_client::retry_after::retry_after;
use crate::json::response::Unreadable;
use crate::mask::Excerpt;

/// The first response to a change.
#[derive(Default)]
pub(super) struct Accepted<K> {
    pub(super) status: StatusCode,
    /// The resource in its final state, if the response has it.
    pub(super) resource: Option<ArmResource<K>>,
    operation_url: Option<String>,
    location: Option<String>,
    wait: Option<Duration>,
}

/// What is polled.
enum Target {
    /// A document with a status: the URL in `Azure-AsyncOperation`.
    Operation(String),
    /// The URL in `Location`, which responds 202 until the operation is finished.
    Location(String),
    /// The state of the resource.
    Resource,
    /// Whether the resource still exists.
    ///
    /// It may have failed long before, which is often why it is deleted. A failure is one of the deletion only after the
    /// resource was seen as `Deleting`.
    Absence,
}

/// The result of one poll. An unknown state counts as running, as Azure's rules for long-running operations require.
enum Progress {
    Finished,
    Failed(OperationFailure),
    Running { state: Excerpt, wait: Option<Duration> },
}

impl ManagementClient {
    /// Sends a change, and waits until the service has finished it.
    ///
    /// Source: Azure's rules for asynchronous operations, and recorded responses of Event Grid: both headers after a deletion,
    /// only `Azure-AsyncOperation` after a creation, and never `Retry-After`.
    pub(super) async fn change<K: ResourceType>(
        &self,
        id: &ResourceId<K>,
        mut call: Call<'_>,
    ) -> Result<Accepted<K>, ManagementError> {
        let is_deletion = call.method == Method::DELETE;
        // A repeated deletion has the same result, and so has an update, which sets the members that it names.
        call.is_repeatable = true;
        let read = |response: &ApiResponse| Accepted::read(response, is_deletion);
        let mut accepted = match self.api.send(&call, self.api.deadline(), read).await {
            Err(error) if error.is_not_found() && is_deletion => {
                return Ok(Accepted { status: StatusCode::NO_CONTENT, ..Accepted::default() });
            }
            outcome => outcome?,
        };
        let Some(target) = self.target(call.operation, &accepted, is_deletion)? else {
            return Ok(accepted);
        };
        let path = match &target {
            Target::Operation(path) | Target::Location(path) => path.as_str(),
            Target::Resource | Target::Absence => call.path,
        };
        let mut poll = Call::new(call.operation, Method::GET, path);
        poll.secrets = call.secrets;
        self.wait(id, &target, &poll, accepted.wait).await?;
        accepted.resource = None;
        Ok(accepted)
    }

    /// What to poll, or `None` if the change is finished. A URL on another host is an error, and is not called.
    fn target<K: ResourceType>(
        &self,
        operation: &'static str,
        accepted: &Accepted<K>,
        is_deletion: bool,
    ) -> Result<Option<Target>, ManagementError> {
        let is_accepted = accepted.status == StatusCode::ACCEPTED;
        if let Some(url) = &accepted.operation_url {
            return Ok(Some(Target::Operation(self.path_of(operation, url)?)));
        }
        if let Some(url) = accepted.location.as_ref().filter(|_| is_accepted) {
            return Ok(Some(Target::Location(self.path_of(operation, url)?)));
        }
        let state = accepted.resource.as_ref();
        let state = state.and_then(|resource| resource.properties.provisioning_state());
        let is_finished =
            state.map_or(!is_accepted, |state| !state.is_pending() && !is_failure(state));
        Ok(match (is_finished, is_deletion) {
            (true, _) => None,
            (false, true) => Some(Target::Absence),
            (false, false) => Some(Target::Resource),
        })
    }

    async fn wait<K: ResourceType>(
        &self,
        id: &ResourceId<K>,
        target: &Target,
        poll: &Call<'_>,
        mut wait: Option<Duration>,
    ) -> Result<(), ManagementError> {
        let operation = poll.operation;
        // Only of the resource: an operation that the service does not know says nothing.
        let is_gone = |error: &ApiError| matches!(target, Target::Absence) && error.is_not_found();
        let (start, end) = (Instant::now(), after(self.poll_deadline));
        let mut last = Excerpt::of("accepted");
        let mut is_deleting = false;
        loop {
            // A `Retry-After` of 0 does not make polling faster than the setting.
            let least = self.poll_interval.min(MIN_INTERVAL);
            let pause = wait.unwrap_or(self.poll_interval).max(least);
            let not_finished = |last: Excerpt, retry_after| ManagementError::NotFinished {
                operation,
                id: id.as_str().into(),
                waited: start.elapsed(),
                deadline: self.poll_deadline,
                retry_after,
                last,
            };
            if after(pause) >= end {
                return Err(not_finished(last, wait));
            }
            tokio::time::sleep(pause).await;
            let until = end.min(self.api.deadline());
            let read = |response: &ApiResponse| target.read::<K>(response, is_deleting);
            match self.api.send(poll, until, read).await {
                Ok(Progress::Finished) => return Ok(()),
                Ok(Progress::Failed(failure)) => {
                    return Err(ManagementError::Failed {
                        operation,
                        id: id.as_str().into(),
                        failure: Box::new(failure),
                    });
                }
                Ok(Progress::Running { state, wait: next }) => {
                    is_deleting |= state == Excerpt::of(ProvisioningState::Deleting.as_str());
                    (last, wait) = (state, next);
                }
                Err(error) if is_gone(&error) => return Ok(()),
                // A deadline that passes during a call says nothing about the call.
                Err(error) if error.is_transient() && after(pause) >= end => {
                    return Err(not_finished(last, error.retry_after()));
                }
                // Throttled for longer than a call is retried.
                Err(error) if error.is_transient() && error.retry_after().is_some() => {
                    wait = error.retry_after();
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The path of a URL from the service, if it is on the service's own host.
    pub(super) fn path_of(
        &self,
        operation: &'static str,
        url: &str,
    ) -> Result<String, ManagementError> {
        let path = self.api.endpoint.path_of(url);
        path.ok_or_else(|| ManagementError::ForeignUrl { operation, found: Excerpt::of_url(url) })
    }
}

impl<K: ResourceType> Accepted<K> {
    fn read(response: &ApiResponse, is_deletion: bool) -> Result<Self, Unreadable> {
        let header = |name: HeaderName| {
            let value = response.headers.get(name)?;
            Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let has_resource = !is_deletion && !response.is_empty();
        Ok(Self {
            status: response.status,
            resource: match has_resource {
                true => Some(response.json()?),
                false => None,
            },
            operation_url: header(ASYNC_OPERATION),
            location: header(LOCATION),
            wait: retry_after(&response.headers),
        })
    }
}

impl Target {
    fn read<K: ResourceType>(
        &self,
        response: &ApiResponse,
        is_deleting: bool,
    ) -> Result<Progress, Unreadable> {
        let wait = retry_after(&response.headers);
        let accepted = |wait| Progress::Running { state: Excerpt::of("202 Accepted"), wait };
        let is_accepted = response.status == StatusCode::ACCEPTED;
        let state = match self {
            Self::Location(_) if is_accepted => return Ok(accepted(wait)),
            Self::Location(_) => return Ok(Progress::Finished),
            Self::Operation(_) if is_accepted && response.is_empty() => return Ok(accepted(wait)),
            Self::Operation(_) => {
                let document: StatusDocument = response.json()?;
                let status = document.status.ok_or("it has no status")?;
                ProvisioningState::from(status.as_str())
            }
            Self::Resource | Self::Absence => {
                let resource: ArmResource<K> = response.json()?;
                let state = resource.properties.provisioning_state().cloned();
                state.unwrap_or(ProvisioningState::Succeeded)
            }
        };
        let shown = Excerpt::of(response.redact(state.as_str()));
        let is_absence = matches!(self, Self::Absence);
        Ok(match state {
            state if is_failure(&state) && (is_deleting || !is_absence) => {
                Progress::Failed(failure(shown, response))
            }
            // The state of a resource before its deletion has begun does not end the deletion.
            state if state.is_pending() || is_absence => Progress::Running { state: shown, wait },
            _ => Progress::Finished,
        })
    }
}

/// The document with the status of an operation.
#[derive(Deserialize)]
struct StatusDocument {
    status: Option<String>,
    #[serde(default)]
    error: Option<Box<RawValue>>,
}

fn is_failure(state: &ProvisioningState) -> bool {
    matches!(state, ProvisioningState::Failed | ProvisioningState::Canceled)
}

fn failure(status: Excerpt, response: &ApiResponse) -> OperationFailure {
    let document: Option<StatusDocument> = response.json().ok();
    let error = document.and_then(|document| document.error);
    let error = error
        .map(|error| Refusal::of_body(error.get().as_bytes(), &|text| response.redact(text)))
        .unwrap_or_default();
    OperationFailure {
        status,
        code: error.code,
        message: error.description,
        details: error.details,
    }
}

const ASYNC_OPERATION: HeaderName = HeaderName::from_static("azure-asyncoperation");
const MIN_INTERVAL: Duration = Duration::from_secs(1);
