//! The error of the issuer and of the fake Partner Center.

use std::error::Error as StdError;

use thiserror::Error;

use crate::chain::ParseError;
use crate::mask::Excerpt;
use crate::source::PrefixError;

/// Why the test kit could not create something, or could not run an action or a
/// [`Command`](super::partner_center::Command).
///
/// # Example
///
/// ```
/// use partner_center_webhooks::testing::TestKitError;
/// use partner_center_webhooks::testing::partner_center::Command;
///
/// let error = "replay".parse::<Command>().unwrap_err();
/// assert!(matches!(error, TestKitError::MissingArgument { .. }));
/// assert_eq!(error.to_string(), "`replay` needs a delivery number");
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TestKitError {
    /// The root cannot be an anchor.
    #[error(transparent)]
    Anchors(#[from] ParseError),
    /// A certificate, a key or a signature could not be created.
    #[error("cannot create {what}: {problem}")]
    Create {
        /// What could not be created.
        what: &'static str,
        /// Why.
        problem: Excerpt,
    },
    /// The text is not an identity.
    #[error("this is not an identity: {problem}")]
    Identity {
        /// What is wrong with it.
        problem: Excerpt,
    },
    /// The URL is not absolute, or neither http nor https.
    #[error("`{found}` is not an absolute http or https URL")]
    InvalidUrl {
        /// The argument.
        found: Excerpt,
    },
    /// The base URL cannot be a prefix of certificate URLs.
    #[error(transparent)]
    Location(#[from] PrefixError),
    /// An argument is missing.
    #[error("`{command}` needs {expected}")]
    MissingArgument {
        /// The command.
        command: Excerpt,
        /// The missing argument.
        expected: &'static str,
    },
    /// No delivery has this number.
    #[error("there is no delivery {number}")]
    NoDelivery {
        /// The number.
        number: usize,
    },
    /// There is no registration.
    #[error("no webhook URL is registered")]
    NoRegistration,
    /// There is no emulator at the URL.
    #[error("there is no emulator at `{url}`: {problem}")]
    NotAnEmulator {
        /// The URL.
        url: Excerpt,
        /// What happened instead.
        problem: Excerpt,
    },
    /// The event is not registered.
    #[error("the event `{name}` is not registered (registered: {})", .registered.join(", "))]
    NotRegistered {
        /// The name of the event.
        name: Excerpt,
        /// The registered names.
        registered: Vec<String>,
    },
    /// The API refuses it.
    #[error("refused with status {status}: {body}")]
    Refused {
        /// The status.
        status: u16,
        /// The message in the response body, or an excerpt of a body without one.
        body: Excerpt,
    },
    /// There are too many arguments.
    #[error("unexpected argument `{found}`")]
    UnexpectedArgument {
        /// The argument.
        found: Excerpt,
    },
    /// The command is unknown.
    #[error("`{found}` is not a command")]
    UnknownCommand {
        /// The first word.
        found: Excerpt,
    },
    /// The kind of forgery is unknown.
    #[error("`{found}` is not a kind of forgery (expected one of: {})", .expected.join(", "))]
    UnknownForgery {
        /// The name.
        found: Excerpt,
        /// The known names.
        expected: Vec<&'static str>,
    },
}

impl TestKitError {
    /// Reports `what` as impossible to create. Takes any cause, because the causes are types of private dependencies.
    pub(super) fn creating(what: &'static str) -> impl Fn(Box<dyn StdError>) -> Self {
        move |error| Self::Create { what, problem: Excerpt::of(error.to_string()) }
    }
}
