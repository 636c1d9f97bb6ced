//! Why a certificate cannot be read.

use thiserror::Error;

use crate::excerpt::Excerpt;

/// A malformed certificate.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("its {part} is malformed: {problem}")]
#[non_exhaustive]
pub struct ParseError {
    /// The malformed part.
    pub part: &'static str,
    /// The problem.
    pub problem: Excerpt,
}

impl ParseError {
    pub(super) fn new(part: &'static str, problem: impl ToString) -> Self {
        Self { part, problem: Excerpt::of(problem.to_string()) }
    }
}
