//! A response with a status other than 200: its sender, its message, and advice.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::Response;

use crate::http_client::retry_after::retry_after;
use crate::http_client::words::Words;
use crate::mask::Excerpt;
use crate::mask::text::urls;

/// A response with a status other than 200.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct StatusRefusal {
    /// The URL.
    pub url: Excerpt,
    /// The status.
    pub status: u16,
    /// The code, such as `BlobNotFound` of Azure Storage.
    pub code: Option<Excerpt>,
    /// The message of the body: Azure Storage's, or the title and first paragraph of a page.
    pub message: Option<Excerpt>,
    /// How long to wait before a retry, if the host sent a `Retry-After`.
    pub retry_after: Option<Duration>,
    /// Whether Azure Storage sent the response: it repeats its code in a header.
    is_storage: bool,
}

impl StatusRefusal {
    /// A response of which only the status is known.
    pub fn new(url: &str, status: u16) -> Self {
        Self {
            url: Excerpt::of_url(url),
            status,
            code: None,
            message: None,
            retry_after: None,
            is_storage: false,
        }
    }

    /// Source: "Status and error codes" and "Common REST API error codes", Azure Storage.
    pub(super) fn read(url: &str, response: &Response<Bytes>) -> Self {
        let words = Words::read(response.body());
        let header = response.headers().get("x-ms-error-code");
        let header = header.map(|code| String::from_utf8_lossy(code.as_bytes()).into_owned());
        Self {
            is_storage: header.is_some(),
            code: header.or(words.code).map(|code| Excerpt::of(&*urls(&code))),
            message: words.text.map(|text| Excerpt::long(&*urls(&text))),
            retry_after: retry_after(response.headers()),
            ..Self::new(url, response.status().as_u16())
        }
    }

    /// Whether the response seems to come from Azure Storage itself, and not from a proxy or another service.
    pub fn is_storage(&self) -> bool {
        self.is_storage || self.known().is_some()
    }

    fn known(&self) -> Option<&'static str> {
        let code = self.code.as_ref()?.to_string();
        let mut known = ADVICE.iter();
        let is_code = |known: &&str| known.eq_ignore_ascii_case(&code);
        let (_, advice) = known.find(|(codes, _)| codes.iter().any(is_code))?;
        Some(advice)
    }

    /// What an operator can do.
    pub fn advice(&self) -> &'static str {
        match (self.known(), self.status) {
            (Some(advice), _) => advice,
            (None, 300..=399) => "redirects are not followed",
            (None, _) if self.is_storage => "this is the response of Azure Storage itself",
            (None, _) => {
                "the response may not be from the host itself: look for a proxy or a firewall in between"
            }
        }
    }
}

impl fmt::Display for StatusRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` returned {}", self.url, self.status)?;
        if let Some(code) = &self.code {
            write!(f, ", code {code}")?;
        }
        if let Some(message) = &self.message {
            write!(f, ": {message}")?;
        }
        write!(f, " (expected 200; {})", self.advice())
    }
}

/// Codes of Azure Storage, and what an operator can do.
const ADVICE: [(&[&str], &str); 7] = [
    (
        &["AccountIsDisabled"],
        "the storage account is disabled, and only its owner can enable it: if the account is Microsoft's, as for Partner Center's certificates, open a support case",
    ),
    (
        &["AuthenticationFailed", "PublicAccessNotPermitted"],
        "the storage account refuses anonymous reads, and only its owner can allow them: if the account is Microsoft's, as for Partner Center's certificates, open a support case",
    ),
    (
        &["AuthorizationFailure"],
        "a firewall of the storage account refuses this machine's address: try from another network; if the account is Microsoft's, as for Partner Center's certificates, open a support case",
    ),
    (
        &["BlobNotFound", "ResourceNotFound"],
        "the file does not exist: a forged callback can name any file; if genuine callbacks name it, open a support case",
    ),
    (
        &["ContainerNotFound"],
        "the folder does not exist: a forged callback can name any folder; if genuine callbacks name it, open a support case",
    ),
    (&["InternalError", "OperationTimedOut"], "Azure Storage has a transient fault of its own"),
    (&["ServerBusy"], "Azure Storage is temporarily overloaded"),
];
