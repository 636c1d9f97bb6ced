//! Errors of the watcher and of the events that it takes as hints.

use thiserror::Error;

use crate::event_grid::manage::{Channel, ManagementError, ResourceId};
use crate::mask::Excerpt;

/// Why a channel or an event about one could not be read.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum ActivationError {
    /// The body of a delivery is neither an event nor an array of events.
    #[error(
        "the body does not contain events (expected a JSON object or an array of them): {reason}"
    )]
    NotEvents {
        /// The message of the JSON parser.
        reason: Excerpt,
    },
    /// A channel could not be read. The watcher retries later.
    #[error("channel {id} cannot be watched: {error}")]
    Read {
        /// The id of the channel.
        id: ResourceId<Channel>,
        /// The error of the client.
        error: Box<ManagementError>,
    },
}
