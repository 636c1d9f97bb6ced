//! Verification of the tokens that Event Grid obtains from Microsoft Entra: signature, issuer, audience, application, role,
//! time.
//!
//! [`EntraTokens`] verifies tokens; [`ExpectedToken`] holds the expected claims. The tenant's keys are fetched once, however
//! many deliveries wait, in a separate task ([`Spawn`](crate::spawn::Spawn)). They are cached, refreshed in the background
//! after a day, and used for a week if every refresh fails. A token with an unknown key starts a fetch and waits for it, at
//! most once a minute. A failed fetch is remembered for ten seconds, and longer with each consecutive failure, up to a
//! minute. It is not a refusal of the token: see [`TokenRefusal::is_transient`].
//!
//! The signature is verified by the given [`Backend`](crate::crypto::Backend), with the algorithm of the key. There is no JWT
//! library: the maintained one (`jsonwebtoken`) selects its crypto provider once per process, panics if two crates select
//! different ones, and reads the clock itself. The tests compare this implementation with it.

mod entra_tokens;
mod error;
mod expected;
mod fetch;
mod jwks;
mod jwt;
mod key_cache;
mod keys;

pub use entra_tokens::EntraTokens;
pub use error::TokenRefusal;
pub use expected::{ExpectedToken, VerifiedToken};
pub(super) use keys::COOL_DOWN;
