//! An identity that outlives a restart: the keys of the issuer, and the credentials of the application.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::UnixTime;
use serde_json::{Value, json};

use super::builder::PartnerCenterBuilder;
use super::client::Credentials;
use super::fake::PartnerCenter;
use crate::mask::Excerpt;
use crate::testing::authority::Issuer;
use crate::testing::error::TestKitError;

impl PartnerCenter {
    /// The identity as JSON, for [`PartnerCenterBuilder::identity`]: private keys of the issuer, and the secrets of the
    /// application. Rotations and revocations are not part of it.
    ///
    /// # Errors
    ///
    /// [`TestKitError`] if the issuer could not be created.
    pub fn identity(&self) -> Result<String, TestKitError> {
        let mut state = self.server.state();
        let credentials = state.tokens.credentials.clone();
        let issuer = state.certificates(self.base_url())?.issuer();
        let keys = issuer.private_keys()?.map(|key| STANDARD.encode(key));
        let identity = json!({
            "created": issuer.created().as_secs(),
            "keys": keys,
            "tenantId": credentials.tenant_id,
            "clientId": credentials.client_id,
            "clientSecret": credentials.client_secret,
            "refreshToken": credentials.refresh_token,
        });
        Ok(identity.to_string())
    }
}

impl PartnerCenterBuilder {
    /// Restores an identity from the text that [`PartnerCenter::identity`] gave: a receiver that trusts one fake trusts the other.
    /// CA certificates are the same; the signing certificate has the same key and is valid around the clock's time.
    ///
    /// # Errors
    ///
    /// [`TestKitError::Identity`] if the text is not such an identity.
    ///
    /// # Example
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use partner_center_webhooks::testing::PartnerCenter;
    ///
    /// let before = PartnerCenter::start().await?;
    /// let identity = before.identity()?;
    /// let after = PartnerCenter::builder().identity(&identity)?.start().await?;
    /// assert_eq!(before.anchors_pem()?, after.anchors_pem()?);
    /// assert_eq!(before.client_secret(), after.client_secret());
    ///
    /// let error = PartnerCenter::builder().identity("{}").unwrap_err();
    /// assert_eq!(error.to_string(), "this is not an identity: `keys` is missing or malformed");
    /// # Ok(()) }) }
    /// ```
    pub fn identity(self, identity: &str) -> Result<Self, TestKitError> {
        let value: Value = serde_json::from_str(identity)
            .map_err(|error| TestKitError::Identity { problem: Excerpt::of(error.to_string()) })?;
        let text = |name: &'static str| {
            let text = value.get(name).and_then(Value::as_str);
            text.map(str::to_owned).ok_or_else(|| malformed(name))
        };
        let keys: Option<Vec<Vec<u8>>> = value.get("keys").and_then(Value::as_array).map(|keys| {
            let keys = keys.iter().filter_map(Value::as_str);
            keys.filter_map(|key| STANDARD.decode(key).ok()).collect()
        });
        let keys: Option<[Vec<u8>; 3]> = keys.and_then(|keys| keys.try_into().ok());
        let keys = keys.ok_or_else(|| malformed("keys"))?;
        let created = value.get("created").and_then(Value::as_u64);
        let created = Duration::from_secs(created.ok_or_else(|| malformed("created"))?);
        let issuer = Issuer::restored(UnixTime::since_unix_epoch(created), &keys)?;
        let credentials = Credentials {
            tenant_id: text("tenantId")?,
            client_id: text("clientId")?,
            client_secret: text("clientSecret")?,
            refresh_token: text("refreshToken")?,
        };
        Ok(self.restored(issuer, credentials))
    }
}

fn malformed(name: &str) -> TestKitError {
    TestKitError::Identity { problem: Excerpt::of(format!("`{name}` is missing or malformed")) }
}
