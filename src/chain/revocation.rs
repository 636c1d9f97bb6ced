//! How much is asked of revocation, and what is known.

use std::fmt;

/// How much a [`ChainVerifier`](super::ChainVerifier) asks of revocation.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Revocation {
    /// What a list revokes is refused; what no list tells about is accepted, and [`VerifiedSigner::revocation`] says so.
    ///
    /// [`VerifiedSigner::revocation`]: super::VerifiedSigner::revocation
    #[default]
    BestEffort,
    /// A certificate that no list covers is refused too. That is transient: the list may be available again in a minute.
    Required,
    /// Nothing is checked, and no list is fetched.
    ///
    /// Dangerous: a stolen key is accepted until its certificate expires, although the authority has revoked it.
    DangerOff,
}

/// What is known about one certificate of a path.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RevocationStatus {
    /// A list that covers it is in force, or ended less than [a day](super::RevocationList::GRACE) ago, and does not name
    /// it.
    Good,
    /// Nobody asked.
    NotChecked,
    /// No such list is known.
    Unknown,
}

impl fmt::Display for RevocationStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Good => "good",
            Self::NotChecked => "not checked",
            Self::Unknown => "unknown",
        })
    }
}
