//! A short validity.

use std::time::Duration;

use super::{CertificatePolicy, PolicyError};
use crate::chain::certificate::Certificate;
use crate::excerpt::Excerpt;

/// Limits the validity of the certificate. Not a default policy.
///
/// Microsoft's certificates were valid for 731 days in 2019, 360 until 2024, 100 in 2026; the CA/Browser Forum allows 47 from 2029 on (ballot
/// SC-081v3).
#[derive(Clone, Copy, Debug)]
pub struct Lifetime(Duration);

impl Lifetime {
    /// At most `longest`, in whole seconds, both ends included.
    pub const fn at_most(longest: Duration) -> Self {
        Self(longest)
    }
}

impl CertificatePolicy for Lifetime {
    fn check(&self, certificate: &Certificate<'_>) -> Result<(), PolicyError> {
        let seconds = certificate
            .not_after()
            .as_secs()
            .saturating_sub(certificate.not_before().as_secs())
            .saturating_add(1);
        match seconds > self.0.as_secs() {
            true => Err(PolicyError::Other(Excerpt::of(format!(
                "it is valid for {seconds} seconds (expected at most {})",
                self.0.as_secs()
            )))),
            false => Ok(()),
        }
    }

    fn name(&self) -> String {
        format!("valid for at most {} days", self.0.as_secs() / (24 * 60 * 60))
    }
}
