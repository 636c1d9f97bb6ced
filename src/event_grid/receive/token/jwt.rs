//! Signed tokens in their compact form (RFC 7515, RFC 7519): taken apart, and proven by a key.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::error::TokenRefusal;
use super::jwks::{ALGORITHM, PublicKey, decode};
use crate::excerpt::Excerpt;

/// A well-formed token of the one algorithm that is verified. Nobody has looked at its claims.
#[derive(Debug)]
pub(super) struct SignedToken<'t> {
    key_id: String,
    signed: &'t str,
    claims: &'t str,
    signature: Vec<u8>,
}

impl<'t> SignedToken<'t> {
    /// Takes a token apart.
    ///
    /// What its header says of keys (`jku`, `jwk`, `x5c`, `x5u`) is not read, so that no token brings its own.
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
            return Err(malformed("it has not three parts"));
        };

        let header = decode(header).and_then(|json| serde_json::from_slice(&json).ok());
        let Some(Header { alg, kid, crit }) = header else {
            return Err(malformed("its header is not base64url of a JSON object"));
        };
        if alg != ALGORITHM {
            return Err(TokenRefusal::Algorithm {
                found: Excerpt::of(alg),
            });
        }
        if crit.is_some() {
            return Err(malformed("its header has critical extensions"));
        }
        let Some(key_id) = kid else {
            return Err(malformed("its header names no key"));
        };
        let Some(signature) = decode(signature) else {
            return Err(malformed("its signature is not base64url"));
        };
        Ok(Self {
            key_id,
            signed,
            claims,
            signature,
        })
    }

    pub(super) fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Verifies the signature, and reads the claims only then.
    pub(super) fn proven_by(&self, key: &PublicKey) -> Result<Claims, TokenRefusal> {
        if !key.has_signed(self.signed.as_bytes(), &self.signature) {
            return Err(TokenRefusal::Signature {
                key: Excerpt::of(&self.key_id),
            });
        }
        self.unproven_claims()
    }

    /// Reads the claims without a key: they can tell against the token, and never for it.
    pub(super) fn unproven_claims(&self) -> Result<Claims, TokenRefusal> {
        decode(self.claims)
            .and_then(|json| serde_json::from_slice(&json).ok())
            .ok_or(TokenRefusal::Malformed {
                problem: "its claims are not base64url of a JSON object as Microsoft Entra writes it",
            })
    }
}

/// The claims that are looked at. Entra writes an audience as one string.
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
    /// Seconds since 1970, as are the others.
    pub(super) exp: Option<i64>,
    pub(super) nbf: Option<i64>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<IgnoredAny>,
}

/// Entra's tokens have 1 to 2 KiB; with hundreds of roles, several.
const MAX_LENGTH: usize = 16 * 1024;
