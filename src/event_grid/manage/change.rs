//! Changes that the service only begins: how their end is waited for.

use std::time::Duration;

use bytes::Bytes;
use http::header::LOCATION;
use http::{HeaderName, Method, StatusCode};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::{
    ArmResource, ManagementClient, ManagementError, OperationFailure, ProvisioningState,
    ResourceId, ResourceType,
};
use crate::api::{Answer, ApiError, Call, Refusal, after};
use crate::excerpt::Excerpt;
use crate::http_client::retry_after::retry_after;
use crate::json::response::Unreadable;

/// What the service answered at first.
pub(super) struct Changed<K> {
    pub(super) status: StatusCode,
    /// The resource, if it was given and is as it will be.
    pub(super) resource: Option<ArmResource<K>>,
    operation: Option<String>,
    location: Option<String>,
    wait: Option<Duration>,
}

/// What tells how far the service is.
enum Track {
    /// A document with a status: `Azure-AsyncOperation`.
    Operation(String),
    /// 202 until it is done: `Location`.
    Location(String),
    /// The resource's own state.
    ArmResource,
    /// Whether the resource is still there.
    ///
    /// It may have failed long before, which is often why it is deleted: a failure is one of the deletion only after the
    /// resource was seen as `Deleting`.
    Absence,
}

/// How far the service is.
enum Progress {
    Done,
    Failed(OperationFailure),
    Pending {
        word: Excerpt,
        wait: Option<Duration>,
    },
}

impl ManagementClient {
    /// Makes a change, and waits for its end.
    ///
    /// Source: Azure's rules for asynchronous operations, and how Event Grid was recorded to follow them: both headers after a
    /// deletion, the first one alone after a creation, and no `Retry-After` anywhere.
    pub(super) async fn change<K: ResourceType>(
        &self,
        operation: &'static str,
        method: Method,
        id: &ResourceId<K>,
        body: Option<Bytes>,
        secrets: &[SecretString],
    ) -> Result<Changed<K>, ManagementError> {
        let path = self.path::<K>(&id.path());
        let is_deletion = method == Method::DELETE;
        let mut call = Call::new(operation, method, &path);
        // A deletion has the same end when it is repeated, and so has an update, which sets what it names.
        call.is_repeatable = true;
        call.body = body;
        call.secrets = secrets;
        let read = |answer: &Answer| Changed::read(answer, is_deletion);
        let mut changed = match self.api.send(&call, self.api.deadline(), read).await {
            Err(error) if error.is_absence() && is_deletion => return Ok(Changed::nothing()),
            outcome => outcome?,
        };
        let Some(track) = self.track(operation, &changed, is_deletion)? else {
            return Ok(changed);
        };
        let path = match &track {
            Track::Operation(path) | Track::Location(path) => path,
            Track::ArmResource | Track::Absence => &path,
        };
        let mut look = Call::new(operation, Method::GET, path);
        look.secrets = secrets;
        self.wait(id, &track, &look, changed.wait).await?;
        changed.resource = None;
        Ok(changed)
    }

    /// What to look at, if the change has not ended yet. A URL on another host is an error before anything is sent to it.
    fn track<K: ResourceType>(
        &self,
        operation: &'static str,
        changed: &Changed<K>,
        is_deletion: bool,
    ) -> Result<Option<Track>, ManagementError> {
        let is_accepted = changed.status == StatusCode::ACCEPTED;
        if let Some(url) = &changed.operation {
            return Ok(Some(Track::Operation(self.path_of(operation, url)?)));
        }
        if let Some(url) = changed.location.as_ref().filter(|_| is_accepted) {
            return Ok(Some(Track::Location(self.path_of(operation, url)?)));
        }
        let state = changed.resource.as_ref();
        let state = state.and_then(|resource| resource.properties.provisioning_state());
        let is_done = state.map_or(!is_accepted, |state| {
            !state.is_pending() && !is_failure(state)
        });
        Ok(match (is_done, is_deletion) {
            (true, _) => None,
            (false, true) => Some(Track::Absence),
            (false, false) => Some(Track::ArmResource),
        })
    }

    async fn wait<K: ResourceType>(
        &self,
        id: &ResourceId<K>,
        track: &Track,
        look: &Call<'_>,
        mut told: Option<Duration>,
    ) -> Result<(), ManagementError> {
        let operation = look.operation;
        // Of a resource, that is; an operation that nobody knows is no news.
        let is_gone = |error: &ApiError| matches!(track, Track::Absence) && error.is_absence();
        let (start, end) = (Instant::now(), after(self.polling.deadline));
        let mut last = Excerpt::of("accepted");
        let mut is_deleting = false;
        loop {
            // A service that says 0 is asked no faster than it would be anyway.
            let least = self.polling.interval.min(LEAST_INTERVAL);
            let pause = told.unwrap_or(self.polling.interval).max(least);
            let not_finished = |last: Excerpt, retry_after| ManagementError::NotFinished {
                operation,
                id: id.as_str().into(),
                waited: start.elapsed(),
                deadline: self.polling.deadline,
                retry_after,
                last,
            };
            if after(pause) >= end {
                return Err(not_finished(last, told));
            }
            tokio::time::sleep(pause).await;
            let until = end.min(self.api.deadline());
            let read = |answer: &Answer| track.read::<K>(answer, is_deleting);
            match self.api.send(look, until, read).await {
                Ok(Progress::Done) => return Ok(()),
                Ok(Progress::Failed(failure)) => {
                    return Err(ManagementError::Failed {
                        operation,
                        id: id.as_str().into(),
                        failure: Box::new(failure),
                    });
                }
                Ok(Progress::Pending { word, wait }) => {
                    is_deleting |= word == Excerpt::of(ProvisioningState::Deleting.as_str());
                    (last, told) = (word, wait);
                }
                Err(error) if is_gone(&error) => return Ok(()),
                // That the time of waiting is up in the middle of a call says nothing about the call.
                Err(error) if error.is_transient() && after(pause) >= end => {
                    return Err(not_finished(last, error.retry_after()));
                }
                // Throttled, for longer than a call is repeated.
                Err(error) if error.is_transient() && error.retry_after().is_some() => {
                    told = error.retry_after();
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The path of a URL that the service gave, if it is on its own host.
    pub(super) fn path_of(
        &self,
        operation: &'static str,
        url: &str,
    ) -> Result<String, ManagementError> {
        let path = self.api.endpoint.path_of(url);
        path.ok_or_else(|| ManagementError::ForeignUrl {
            operation,
            found: Excerpt::of_url(url),
        })
    }
}

impl<K: ResourceType> Changed<K> {
    /// There was nothing to delete, however the service puts it.
    fn nothing() -> Self {
        Self {
            status: StatusCode::NO_CONTENT,
            resource: None,
            operation: None,
            location: None,
            wait: None,
        }
    }

    fn read(answer: &Answer, is_deletion: bool) -> Result<Self, Unreadable> {
        let header = |name: HeaderName| {
            let value = answer.headers.get(name)?;
            Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let has_resource = !is_deletion && !answer.is_empty();
        Ok(Self {
            status: answer.status,
            resource: match has_resource {
                true => Some(answer.json()?),
                false => None,
            },
            operation: header(ASYNC_OPERATION),
            location: header(LOCATION),
            wait: retry_after(&answer.headers),
        })
    }
}

impl Track {
    fn read<K: ResourceType>(
        &self,
        answer: &Answer,
        is_deleting: bool,
    ) -> Result<Progress, Unreadable> {
        let wait = retry_after(&answer.headers);
        let state = match self {
            Self::Location(_) if answer.status == StatusCode::ACCEPTED => {
                let word = Excerpt::of("202 Accepted");
                return Ok(Progress::Pending { word, wait });
            }
            Self::Location(_) => return Ok(Progress::Done),
            // Accepted, and not said more.
            Self::Operation(_) if answer.status == StatusCode::ACCEPTED && answer.is_empty() => {
                let word = Excerpt::of("202 Accepted");
                return Ok(Progress::Pending { word, wait });
            }
            Self::Operation(_) => {
                let status: Status = answer.json()?;
                let status = status.status.ok_or("there is no status in it")?;
                ProvisioningState::from(status.as_str())
            }
            Self::ArmResource | Self::Absence => {
                let resource: ArmResource<K> = answer.json()?;
                let state = resource.properties.provisioning_state().cloned();
                state.unwrap_or(ProvisioningState::Succeeded)
            }
        };
        let word = Excerpt::of(answer.hide(state.as_str()));
        let is_absence = matches!(self, Self::Absence);
        Ok(match state {
            state if is_failure(&state) && (is_deleting || !is_absence) => {
                Progress::Failed(failure(word, answer))
            }
            // What is shown of a resource before its deletion has begun is no end of it.
            state if state.is_pending() || is_absence => Progress::Pending { word, wait },
            _ => Progress::Done,
        })
    }
}

/// The document that tells how far an operation is.
#[derive(Deserialize)]
struct Status {
    status: Option<String>,
    #[serde(default)]
    error: Option<Box<RawValue>>,
}

fn is_failure(state: &ProvisioningState) -> bool {
    matches!(
        state,
        ProvisioningState::Failed | ProvisioningState::Canceled
    )
}

fn failure(status: Excerpt, answer: &Answer) -> OperationFailure {
    let document: Option<Status> = answer.json().ok();
    let error = document.and_then(|document| document.error);
    let error = error
        .map(|error| Refusal::of_body(error.get().as_bytes(), &|text| answer.hide(text)))
        .unwrap_or_default();
    OperationFailure {
        status,
        code: error.code,
        message: error.description,
        details: error.details,
    }
}

const ASYNC_OPERATION: HeaderName = HeaderName::from_static("azure-asyncoperation");
const LEAST_INTERVAL: Duration = Duration::from_secs(1);
