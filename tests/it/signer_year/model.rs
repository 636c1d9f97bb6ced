//! What an answer is held against. It knows what is true in the world and nothing of the code.

use std::fmt;
use std::time::Duration;

/// The promises, by their letters.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Rule {
    /// (a) No forged callback is accepted.
    Forged,
    /// (b) No genuine callback is refused for good.
    Refused,
    /// (c) A callback with a kept signer does not wait.
    Waited,
    /// (d) What is well again works again, and nobody waits for longer than five seconds.
    Recovery,
    /// (e) Fetches stay within bounds.
    Fetches,
    /// (f) Nothing grows.
    Growth,
    /// Every 503 says when to come again.
    RetryAfter,
}

/// An answer that breaks a promise.
#[derive(Clone, Debug)]
pub(crate) struct Violation {
    pub(crate) rule: Rule,
    pub(crate) expected: String,
    pub(crate) found: String,
}

impl Violation {
    pub(crate) fn new(rule: Rule, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self {
            rule,
            expected: expected.into(),
            found: found.into(),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            rule,
            expected,
            found,
        } = self;
        write!(f, "{rule:?}\n  expected: {expected}\n  found:    {found}")
    }
}

/// One callback and what is promised about its answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Case {
    pub(crate) what: String,
    /// Why it may not be accepted.
    pub(crate) forged: Option<String>,
    /// Why it may not be refused for good.
    pub(crate) protected: Option<&'static str>,
    /// Why no time may pass between call and answer.
    pub(crate) kept: Option<String>,
    /// Why it has to be accepted.
    pub(crate) well: Option<&'static str>,
    /// For how long it may wait for a fetch that had departed before it came, and after that for another one.
    pub(crate) joined: Duration,
}

/// What came of it.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// 200 if it was accepted; nothing if there was no answer within [`PATIENCE`].
    pub(crate) status: Option<u16>,
    pub(crate) retry_after: Option<Duration>,
    /// By the paused clock.
    pub(crate) waited: Duration,
    /// The text of the error.
    pub(crate) text: String,
}

/// Who gets no answer for so long gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// The default wait of a cold callback, and a little.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_millis(5_200);

/// Holds an answer against what is promised.
pub(crate) fn judge(case: &Case, answer: &Answer) -> Result<(), Violation> {
    let wrong = |rule, expected: String| Err(Violation::new(rule, expected, answer.to_string()));
    let what = &case.what;
    let accepted = answer.status == Some(200);
    if let (true, Some(why)) = (accepted, &case.forged) {
        return wrong(Rule::Forged, format!("{what} is not accepted: {why}"));
    }
    let refused = matches!(answer.status, Some(status) if status != 200 && status != 503);
    if let (true, Some(why)) = (refused, case.protected) {
        return wrong(
            Rule::Refused,
            format!("{what} is answered 200 or 503: {why}"),
        );
    }
    if let Some(why) = &case.kept
        && !answer.waited.is_zero()
    {
        return wrong(Rule::Waited, format!("{what} is answered at once: {why}"));
    }
    let longest = case.joined + LONGEST_WAIT;
    if answer.status.is_none() || answer.waited > longest {
        let expected = format!("{what} is answered within {longest:?}");
        return wrong(Rule::Recovery, expected);
    }
    if let (false, Some(why)) = (accepted, case.well) {
        return wrong(Rule::Recovery, format!("{what} is accepted: {why}"));
    }
    let sensible = Duration::from_secs(1)..=Duration::from_secs(300);
    if answer.status == Some(503)
        && !answer
            .retry_after
            .is_some_and(|wait| sensible.contains(&wait))
    {
        let expected = format!("{what} is told to come again in 1 to 300 seconds");
        return wrong(Rule::RetryAfter, expected);
    }
    Ok(())
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            Some(status) => write!(f, "{status}")?,
            None => write!(f, "no answer")?,
        }
        write!(f, " after {:?}", self.waited)?;
        if let Some(wait) = self.retry_after {
            write!(f, ", Retry-After {wait:?}")?;
        }
        match self.text.is_empty() {
            true => Ok(()),
            false => write!(f, " ({})", self.text),
        }
    }
}
