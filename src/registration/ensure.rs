//! `ensure`: brings the registration to the desired state.

use http::Method;
use tokio::time::timeout_at;

use super::client::RegistrationClient;
use super::error::RegistrationError;
use super::plan::Plan;
use super::types::Registration;
use crate::api::ApiError;

impl RegistrationClient {
    /// Returns what [`ensure`](Self::ensure) would do now. Changes nothing.
    ///
    /// # Errors
    ///
    /// [`ApiError`].
    pub async fn plan(&self, wanted: &Registration) -> Result<Plan, ApiError> {
        Ok(Plan::new(wanted, self.get().await?.as_ref()))
    }

    /// Creates the registration `wanted`, or merges it into the existing one, and returns what was done.
    ///
    /// It reads first, and writes only if something differs: see [`Plan::new`]. If the response to a write is lost, another
    /// product registers at the same time, or the service applies only a part, it reads and writes again: at most
    /// [`MAX_ROUNDS`](Self::MAX_ROUNDS) rounds within one deadline. The API has no conditional write, so two products that
    /// update in the same second can still overwrite each other. Clones of one client take turns.
    ///
    /// # Errors
    ///
    /// [`RegistrationError`].
    pub async fn ensure(&self, wanted: &Registration) -> Result<Plan, RegistrationError> {
        wanted.check_url()?;
        let until = self.api.deadline();
        // Concurrent callers of one client would overwrite each other. A caller whose wait exceeds the deadline of a call goes
        // on: the previous one has the same deadline, and is about to end.
        let _turn = timeout_at(until, self.turn.lock()).await;
        let mut done = None;
        let mut round = 0;
        loop {
            round += 1;
            let current = self.get_until(until).await?;
            let plan = Plan::new(wanted, current.as_ref());
            let operation = match &plan {
                // The registration may be the one that an earlier round has written.
                Plan::Keep(_) => return Ok(done.unwrap_or(plan)),
                Plan::Create(_) => ("create registration", Method::POST),
                Plan::Update { .. } => ("update registration", Method::PUT),
            };
            let error = match self.put(operation, plan.registration(), until).await {
                Ok(applied) if is_applied(wanted, &applied) => return Ok(plan),
                Ok(applied) => RegistrationError::PartiallyApplied {
                    difference: Box::new(Plan::new(wanted, Some(&applied))),
                },
                Err(error) => error,
            };
            let is_retryable = error.is_conflict() || error.may_have_succeeded();
            if round == Self::MAX_ROUNDS || !is_retryable {
                return Err(error);
            }
            done = Some(plan).filter(|_| error.may_have_succeeded());
        }
    }

    /// The maximum number of rounds of [`ensure`](Self::ensure).
    pub const MAX_ROUNDS: u32 = 3;
}

/// Whether `applied`, the response to a write, is what was wanted. Some responses omit the signature header.
fn is_applied(wanted: &Registration, applied: &Registration) -> bool {
    let mut wanted = wanted.clone();
    if applied.signature_token_to_ms_signature_header().is_none() {
        wanted.signature_token_to_ms_signature_header = None;
    }
    Plan::new(&wanted, Some(applied)).is_keep()
}
