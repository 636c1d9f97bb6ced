//! What ends a command early.

use std::fmt::{self, Display};
use std::io;

use partner_center_webhooks::event::EventName;

use crate::exit::Exit;

/// An error for the user: what, why, and what to do about it.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    what: String,
    because: Vec<String>,
    tries: Vec<String>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, what: impl Display) -> Self {
        Self { exit, what: what.to_string(), because: Vec::new(), tries: Vec::new() }
    }

    /// The command line, the configuration, or a file is invalid.
    pub(crate) fn usage(what: impl Display) -> Self {
        Self::new(Exit::Usage, what)
    }

    /// Something could not be found out.
    pub(crate) fn unknown(what: impl Display) -> Self {
        Self::new(Exit::Unknown, what)
    }

    /// Credentials are missing or were refused.
    pub(crate) fn credentials(what: impl Display) -> Self {
        Self::new(Exit::Credentials, what)
    }

    /// The file `path` that `flag` names is invalid.
    pub(crate) fn file(flag: &str, path: &std::path::Path, error: impl Display) -> Self {
        Self::usage(format_args!("{flag} {}: {error}", path.display()))
    }

    /// Adds a reason.
    pub(crate) fn because(mut self, reason: impl Display) -> Self {
        self.because.push(reason.to_string());
        self
    }

    /// Adds a command to try.
    pub(crate) fn or_try(mut self, command: impl Display) -> Self {
        self.tries.push(command.to_string());
        self
    }

    /// An event name that is not documented.
    pub(crate) fn unknown_event(name: &str, command: &str) -> Self {
        let known = EventName::ALL.iter().map(EventName::as_str);
        let failure = Self::usage(format_args!("no event `{}`", name.escape_debug()));
        let similar = similar(name, known);
        let hint = |failure: Self, name: &&str| {
            failure.or_try(format_args!("partner-center {command} {name}"))
        };
        similar.iter().fold(failure, hint).or_try("partner-center emulate events")
    }

    /// What happened, without reasons and remedies.
    pub(crate) fn what(&self) -> &str {
        &self.what
    }

    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }
}

/// Standard output cannot be written. If its reader has gone away, that is not an error.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::new(Exit::Yes, "standard output is closed"),
            _ => Self::unknown(format_args!("standard output: {error}")),
        }
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.what)?;
        self.because.iter().try_for_each(|reason| write!(f, "\n  because: {reason}"))?;
        self.tries.iter().try_for_each(|command| write!(f, "\n  try: {command}"))
    }
}

/// At most three of `known` that resemble `word`, the most similar one first.
pub(crate) fn similar<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> Vec<&'k str> {
    let score = |known: &'k str| (strsim::jaro(word, known), known);
    let mut scored: Vec<_> = known.map(score).filter(|(score, _)| *score > SIMILAR).collect();
    scored.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    scored.into_iter().take(3).map(|(_, known)| known).collect()
}

/// The least similarity of a suggestion. clap suggests from 0.7 on, for words that are shorter.
const SIMILAR: f64 = 0.8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_a_reason_and_a_remedy() {
        let failure = Failure::usage("no flag").because("it is new").or_try("partner-center");
        assert_eq!(
            failure.to_string(),
            "error: no flag\n  because: it is new\n  try: partner-center"
        );
        assert_eq!(Failure::usage("no flag").to_string(), "error: no flag");
    }

    #[test]
    fn similar_words_are_suggested_and_others_are_not() {
        let known = || ["emit", "events", "forge", "rotate"].into_iter();
        assert_eq!(similar("emti", known()), ["emit"]);
        assert_eq!(similar("x", known()), [""; 0]);
    }
}
