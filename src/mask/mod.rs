//! Masks secrets in messages, plans and logs, by one rule.
//!
//! A known secret of eight characters or more is masked everywhere. A shorter one protects nothing, and its mask would break
//! words. The user and the query values of a URL are always masked, because callback URLs often contain a key.
//!
//! | text | shown |
//! |---|---|
//! | a known secret, in plain text, form-encoded, percent-encoded or escaped as in JSON | `[hidden]` |
//! | `https://host.example/hook?code=s3cret&v` | `https://host.example/hook?code=...&...` |
//! | `https://user:password@host.example/` | `https://...@host.example/` |
//! | `https://host.example/#s3cret` | `https://host.example/#...` |
//!
//! Masking cannot be undone: the error does not contain the masked text, so no log can show it.

mod excerpt;
#[cfg(any(feature = "event-grid", feature = "registration"))]
mod query;
#[cfg(feature = "token")]
pub(crate) mod secret;
#[cfg(any(feature = "event", feature = "token", feature = "verify"))]
pub(crate) mod text;
mod url;

pub use excerpt::Excerpt;
#[cfg(any(feature = "event-grid", feature = "registration"))]
pub(crate) use query::query_secrets;
pub(crate) use url::url;
