//! Bringing the registration to what is wanted, whatever happens meanwhile.

use http::Method;
use tokio::time::timeout_at;

use super::{Plan, Registration, RegistrationClient, RegistrationError};
use crate::api::ApiError;

impl RegistrationClient {
    /// What [`ensure`](Self::ensure) would do now. Changes nothing.
    ///
    /// # Errors
    ///
    /// [`ApiError`].
    pub async fn plan(&self, wanted: &Registration) -> Result<Plan, ApiError> {
        Ok(Plan::new(wanted, self.get().await?.as_ref()))
    }

    /// Registers `wanted`, or adds it to what is registered, and says what was done.
    ///
    /// Reads first, and writes only where something differs: see [`Plan::new`]. If the answer to a write is lost, if somebody
    /// else registers at the same time, or if the service did not take over what it was sent, it reads again and goes on from
    /// there, up to [`MAX_ROUNDS`](Self::MAX_ROUNDS) times within one deadline. The API has no way to write only if nothing
    /// changed since the reading: two products that update in the same second can still overwrite one another. Clones of one
    /// client take turns.
    ///
    /// # Errors
    ///
    /// [`RegistrationError`].
    pub async fn ensure(&self, wanted: &Registration) -> Result<Plan, RegistrationError> {
        wanted.check_url()?;
        let until = self.api.deadline();
        // Two callers of one client would overwrite one another. Whoever waits for longer than a call may take goes on as if it
        // were alone: the one before is about to end, for it has the same deadline.
        let _turn = timeout_at(until, self.turn.lock()).await;
        let mut done = None;
        let mut round = 0;
        loop {
            round += 1;
            let current = self.get_until(until).await?;
            let plan = Plan::new(wanted, current.as_ref());
            let operation = match &plan {
                // What is there may be what an earlier round has written.
                Plan::Keep(_) => return Ok(done.unwrap_or(plan)),
                Plan::Create(_) => ("create registration", Method::POST),
                Plan::Update { .. } => ("update registration", Method::PUT),
            };
            let trouble = match self.put(operation, plan.registration(), until).await {
                Ok(answer) if is_taken(wanted, &answer) => return Ok(plan),
                Ok(answer) => RegistrationError::PartiallyApplied {
                    difference: Box::new(Plan::new(wanted, Some(&answer))),
                },
                Err(error) => error,
            };
            let is_worth_another_look = trouble.is_conflict() || trouble.may_have_been_done();
            if round == Self::MAX_ROUNDS || !is_worth_another_look {
                return Err(trouble);
            }
            done = Some(plan).filter(|_| trouble.may_have_been_done());
        }
    }

    /// How often [`ensure`](Self::ensure) reads and writes at most.
    pub const MAX_ROUNDS: u32 = 3;
}

/// Whether `answer` holds what was wanted. Some answers do not say where the signature goes.
fn is_taken(wanted: &Registration, answer: &Registration) -> bool {
    let mut wanted = wanted.clone();
    if answer.signature_token_to_ms_signature_header().is_none() {
        wanted.signature_token_to_ms_signature_header = None;
    }
    Plan::new(&wanted, Some(answer)).is_keep()
}
