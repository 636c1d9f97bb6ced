//! Asking Microsoft Entra.
//!
//! Source: "Microsoft identity platform and the OAuth 2.0 client credentials flow", "… authorization code flow", "Refresh
//! the access token"; RFC 6749, sections 4.4, 5 and 6; RFC 7523, section 2.2.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use form_urlencoded::Serializer;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use secrecy::SecretString;
use secrecy::zeroize::{Zeroize as _, Zeroizing};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use time::OffsetDateTime;

use super::{AccessToken, Application, Cached, EntraRefusal, TokenError, TokenProvider};
use crate::excerpt::Excerpt;
use crate::http_client::retry_after::{retry_after, wait_in_words};
use crate::http_client::words::Words;
use crate::http_client::{HttpClient, Limits};
use crate::json;
use crate::mask::text::hide as hidden;

/// An application that asks for tokens.
#[derive(Clone)]
pub(super) struct Entra {
    application: Application,
    client: Arc<dyn HttpClient>,
}

/// What a grant gave: an access token, and with some grants a new refresh token.
pub(super) struct Granted {
    pub(super) access: AccessToken,
    pub(super) refresh: Option<SecretString>,
}

impl Entra {
    pub(super) fn new(application: Application, client: Arc<dyn HttpClient>) -> Self {
        Self {
            application,
            client,
        }
    }

    /// A provider that keeps what `grant` gives, by the clock and on the spawner of this application.
    pub(super) fn cached<P: TokenProvider + 'static>(&self, grant: P) -> Arc<Cached<P>> {
        let clock = Arc::clone(&self.application.clock);
        let cached = Cached::new(grant).with_clock(move || clock());
        Arc::new(match &self.application.spawn {
            Some(spawn) => cached.on(Arc::clone(spawn)),
            None => cached,
        })
    }

    /// Asks for a token for `scope`. `grant` are the fields of the form that are the grant's own.
    pub(super) async fn ask(
        &self,
        grant: &[(&str, &str)],
        scope: &str,
    ) -> Result<Granted, TokenError> {
        let Application {
            token_endpoint,
            client_id,
            credential,
            clock,
            ..
        } = &self.application;
        let now = clock();
        let url = Excerpt::of(&**token_endpoint);
        let proof = credential.proof(client_id, token_endpoint, now).await?;

        let form = {
            // One allocation, so that growing leaves no copy of a secret behind.
            let mut form = Serializer::new(String::with_capacity(FORM_CAPACITY));
            form.extend_pairs(grant)
                .append_pair("client_id", client_id)
                .extend_pairs(proof.fields())
                .append_pair("scope", scope);
            Zeroizing::new(form.finish().into_bytes())
        };
        let request = Request::builder()
            .method(Method::POST)
            .uri(&**token_endpoint)
            .header(ACCEPT, HeaderValue::from_static("application/json"))
            .header(CONTENT_TYPE, FORM)
            .body(Bytes::from_owner(form))
            .map_err(TokenError::provider)?;
        let answer = self.client.send(request, LIMITS).await;
        let answer = answer.map_err(|error| TokenError::Connection {
            url: url.clone(),
            error,
        })?;
        let secrets = grant.iter().filter(|(name, _)| *name != GRANT_TYPE);
        let secrets = secrets.map(|(_, value)| *value);
        let secrets: Vec<&str> = secrets.chain(proof.secret()).collect();
        let hide = |text: String| hidden(&text, secrets.iter().copied());
        let outcome = read(&answer, url, now, &hide);
        wipe(answer.into_body());
        outcome
    }
}

impl fmt::Debug for Entra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.application.fmt(f)
    }
}

fn read(
    answer: &Response<Bytes>,
    url: Excerpt,
    now: OffsetDateTime,
    hide: &dyn Fn(String) -> String,
) -> Result<Granted, TokenError> {
    let status = answer.status();
    let words = |text: &str| wait_in_words(status, text);
    let told = retry_after(answer.headers());
    let unreadable = |problem: String, retry_after| TokenError::Unreadable {
        url: url.clone(),
        status,
        problem: Box::new(Excerpt::long(problem)),
        retry_after,
    };
    if status == StatusCode::OK {
        if let Err(error) = json::response::read::<IgnoredAny>(answer.body()) {
            return Err(unreadable(error.problem, told));
        }
        // What cannot be read of it may be a token, and is not shown.
        return match json::response::read::<GrantAnswer>(answer.body()) {
            Ok(grant) => grant.into_granted(now),
            Err(_) => Err(unreadable("it is JSON of another shape".to_owned(), told)),
        };
    }
    let Ok(refusal) = json::response::read::<RefusalAnswer>(answer.body()) else {
        let text = Words::read(answer.body()).text.unwrap_or_default();
        let wait = told.or_else(|| words(&text));
        let is_json = json::response::read::<IgnoredAny>(answer.body()).is_ok();
        let problem = match text.is_empty() {
            // Its escapes would hide a secret from the mask.
            _ if is_json => "it is JSON of another shape".to_owned(),
            true => "the response says nothing more".to_owned(),
            false => hide(text),
        };
        return Err(unreadable(problem, wait));
    };
    let text = |value: Option<Value>| {
        let value = value?;
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        Some(hide(text))
    };
    let description = text(refusal.error_description).unwrap_or_default();
    Err(TokenError::Refused(Box::new(EntraRefusal {
        code: code(&description)
            .or_else(|| refusal.error_codes.and_then(|codes| first_code(&codes))),
        retry_after: told.or_else(|| words(&description)),
        url,
        status,
        error: Excerpt::of(hide(refusal.error)),
        description: Excerpt::long(description),
        trace_id: text(refusal.trace_id).map(Excerpt::of),
        correlation_id: text(refusal.correlation_id).map(Excerpt::of),
    })))
}

/// The number in a description that begins with `AADSTS700016: …`.
fn code(description: &str) -> Option<u32> {
    let rest = description.trim_start().strip_prefix("AADSTS")?;
    let end = rest
        .find(|it: char| !it.is_ascii_digit())
        .unwrap_or(rest.len());
    rest.get(..end)?.parse().ok()
}

/// The first of the numbers that a refusal lists beside its description.
fn first_code(codes: &Value) -> Option<u32> {
    codes.as_array()?.first()?.as_u64()?.try_into().ok()
}

#[derive(Deserialize)]
struct GrantAnswer {
    access_token: SecretString,
    refresh_token: Option<SecretString>,
    /// Seconds; a number from the v2 endpoint, a string from the v1 endpoint.
    expires_in: Option<Value>,
}

impl GrantAnswer {
    /// A token that does not say how long it lives is used once.
    fn into_granted(self, now: OffsetDateTime) -> Result<Granted, TokenError> {
        let seconds = match &self.expires_in {
            Some(Value::Number(seconds)) => seconds.as_u64(),
            Some(Value::String(seconds)) => seconds.parse().ok(),
            _ => None,
        };
        let lifetime = Duration::from_secs(seconds.unwrap_or_default().min(LONGEST_LIFETIME));
        Ok(Granted {
            access: AccessToken::new(self.access_token)?.expiring_at(now + lifetime),
            refresh: self.refresh_token,
        })
    }
}

#[derive(Deserialize)]
struct RefusalAnswer {
    error: String,
    error_description: Option<Value>,
    error_codes: Option<Value>,
    trace_id: Option<Value>,
    correlation_id: Option<Value>,
}

/// Wipes an answer, if nobody else holds it.
fn wipe(body: Bytes) {
    if let Ok(mut body) = body.try_into_mut() {
        body.as_mut().zeroize();
    }
}

/// The field of a grant that is no secret.
pub(super) const GRANT_TYPE: &str = "grant_type";

const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

/// Room for a form: refresh tokens are below 2 KiB, and percent-encoding can treble them; assertions, which it leaves as
/// they are, have up to 3 KiB.
const FORM_CAPACITY: usize = 16 * 1024;

/// Entra's tokens live 60 to 90 minutes, up to 28 hours with continuous access evaluation: a week is a fault, in seconds.
const LONGEST_LIFETIME: u64 = 7 * 24 * 60 * 60;

/// Entra answers in less than a second; a token is a few KiB.
const LIMITS: Limits = Limits::new(Duration::from_secs(15), 64 * 1024);
