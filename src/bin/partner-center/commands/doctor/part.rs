//! The result of one part.

use std::fmt;

use serde_json::{Value, json};

use crate::exit::Exit;

/// What was found out about one part.
#[derive(Debug)]
pub(super) struct Part {
    name: &'static str,
    status: Status,
    summary: String,
    tries: Vec<String>,
}

/// From good to bad.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Status {
    Skipped,
    Ok,
    Warning,
    /// It could not be found out.
    Unknown,
    Failed,
}

impl Status {
    const fn word(self) -> &'static str {
        match self {
            Self::Skipped => "skipped",
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Unknown => "unknown",
            Self::Failed => "FAIL",
        }
    }
}

impl Part {
    pub(super) fn new(name: &'static str, status: Status, summary: impl Into<String>) -> Self {
        Self { name, status, summary: summary.into(), tries: Vec::new() }
    }

    /// A part without a subject.
    pub(super) fn skipped(name: &'static str, why: &str) -> Self {
        Self::new(name, Status::Skipped, why)
    }

    /// Adds a command to try.
    pub(super) fn or_try(mut self, command: impl Into<String>) -> Self {
        self.tries.push(command.into());
        self
    }

    /// The verdict on all parts in one sentence: that of the worst one.
    pub(super) fn verdict(parts: &[Self]) -> String {
        // The first of equally bad ones: later parts suffer from it.
        let worst = parts.iter().rev().max_by_key(|part| part.status);
        match worst {
            Some(part) if part.status > Status::Ok => {
                format!("{}: {}: {}", part.status.word(), part.name, part.summary)
            }
            _ => "ok: nothing is wrong".to_owned(),
        }
    }

    pub(super) fn exit(parts: &[Self]) -> Exit {
        match parts.iter().map(|part| part.status).max() {
            Some(Status::Failed) => Exit::No,
            Some(Status::Unknown) => Exit::Unknown,
            _ => Exit::Yes,
        }
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "part": self.name,
            "status": self.status.word().to_ascii_lowercase(),
            "summary": self.summary,
            "try": self.tries,
        })
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  {:<12}  {:<7}  {}", self.name, self.status.word(), self.summary)?;
        self.tries.iter().try_for_each(|command| writeln!(f, "    try: {command}"))
    }
}
