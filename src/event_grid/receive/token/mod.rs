//! The check of the tokens that Event Grid takes from Microsoft Entra: signature, issuer, audience, application, role, time.
//!
//! [`EntraTokens`] judges one token; [`ExpectedToken`] is what it asks of it. The tenant's keys are fetched once however many
//! deliveries wait, in a task of their own ([`Spawn`]). They are kept, fetched anew in the background after a day, and used
//! for a week if no new ones can be had. A token that names a key that is not among them has them fetched anew and waits, at
//! most once a minute. A failure is remembered for ten seconds, and for longer with each failure in a row, a minute at most.
//! It is not a refusal: [`TokenRefusal::is_transient`] tells.
//!
//! The signature is verified by the [`Backend`] that is given, with the algorithm that the key is for. No JWT library takes
//! part: the one that is kept (`jsonwebtoken`) chooses its crypto once for a process, panics if two crates of a program
//! chose differently, and reads the clock itself. The tests hold this check against it.

mod entra_tokens;
mod error;
mod expected;
mod fetch;
mod jwks;
mod jwt;
mod kept;
mod keys;

pub use entra_tokens::EntraTokens;
pub use error::{EntraTokensError, KeysError, MissingRole, TokenRefusal};
pub use expected::{ExpectedToken, VerifiedToken};
pub(super) use keys::COOL_DOWN;
