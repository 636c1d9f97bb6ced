//! Signed tokens in compact serialization (RFC 7515, RFC 7519).

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::error::TokenRefusal;
use super::jwks::{ALGORITHM, PublicKey, decode};
use crate::mask::Excerpt;

/// A well-formed token with the supported algorithm. Its claims are not parsed yet.
#[derive(Debug)]
pub(super) struct SignedToken<'t> {
    key_id: String,
    signed: &'t str,
    claims: &'t str,
    signature: Vec<u8>,
}

impl<'t> SignedToken<'t> {
    /// Splits a token and parses its header.
    ///
    /// Ignores the header parameters `jku`, `jwk`, `x5c` and `x5u`, so that a token cannot supply its own key.
    pub(super) fn parse(token: &'t str) -> Result<Self, TokenRefusal> {
        let malformed = |problem| TokenRefusal::Malformed { problem };
        if token.len() > MAX_LENGTH {
            return Err(malformed("it is longer than 16 KiB"));
        }
        let parts = || {
            let (signed, signature) = token.rsplit_once('.')?;
            let (header, claims) = signed.split_once('.')?;
            (!claims.contains('.')).then_some((signed, header, claims, signature))
        };
        let Some((signed, header, claims, signature)) = parts() else {
            return Err(malformed("it does not have three parts"));
        };

        let header = decode(header).and_then(|json| serde_json::from_slice(&json).ok());
        let Some(Header { alg, kid, crit }) = header else {
            return Err(malformed("its header is not a JSON object in base64url"));
        };
        if alg != ALGORITHM {
            return Err(TokenRefusal::Algorithm { found: Excerpt::of(alg) });
        }
        if crit.is_some() {
            return Err(malformed("its header has critical extensions"));
        }
        let Some(key_id) = kid else {
            return Err(malformed("its header does not name a key"));
        };
        let Some(signature) = decode(signature) else {
            return Err(malformed("its signature is not base64url"));
        };
        Ok(Self { key_id, signed, claims, signature })
    }

    pub(super) fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Verifies the signature, then parses the claims.
    pub(super) fn verify(&self, key: &PublicKey) -> Result<Claims, TokenRefusal> {
        if !key.verifies(self.signed.as_bytes(), &self.signature) {
            return Err(TokenRefusal::Signature { key: Excerpt::of(&self.key_id) });
        }
        self.unverified_claims()
    }

    /// Parses the claims without verification: use them to refuse the token, never to accept it.
    pub(super) fn unverified_claims(&self) -> Result<Claims, TokenRefusal> {
        decode(self.claims).and_then(|json| serde_json::from_slice(&json).ok()).ok_or(
            TokenRefusal::Malformed {
                problem: "its claims are not a JSON object of Microsoft Entra in base64url",
            },
        )
    }
}

/// The claims that are checked. Entra writes the audience as one string.
#[derive(Debug, Deserialize)]
pub(super) struct Claims {
    pub(super) iss: Option<String>,
    pub(super) aud: Option<String>,
    pub(super) tid: Option<String>,
    /// The client, in tokens of version 1.
    pub(super) appid: Option<String>,
    /// The client, in tokens of version 2.
    pub(super) azp: Option<String>,
    #[serde(default)]
    pub(super) roles: Vec<String>,
    /// Seconds since 1970; `nbf` too.
    pub(super) exp: Option<i64>,
    pub(super) nbf: Option<i64>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<IgnoredAny>,
}

/// Tokens of Entra have 1 to 2 KiB, and several KiB with hundreds of roles.
const MAX_LENGTH: usize = 16 * 1024;
