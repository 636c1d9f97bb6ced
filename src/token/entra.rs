//! Requests to the token endpoint of Microsoft Entra.
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
use secrecy::zeroize::{Zeroize as _, Zeroizing};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use time::OffsetDateTime;

use super::application::Application;
use super::cached::Cached;
use super::error::{EntraRefusal, TokenError};
use super::provider::{AccessToken, TokenProvider};
use crate::http_client::retry_after::{retry_after, wait_in_words};
use crate::http_client::words::Words;
use crate::http_client::{HttpClient, Limits};
use crate::json::response as json;
use crate::mask::Excerpt;
use crate::mask::secret::SecretString;
use crate::mask::text::redact;

/// Requests tokens for an application.
///
/// The token endpoint of one tenant. Requests are not retried here: the API client that needs the token retries.
#[derive(Clone)]
pub(super) struct Entra {
    application: Application,
    client: Arc<dyn HttpClient>,
}

/// The tokens in a response: an access token, and with some grants a new refresh token.
pub(super) struct Tokens {
    pub(super) access: AccessToken,
    pub(super) refresh: Option<SecretString>,
}

impl Entra {
    pub(super) fn new(application: Application, client: Arc<dyn HttpClient>) -> Self {
        Self { application, client }
    }

    /// Caches the tokens of `grant`, with the clock and the spawner of this application.
    pub(super) fn cached<P: TokenProvider + 'static>(&self, grant: P) -> Arc<Cached<P>> {
        let clock = Arc::clone(&self.application.clock);
        let cached = Cached::new(grant).with_clock(move || clock());
        Arc::new(match &self.application.spawn {
            Some(spawn) => cached.on(Arc::clone(spawn)),
            None => cached,
        })
    }

    /// Requests a token for `scope`. `grant` are the form fields of the grant.
    ///
    /// The body of the response is wiped as soon as it has been read.
    pub(super) async fn ask(
        &self,
        grant: &[(&str, &str)],
        scope: &str,
    ) -> Result<Tokens, TokenError> {
        let Application { token_endpoint, client_id, credential, clock, .. } = &self.application;
        let now = clock();
        let url = Excerpt::of(&**token_endpoint);
        let auth = credential.client_auth(client_id, token_endpoint, now);
        let auth = auth.await?;

        let form = {
            // A single allocation, because growing would leave copies of the secrets.
            let mut form = Serializer::new(String::with_capacity(FORM_CAPACITY));
            form.extend_pairs(grant)
                .append_pair("client_id", client_id)
                .extend_pairs(auth.fields())
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
        let response = self.client.send(request, LIMITS).await;
        let response =
            response.map_err(|error| TokenError::Connection { url: url.clone(), error })?;
        let secrets = grant.iter().filter(|(name, _)| *name != GRANT_TYPE);
        let secrets = secrets.map(|(_, value)| *value);
        let secrets: Vec<&str> = secrets.chain(auth.secret()).collect();
        let redact = |text: String| redact(&text, secrets.iter().copied());
        let outcome = read(&response, url, now, &redact);
        wipe(response.into_body());
        outcome
    }
}

impl fmt::Debug for Entra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.application.fmt(f)
    }
}

fn read(
    response: &Response<Bytes>,
    url: Excerpt,
    now: OffsetDateTime,
    redact: &dyn Fn(String) -> String,
) -> Result<Tokens, TokenError> {
    let status = response.status();
    let words = |text: &str| wait_in_words(status, text);
    let wait = retry_after(response.headers());
    let unreadable = |problem: String, retry_after| TokenError::Unreadable {
        url: url.clone(),
        status,
        problem: Box::new(Excerpt::long(problem)),
        retry_after,
    };
    if status == StatusCode::OK {
        if let Err(error) = json::read::<IgnoredAny>(response.body()) {
            return Err(unreadable(error.problem, wait));
        }
        // The unreadable part may be a token, and is not shown.
        return match json::read::<GrantBody>(response.body()) {
            Ok(grant) => grant.into_tokens(now),
            Err(_) => Err(unreadable("it is JSON of an unexpected shape".to_owned(), wait)),
        };
    }
    let Ok(refusal) = json::read::<ErrorBody>(response.body()) else {
        let text = Words::read(response.body()).text.unwrap_or_default();
        let wait = wait.or_else(|| words(&text));
        let is_json = json::read::<IgnoredAny>(response.body()).is_ok();
        let problem = match text.is_empty() {
            // Its escapes would hide a secret from redaction.
            _ if is_json => "it is JSON of an unexpected shape".to_owned(),
            true => "the response says nothing more".to_owned(),
            false => redact(text),
        };
        return Err(unreadable(problem, wait));
    };
    let text = |value: Option<Value>| {
        let value = value?;
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Some(redact(text))
    };
    let description = text(refusal.error_description).unwrap_or_default();
    Err(TokenError::Refused(Box::new(EntraRefusal {
        code: code(&description)
            .or_else(|| refusal.error_codes.and_then(|codes| first_code(&codes))),
        retry_after: wait.or_else(|| words(&description)),
        url,
        status,
        error: Excerpt::of(redact(refusal.error)),
        description: Excerpt::long(description),
        trace_id: text(refusal.trace_id).map(Excerpt::of),
        correlation_id: text(refusal.correlation_id).map(Excerpt::of),
    })))
}

/// The number at the start of a description such as `AADSTS700016: …`.
fn code(description: &str) -> Option<u32> {
    let rest = description.trim_start().strip_prefix("AADSTS")?;
    let end = rest.find(|it: char| !it.is_ascii_digit()).unwrap_or(rest.len());
    rest.get(..end)?.parse().ok()
}

/// The first of the numbers that a refusal lists beside its description.
fn first_code(codes: &Value) -> Option<u32> {
    codes.as_array()?.first()?.as_u64()?.try_into().ok()
}

/// Other members are ignored: the granted scopes, and the token's type, which is always `Bearer`.
#[derive(Deserialize)]
struct GrantBody {
    access_token: SecretString,
    refresh_token: Option<SecretString>,
    /// Seconds; a number from the v2 endpoint, a string from the v1 endpoint.
    expires_in: Option<Value>,
}

impl GrantBody {
    /// A token without a lifetime is used once.
    fn into_tokens(self, now: OffsetDateTime) -> Result<Tokens, TokenError> {
        let seconds = match &self.expires_in {
            Some(Value::Number(seconds)) => seconds.as_u64(),
            Some(Value::String(seconds)) => seconds.parse().ok(),
            _ => None,
        };
        let lifetime = Duration::from_secs(seconds.unwrap_or_default().min(MAX_LIFETIME));
        Ok(Tokens {
            access: AccessToken::new(self.access_token)?.expiring_at(now + lifetime),
            refresh: self.refresh_token,
        })
    }
}

/// RFC 6749, section 5.2, and Microsoft's extensions. Only `error` is required.
#[derive(Deserialize)]
struct ErrorBody {
    error: String,
    error_description: Option<Value>,
    error_codes: Option<Value>,
    trace_id: Option<Value>,
    correlation_id: Option<Value>,
}

/// Wipes a response body, if there is no other reference to it.
fn wipe(body: Bytes) {
    if let Ok(mut body) = body.try_into_mut() {
        body.as_mut().zeroize();
    }
}

/// The form field of a grant that is not a secret.
pub(super) const GRANT_TYPE: &str = "grant_type";

const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

/// The capacity of a form: refresh tokens have up to 2 KiB, which percent-encoding can triple; assertions have up to 3 KiB, and
/// are not changed by it.
const FORM_CAPACITY: usize = 16 * 1024;

/// A week in seconds, because Entra's tokens live 60 to 90 minutes, or up to 28 hours with continuous access evaluation.
const MAX_LIFETIME: u64 = 7 * 24 * 60 * 60;

/// Entra responds in less than a second, and a token has a few KiB.
const LIMITS: Limits = Limits::new(Duration::from_secs(15), 64 * 1024);
