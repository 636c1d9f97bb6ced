//! Judgement.

use std::time::Duration;

use super::Nonconformance;
use crate::duplicates::{Claim, GuardError, Lease, Settled};

/// Judges answers, in the name of a rule.
#[derive(Clone, Copy)]
pub(super) struct Rule(pub(super) &'static str);

impl Rule {
    pub(super) fn first(self, claim: Result<Claim, GuardError>) -> Result<Lease, Nonconformance> {
        match self.heard(claim)? {
            Claim::First(lease) => Ok(lease),
            other => Err(self.wrong("First", &format!("{other:?}"))),
        }
    }

    pub(super) fn in_progress(
        self,
        claim: Result<Claim, GuardError>,
    ) -> Result<(), Nonconformance> {
        match self.heard(claim)? {
            Claim::InProgress { .. } => Ok(()),
            other => Err(self.wrong("InProgress", &format!("{other:?}"))),
        }
    }

    /// How long the lease still lasts, if the guard says so.
    pub(super) fn lease_left(
        self,
        claim: Result<Claim, GuardError>,
    ) -> Result<Option<Duration>, Nonconformance> {
        match self.heard(claim)? {
            Claim::InProgress { lease_left } => Ok(lease_left),
            other => Err(self.wrong("InProgress", &format!("{other:?}"))),
        }
    }

    pub(super) fn done(self, claim: Result<Claim, GuardError>) -> Result<(), Nonconformance> {
        match self.heard(claim)? {
            Claim::Done => Ok(()),
            other => Err(self.wrong("Done", &format!("{other:?}"))),
        }
    }

    pub(super) fn settled(
        self,
        expected: Settled,
        found: Result<Settled, GuardError>,
    ) -> Result<(), Nonconformance> {
        let expected_name = match expected {
            Settled::Current => "Current",
            Settled::Stale => "Stale",
        };
        match self.heard(found)? {
            found if found == expected => Ok(()),
            found => Err(self.wrong(expected_name, &format!("{found:?}"))),
        }
    }

    pub(super) fn heard<T>(self, answer: Result<T, GuardError>) -> Result<T, Nonconformance> {
        let rule = self.0;
        answer.map_err(|error| Nonconformance::Failed { rule, error })
    }

    pub(super) fn wrong(self, expected: &'static str, found: &str) -> Nonconformance {
        Nonconformance::Wrong {
            rule: self.0,
            expected,
            found: found.to_owned(),
        }
    }
}
