//! Acquiring, caching and protecting access tokens.
//!
//! The API clients of this crate get tokens from a [`TokenProvider`]. [`ClientCredentials`] (an application on its own) and
//! [`RefreshToken`] (an application for a user: the Secure Application Model) request them from Microsoft Entra, where an
//! [`Application`] authenticates with a [`Credential`]: a secret, a certificate, a federated token, or none. An [`AccessToken`]
//! provides itself, and [`from_fn`] uses tokens from elsewhere; feature `azure-identity` uses the credentials of the Azure SDK.
//!
//! Secrets are wiped from memory when they are dropped, and no `Debug`, error or log shows one.
//!
//! ```text
//! API client ─► TokenProvider ─┬ AccessToken        one token, until it is rejected
//!                              ├ from_fn            a closure of the application
//!                              ├ AzureCredential    the Azure SDK
//!                              ├ ClientCredentials ─┐
//!                              └ RefreshToken ──────┴► Cached ─► Application + Credential ─► Microsoft Entra
//! ```
//!
//! # Which one
//!
//! | the API needs | use |
//! |---|---|
//! | an application: registration, subscriptions, customers, audit records, Event Grid | [`ClientCredentials`] |
//! | a user who consented: invoices, fraud events, referrals | [`RefreshToken`] |
//! | a managed identity or the developer's own sign-in | `AzureCredential` |
//!
//! | the application authenticates with | constructor |
//! |---|---|
//! | a secret | [`Credential::secret`], or any string |
//! | a certificate | `Credential::certificate` |
//! | a token of another identity provider | [`Credential::federated`], [`Credential::federated_token_file`] |
//! | nothing, as a public client | [`Credential::public_client`] |
//!
//! # A rejected token
//!
//! A token can be revoked before it expires. A client that gets 401 asks its provider once more, and names the rejected token
//! ([`TokenRequest::refused`]). The provider returns another one, or [`TokenError::NoAlternative`]; then the client reports the
//! API's own refusal, which has more detail.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! use partner_center_webhooks::token::{AccessToken, TokenProvider, TokenRequest};
//!
//! let provider = AccessToken::new("eyJ0e.example")?;
//! let token = provider.token(TokenRequest::new("https://api.partnercenter.microsoft.com/.default")).await?;
//! assert_eq!(token.expose_secret(), "eyJ0e.example");
//! assert_eq!(format!("{token:?}"), "AccessToken { expires_at: None, .. }");
//! # Ok(()) }) }
//! ```

mod application;
#[cfg(feature = "azure-identity")]
mod azure_identity;
mod cached;
#[cfg(feature = "crypto")]
mod certificate;
mod client_credentials;
mod credential;
mod entra;
mod error;
pub(crate) mod provider;
mod refresh_token;
mod token_store;

pub use crate::mask::secret::SecretString;
pub use application::{Application, ApplicationError};
#[cfg(feature = "azure-identity")]
pub use azure_identity::AzureCredential;
pub use cached::Cached;
pub use client_credentials::ClientCredentials;
pub use credential::Credential;
pub use error::{EntraRefusal, TokenError};
pub use provider::{AccessToken, TokenProvider, TokenRequest, from_fn};
pub use refresh_token::RefreshToken;
