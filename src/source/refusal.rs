//! A response that is not a certificate: who speaks, what it says, and what can be done about it.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::Response;

use crate::excerpt::Excerpt;
use crate::http_client::retry_after::retry_after;
use crate::http_client::words::Words;
use crate::mask::text::urls;

/// A response of another status than 200.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct StatusRefusal {
    /// The certificate's URL.
    pub url: Excerpt,
    /// The status.
    pub status: u16,
    /// The code, such as `BlobNotFound` of Azure Storage.
    pub code: Option<Excerpt>,
    /// What the body says: the message of storage, or the title and first paragraph of a page.
    pub words: Option<Excerpt>,
    /// When to try again, if that was said.
    pub retry_after: Option<Duration>,
    /// Whether Azure Storage answered: it names its code in a header.
    is_storage: bool,
}

impl StatusRefusal {
    /// A refusal of which no more is known.
    pub fn new(url: &str, status: u16) -> Self {
        Self {
            url: Excerpt::of_url(url),
            status,
            code: None,
            words: None,
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
            words: words.text.map(|text| Excerpt::long(&*urls(&text))),
            retry_after: retry_after(response.headers()),
            ..Self::new(url, response.status().as_u16())
        }
    }

    /// Whether Azure Storage itself answered, and not a proxy or another service in its place, as far as that can be told.
    pub fn is_storage(&self) -> bool {
        self.is_storage || self.known().is_some()
    }

    fn known(&self) -> Option<&'static str> {
        let code = self.code.as_ref()?.to_string();
        let mut known = ADVICE.iter();
        let (_, advice) = known.find(|(known, _)| known.eq_ignore_ascii_case(&code))?;
        Some(advice)
    }

    /// What an operator can do about it.
    pub fn advice(&self) -> &'static str {
        match (self.known(), self.status) {
            (Some(advice), _) => advice,
            (None, 300..=399) => "redirects are not followed",
            (None, _) if self.is_storage => "Azure Storage itself says so",
            (None, _) => {
                "it may not be the host itself that answered: look for a proxy or a firewall between here and it"
            }
        }
    }
}

impl fmt::Display for StatusRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` answered {}", self.url, self.status)?;
        if let Some(code) = &self.code {
            write!(f, " code {code}")?;
        }
        if let Some(words) = &self.words {
            write!(f, ": {words}")?;
        }
        write!(f, " (expected 200; {})", self.advice())
    }
}

const ADVICE: [(&str, &str); 10] = [
    (
        "AccountIsDisabled",
        "the storage account is disabled, and only its owner can enable it: if it is Microsoft's, as for Partner Center's certificates, open a support case",
    ),
    (
        "AuthenticationFailed",
        "the storage account refuses anonymous reads, and only its owner can allow them: if it is Microsoft's, as for Partner Center's certificates, open a support case",
    ),
    (
        "AuthorizationFailure",
        "a firewall of the storage account refuses this machine's address: try from another network; if the account is Microsoft's, as for Partner Center's certificates, open a support case",
    ),
    (
        "BlobNotFound",
        "the file does not exist: a forged callback can name any file; if genuine callbacks name it, open a support case",
    ),
    (
        "ContainerNotFound",
        "the folder does not exist: a forged callback can name any folder; if genuine callbacks name it, open a support case",
    ),
    (
        "InternalError",
        "Azure Storage has trouble of its own, which passes",
    ),
    (
        "OperationTimedOut",
        "Azure Storage has trouble of its own, which passes",
    ),
    (
        "PublicAccessNotPermitted",
        "the storage account refuses anonymous reads, and only its owner can allow them: if it is Microsoft's, as for Partner Center's certificates, open a support case",
    ),
    (
        "ResourceNotFound",
        "the file does not exist: a forged callback can name any file; if genuine callbacks name it, open a support case",
    ),
    ("ServerBusy", "Azure Storage is overloaded, which passes"),
];
