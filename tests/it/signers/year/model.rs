//! The checks of a response. They know the truth about the world and nothing about the code.

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
    /// (d) A recovered host works again, and no caller waits longer than five seconds.
    Recovery,
    /// (e) Fetches stay within bounds.
    Fetches,
    /// (f) Nothing grows.
    Growth,
    /// Every 503 has a `Retry-After`.
    RetryAfter,
}

/// A response that breaks a promise.
#[derive(Clone, Debug)]
pub(crate) struct Violation {
    pub(crate) rule: Rule,
    pub(crate) expected: String,
    pub(crate) found: String,
}

impl Violation {
    pub(crate) fn new(rule: Rule, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self { rule, expected: expected.into(), found: found.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, expected, found } = self;
        write!(f, "{rule:?}\n  expected: {expected}\n  found:    {found}")
    }
}

/// One callback and the promises about its response.
#[derive(Clone, Debug, Default)]
pub(crate) struct Case {
    pub(crate) what: String,
    /// The reason why it must not be accepted.
    pub(crate) forged: Option<String>,
    /// The reason why it must not be refused for good.
    pub(crate) protected: Option<&'static str>,
    /// The reason why the response must be immediate.
    pub(crate) kept: Option<String>,
    /// The reason why it must be accepted.
    pub(crate) well: Option<&'static str>,
    /// How long it may wait for a fetch that started before it arrived, and then for another one.
    pub(crate) joined: Duration,
}

/// The outcome.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// 200 if it was accepted; `None` if there was no response within [`PATIENCE`].
    pub(crate) status: Option<u16>,
    pub(crate) retry_after: Option<Duration>,
    /// By the paused clock.
    pub(crate) waited: Duration,
    /// The error message.
    pub(crate) text: String,
}

/// How long a caller waits for a response.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// The default wait of a cold callback, and a little more.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_millis(5_200);

/// Checks a response against the promises.
pub(crate) fn check(case: &Case, response: &Answer) -> Result<(), Violation> {
    let wrong = |rule, expected: String| Err(Violation::new(rule, expected, response.to_string()));
    let what = &case.what;
    let accepted = response.status == Some(200);
    if let (true, Some(why)) = (accepted, &case.forged) {
        return wrong(Rule::Forged, format!("{what} is not accepted: {why}"));
    }
    let refused = matches!(response.status, Some(status) if status != 200 && status != 503);
    if let (true, Some(why)) = (refused, case.protected) {
        return wrong(Rule::Refused, format!("{what} gets 200 or 503: {why}"));
    }
    if let Some(why) = &case.kept
        && !response.waited.is_zero()
    {
        return wrong(Rule::Waited, format!("{what} gets an immediate response: {why}"));
    }
    let longest = case.joined + LONGEST_WAIT;
    if response.status.is_none() || response.waited > longest {
        let expected = format!("{what} gets a response within {longest:?}");
        return wrong(Rule::Recovery, expected);
    }
    if let (false, Some(why)) = (accepted, case.well) {
        return wrong(Rule::Recovery, format!("{what} is accepted: {why}"));
    }
    let sensible = Duration::from_secs(1)..=Duration::from_secs(300);
    if response.status == Some(503)
        && !response.retry_after.is_some_and(|wait| sensible.contains(&wait))
    {
        let expected = format!("{what} gets a `Retry-After` of 1 to 300 seconds");
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
