//! Callers that deliver, disconnect and forge.

use std::time::Duration;

use partner_center_webhooks::testing::SignedRequest;
use tokio::time::{Instant, sleep, timeout};

use super::memory::Promise;
use super::model::{Answer, Case, PATIENCE, Rule, Violation, check};
use super::pki::POOL;
use super::truth::{CertId, Moment};
use super::world::World;

/// A message from a caller.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Message {
    /// Signed with a key that Microsoft has, or had.
    Signed { key: usize, body: usize },
    /// The signature of a key over another body.
    Altered { key: usize },
    /// A name that Microsoft does not have, and the signature of a key.
    Invented { key: usize, number: u64 },
    /// The signature of an uncertified key.
    Strange,
}

impl Message {
    fn callback(self, url: &str) -> SignedRequest {
        match self {
            Self::Signed { key, body } => POOL.genuine(key, body, url),
            Self::Altered { key } => POOL.altered(key, url),
            Self::Invented { key, number } => {
                let (folder, _) = url.rsplit_once('/').unwrap();
                POOL.genuine(key, 0, &format!("{folder}/x{number}.cer"))
            }
            Self::Strange => POOL.strangers(0, url),
        }
    }

    /// The key, if the message itself is genuine.
    fn key(self) -> Option<usize> {
        match self {
            Self::Signed { key, .. } => Some(key),
            _ => None,
        }
    }
}

/// A call without a response yet.
struct Call {
    message: Message,
    came: Moment,
    generation: usize,
    promise: Option<Promise>,
    started: Instant,
}

impl World {
    /// Sends a message and checks the response.
    pub(crate) async fn send(&self, message: Message) -> Answer {
        self.send_for(message, PATIENCE).await
    }

    /// The same with a caller that disconnects after a while: then there is nothing to check.
    pub(crate) async fn send_for(&self, message: Message, patience: Duration) -> Answer {
        let (call, url) = self.call(message);
        let callback = message.callback(&url);
        let receiver = self.receiver();
        let received = receiver.receive(&callback.headers, &callback.body);
        let received = timeout(patience, received).await;
        let waited = call.started.elapsed();
        let mut response = Answer { status: None, retry_after: None, waited, text: String::new() };
        let mut accepted = None;
        match received {
            Ok(Ok(received)) => {
                response.status = Some(200);
                accepted = Some(received.signer().certificate().clone());
            }
            Ok(Err(error)) => {
                response.status = Some(error.status().as_u16());
                response.retry_after = error.retry_after();
                response.text = error.to_string().chars().take(160).collect();
            }
            Err(_) if patience < PATIENCE => {
                let mut ground = self.ground.lock();
                ground.log(format!("{message:?}: hung up after {waited:?}"));
                return response;
            }
            Err(_) => {}
        }
        let accepted = accepted.map(|der| self.ground.lock().truth.find(&der));
        self.check(&call, &response, accepted);
        response
    }

    fn call(&self, message: Message) -> (Call, String) {
        let ground = self.ground.lock();
        let came = ground.clock.moment();
        let key = message.key();
        let call = Call {
            message,
            came,
            generation: ground.memory.generation,
            promise: key.map(|key| ground.memory.promise(&ground.truth, key, came)),
            started: Instant::now(),
        };
        (call, ground.url.clone())
    }

    /// `accepted`: `None` if it was not; otherwise a certificate, or one that Microsoft does not have.
    fn check(&self, call: &Call, response: &Answer, accepted: Option<Option<CertId>>) {
        let mut guard = self.ground.lock();
        let ground = &mut *guard;
        let Call { message, came, generation, .. } = call;
        let now = ground.clock.moment();
        let status = response.status.unwrap_or(0);
        ground.log(format!(
            "{message:?} of {} to receiver {generation}: {status} after {:?}{}",
            came.ms,
            response.waited,
            accepted.map_or(String::new(), |id| format!(", certificate {id:?}"))
        ));
        let mut case = match (&call.promise, accepted) {
            (Some(_), Some(None)) => forged(*message, "its certificate was never issued"),
            (Some(promise), accepted) => {
                let accepted = accepted.flatten();
                let case = ground.memory.case(&ground.truth, promise, accepted, now);
                ground.memory.responded(promise, accepted, now.ms);
                case
            }
            (None, _) => forged(*message, "it is forged"),
        };
        case.joined = ground.bounds.joined_wait(&ground.url, came.ms);
        ground.responses += 1;
        ground.record(check(&case, response));
    }

    /// Delivers an event as Partner Center does: up to ten times, obeying `Retry-After`.
    pub(crate) async fn deliver(self, key: usize) {
        for attempt in 0..10 {
            let message = Message::Signed { key, body: attempt };
            let response = self.send(message).await;
            if response.status != Some(503) {
                break;
            }
            let wait = response.retry_after.unwrap_or(Duration::from_secs(60));
            sleep(wait.min(Duration::from_secs(600))).await;
        }
    }

    /// Warms the receiver up, as a service does at its start.
    pub(crate) async fn warm_up(&self) {
        let receiver = self.receiver();
        let failed = timeout(PATIENCE, receiver.warm_up()).await;
        let mut ground = self.ground.lock();
        match failed {
            Ok(failed) => ground.log(format!("warmed up, {} failed", failed.len())),
            Err(_) => ground.record(Err(Violation::new(
                Rule::Recovery,
                "a warm-up ends",
                format!("it did not within {PATIENCE:?}"),
            ))),
        }
    }
}

fn forged(message: Message, why: &str) -> Case {
    Case { what: format!("{message:?}"), forged: Some(why.to_owned()), ..Case::default() }
}
