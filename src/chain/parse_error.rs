//! Why an input is not a certificate, a set of trust anchors or a revocation list.

use thiserror::Error;

use crate::mask::Excerpt;

/// Why an input is not a certificate, a set of trust anchors or a revocation list.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum ParseError {
    /// A certificate is malformed.
    #[error("its {part} is malformed: {problem}")]
    Certificate {
        /// The malformed part, such as `extensions`.
        part: &'static str,
        /// The problem.
        problem: Excerpt,
    },
    /// No trust anchor is given.
    #[error("no certificate is given: at least one trust anchor is needed")]
    NoAnchor,
    /// The PEM text has no `CERTIFICATE` block.
    #[error("the PEM text holds no `CERTIFICATE` block")]
    NoPem,
    /// A certificate cannot be a trust anchor.
    #[error("certificate {number} cannot be a trust anchor: it is not an X.509 certificate")]
    NotAnAnchor {
        /// The certificate's number, from 1.
        number: usize,
    },
    /// A PEM block is malformed.
    #[error("the PEM text is malformed: {0}")]
    Pem(Excerpt),
    /// A revocation list is malformed, incomplete (a delta, an indirect list, a list for some reasons only), or has an unknown
    /// critical extension.
    #[error("it is not a usable revocation list: {problem}")]
    RevocationList {
        /// The problem.
        problem: Excerpt,
    },
}

impl ParseError {
    /// The error for the certificate's part `part`.
    pub(super) fn of_certificate(part: &'static str, problem: impl ToString) -> Self {
        Self::Certificate { part, problem: Excerpt::of(problem.to_string()) }
    }
}
