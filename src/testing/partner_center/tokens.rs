//! Tokens, as issued by Entra and accepted by Partner Center.
//!
//! | endpoint | audience | numbers |
//! |---|---|---|
//! | `/{tenant}/oauth2/token` | `resource` | text |
//! | `/{tenant}/oauth2/v2.0/token` | the resource in `scope` | numbers |
//!
//! Tokens are opaque here. A token is accepted only for the audience it was issued for and until it expires, and a user's
//! token is distinguished from the application's, because some calls need a user.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use http::header::WWW_AUTHENTICATE;
use http::{Method, Response};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::client::{Client, Credentials, refusal};
use crate::testing::loopback::request::{FORM, RecordedRequest};
use crate::testing::loopback::response::{ErrorBody, Refusal, guid, header, ok};

/// One application of one tenant, and its tokens.
pub(super) struct Tokens {
    pub(super) credentials: Credentials,
    refresh_tokens: Vec<String>,
    issued: HashMap<String, Issued>,
    pub(super) requests: usize,
    pub(super) client: Client,
}

struct Issued {
    audience: String,
    /// Whether it is a user's token, obtained with a refresh token.
    is_delegated: bool,
    expires_at: OffsetDateTime,
}

/// The versions of the token endpoint, which differ in parameters and in the form of numbers.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Version {
    /// `/oauth2/token`, with `resource`.
    One,
    /// `/oauth2/v2.0/token`, with `scope`.
    Two,
}

impl Tokens {
    pub(super) fn new() -> Self {
        let credentials = Credentials {
            tenant_id: guid().to_string(),
            client_id: guid().to_string(),
            client_secret: format!("secret~{}", guid().simple()),
            refresh_token: format!("0.refresh.{}", guid().simple()),
        };
        Self {
            refresh_tokens: vec![credentials.refresh_token.clone()],
            credentials,
            issued: HashMap::new(),
            requests: 0,
            client: Client::default(),
        }
    }

    /// Whether `path` is the token endpoint.
    pub(super) fn is_endpoint(path: &str) -> bool {
        endpoint(path).is_some()
    }

    /// Forgets all access tokens. Refresh tokens stay valid.
    pub(super) fn revoke(&mut self) {
        self.issued.clear();
    }

    /// Responds to a token request.
    pub(super) fn respond(
        &mut self,
        request: &RecordedRequest,
        lifetime: Duration,
        now: OffsetDateTime,
    ) -> Response<Bytes> {
        self.requests = self.requests.saturating_add(1);
        match self.grant(request, lifetime, now) {
            Ok(token) => ok(&token),
            Err(refusal) => refusal.response(),
        }
    }

    /// Checks a token request, in this order: method, tenant, application, grant, client, refresh token, audience.
    fn grant(
        &mut self,
        request: &RecordedRequest,
        lifetime: Duration,
        now: OffsetDateTime,
    ) -> Result<Value, Refusal> {
        let (tenant, version) = endpoint(request.path()).unwrap_or(("", Version::Two));
        if request.method() != Method::POST || !request.is_of_type(FORM) {
            let reason = "The endpoint only accepts POST requests with a form.";
            return Err(refusal("invalid_request", 900_561, reason));
        }
        if tenant != self.credentials.tenant_id {
            let reason = format!("Tenant '{tenant}' not found.");
            return Err(refusal("invalid_request", 90_002, reason));
        }
        let form: HashMap<String, String> = request.form().into_iter().collect();
        let field = |name: &str| {
            form.get(name).map(String::as_str).ok_or_else(|| {
                let reason =
                    format!("The request body must contain the following parameter: '{name}'.");
                refusal("invalid_request", 900_144, reason)
            })
        };
        let grant_type = field("grant_type")?;
        let client_id = field("client_id")?;
        if client_id != self.credentials.client_id {
            let reason = format!(
                "Application with identifier '{client_id}' was not found in the directory."
            );
            return Err(refusal("unauthorized_client", 700_016, reason));
        }
        let is_delegated = match grant_type {
            "client_credentials" => false,
            "refresh_token" => true,
            other => {
                let reason = format!("The grant type '{other}' is not supported.");
                return Err(refusal("unsupported_grant_type", 70_003, reason));
            }
        };
        let refresh_token = match is_delegated {
            true => Some(field("refresh_token")?),
            false => None,
        };
        let host = request.header("host").unwrap_or_default();
        let endpoint = format!("http://{host}{}", request.path());
        self.client.authenticate(&form, &self.credentials, &endpoint, now)?;
        if refresh_token.is_some_and(|sent| !self.refresh_tokens.iter().any(|one| one == sent)) {
            let reason = "The provided grant is invalid or malformed.";
            return Err(refusal("invalid_grant", 70_000, reason));
        }
        let audience = match version {
            Version::One => field("resource")?.to_owned(),
            Version::Two => audience(field("scope")?, is_delegated)?,
        };
        Ok(self.issue(version, audience, is_delegated, lifetime, now))
    }

    /// Issues a token, and a new refresh token with a user's.
    fn issue(
        &mut self,
        version: Version,
        audience: String,
        is_delegated: bool,
        lifetime: Duration,
        now: OffsetDateTime,
    ) -> Value {
        let token = format!("eyJ0eXAiOiJKV1Qi.{}", guid().simple());
        let expires_at = now.checked_add(lifetime.try_into().unwrap_or_default());
        let expires_at = expires_at.unwrap_or(now);
        let seconds = lifetime.as_secs();
        let mut response = match version {
            Version::One => json!({
                "token_type": "Bearer",
                "expires_in": seconds.to_string(),
                "ext_expires_in": seconds.to_string(),
                "expires_on": expires_at.unix_timestamp().to_string(),
                "not_before": now.unix_timestamp().to_string(),
                "resource": audience,
                "access_token": token,
            }),
            Version::Two => json!({
                "token_type": "Bearer",
                "expires_in": seconds,
                "ext_expires_in": seconds,
                "access_token": token,
            }),
        };
        if let (true, Some(members)) = (is_delegated, response.as_object_mut()) {
            let rotated = format!("0.refresh.{}", guid().simple());
            members.insert("refresh_token".to_owned(), rotated.clone().into());
            members.insert("scope".to_owned(), format!("{audience}/user_impersonation").into());
            // As with Entra, old refresh tokens stay valid.
            self.refresh_tokens.push(rotated);
        }
        let issued = Issued { audience, is_delegated, expires_at };
        self.issued.insert(token, issued);
        response
    }

    /// Issues a token of the application without a request.
    pub(super) fn issue_directly(
        &mut self,
        audience: &str,
        lifetime: Duration,
        now: OffsetDateTime,
    ) -> String {
        let response = self.issue(Version::Two, audience.to_owned(), false, lifetime, now);
        let token = response.get("access_token").and_then(Value::as_str);
        token.unwrap_or_default().to_owned()
    }

    /// Checks the token of `request` for `audience`. Returns whether it is a user's.
    pub(super) fn check(
        &self,
        request: &RecordedRequest,
        audience: &str,
        now: OffsetDateTime,
    ) -> Result<bool, ErrorBody> {
        let sent = request.header("authorization").unwrap_or_default();
        let token = match sent.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
            _ => {
                return Err(ErrorBody::standard("800001", "The partner token is missing."));
            }
        };
        match self.issued.get(token) {
            Some(issued) if issued.expires_at <= now => {
                Err(ErrorBody::standard("800001", "The partner token has expired."))
            }
            Some(issued) if issued.audience != audience => Err(ErrorBody::standard(
                "900420",
                "The token's audience is not valid for this API.",
            )),
            Some(issued) => Ok(issued.is_delegated),
            None => Err(ErrorBody::standard("800001", "The partner token is invalid.")),
        }
    }
}

/// The tenant and version in the path of a token endpoint.
fn endpoint(path: &str) -> Option<(&str, Version)> {
    let (tenant, rest) = path.strip_prefix('/')?.split_once('/')?;
    match rest {
        "oauth2/token" => Some((tenant, Version::One)),
        "oauth2/v2.0/token" => Some((tenant, Version::Two)),
        _ => None,
    }
}

/// The single resource in `scope`.
fn audience(scope: &str, is_delegated: bool) -> Result<String, Refusal> {
    let mut resources =
        scope.split_whitespace().filter(|scope| !OPENID_SCOPES.contains(scope)).map(|scope| {
            scope
                .strip_suffix("/.default")
                .or_else(|| scope.strip_suffix("/user_impersonation").filter(|_| is_delegated))
        });
    match (resources.next(), resources.next()) {
        (Some(Some(audience)), None) => Ok(audience.to_owned()),
        _ => {
            let reason = format!("The provided value for scope {scope} is not valid.");
            Err(refusal("invalid_scope", 1_002_012, reason))
        }
    }
}

/// The response to a request without a valid token.
pub(super) fn unauthorized(refusal: &ErrorBody) -> Response<Bytes> {
    let mut response = refusal.response(401);
    response.headers_mut().insert(WWW_AUTHENTICATE, header("Bearer"));
    response
}

/// Scopes that are allowed beside a resource.
const OPENID_SCOPES: &[&str] = &["email", "offline_access", "openid", "profile"];
