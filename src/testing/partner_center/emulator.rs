//! Trust in an emulator that runs in another process.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Uri};
use serde_json::Value;

use crate::chain::{Anchors, ChainVerifier};
use crate::crypto::Backend;
use crate::http_client::{HttpClient, Limits, is_loopback};
use crate::mask::Excerpt;
use crate::receiver::ReceiverBuilder;
use crate::source::{
    Authorities, CertificateLocation, DistributionLocation, Download, PrefixError,
};
use crate::testing::error::TestKitError;
use crate::testing::loopback::client::PlainClient;

/// A Partner Center that `partner-center emulate` runs, as a service sees it that trusts it.
///
/// For tests and development: whoever can reach the emulator can sign events.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use partner_center_webhooks::crypto::DefaultBackend;
/// use partner_center_webhooks::testing::{Emulator, PartnerCenter};
///
/// # let partner_center = PartnerCenter::start().await?;
/// # let url = partner_center.base_url();
/// // `url` is, for example, "http://127.0.0.1:4400".
/// let emulator = Emulator::trust(url).await?;
/// let receiver = emulator.receiver_builder(DefaultBackend::new())?.build()?;
/// # let callback = partner_center.signer()?.callback(r#"{"EventName":"invoice-ready"}"#)?;
/// assert!(receiver.receive(&callback.headers, &callback.body).await.is_ok());
/// # Ok(()) }) }
/// ```
#[derive(Clone, Debug)]
pub struct Emulator {
    base_url: String,
    certificate_location: String,
    certificate_url: String,
    published_location: String,
    anchors: Anchors,
}

impl Emulator {
    /// Asks the emulator at `url` for its certificates.
    ///
    /// # Errors
    ///
    /// [`TestKitError::NotAnEmulator`] if nothing answers there within 5 seconds, or something else.
    pub async fn trust(url: &str) -> Result<Self, TestKitError> {
        let fail = |problem: String| TestKitError::NotAnEmulator {
            url: Excerpt::of_url(url),
            problem: Excerpt::of(problem),
        };
        let url = url.trim_end_matches('/');
        let body = get(&format!("{url}/emulator")).await.map_err(fail)?;
        let configuration: Value =
            serde_json::from_slice(&body).map_err(|_| fail("the response is not JSON".into()))?;
        let text = |name: &str| {
            let text = configuration.get(name).and_then(Value::as_str);
            text.map(str::to_owned).ok_or_else(|| fail(format!("its response has no `{name}`")))
        };
        if text("emulator")? != EMULATOR {
            return Err(fail("its response names another emulator".into()));
        }
        let base_url = text("baseUrl")?;
        if !is_of(&base_url, url) {
            return Err(fail(format!("its base URL `{base_url}` is another host's")));
        }
        let pem = get(&format!("{url}/emulator/anchors.pem")).await.map_err(fail)?;
        Ok(Self {
            base_url,
            certificate_location: text("certificateLocation")?,
            certificate_url: text("certificateUrl")?,
            published_location: text("publishedLocation")?,
            anchors: Anchors::from_pem(&pem)?,
        })
    }

    /// The base URL of the API.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The trust anchors.
    pub fn anchors(&self) -> &Anchors {
        &self.anchors
    }

    /// The URL of the signing certificate in each callback.
    pub fn certificate_url(&self) -> &str {
        &self.certificate_url
    }

    /// The location of signing certificates, and no other.
    ///
    /// # Errors
    ///
    /// [`PrefixError`] if the emulator has a base URL that is not a loopback address: plain http is allowed nowhere else.
    pub fn certificate_location(&self) -> Result<CertificateLocation, PrefixError> {
        let none = CertificateLocation::none();
        match self.certificate_location.starts_with("http://") {
            true => none.danger_also_allow_loopback_http(&self.certificate_location),
            false => none.also_allow(&self.certificate_location),
        }
    }

    /// The location of issuers' certificates and revocation lists, and no other.
    ///
    /// # Errors
    ///
    /// [`PrefixError`] if it cannot be allowed.
    pub fn distribution_location(&self) -> Result<DistributionLocation, PrefixError> {
        DistributionLocation::none().also_allow(&self.published_location)
    }

    /// Builds a receiver that trusts the emulator and nothing else. Everything but trust has its default.
    ///
    /// `backend` is the crypto backend, such as `DefaultBackend::new()`.
    ///
    /// # Errors
    ///
    /// [`PrefixError`] as for [`certificate_location`](Self::certificate_location).
    pub fn receiver_builder(
        &self,
        backend: impl Backend + 'static,
    ) -> Result<ReceiverBuilder, PrefixError> {
        let client: Arc<dyn HttpClient> = Arc::new(PlainClient);
        let location = self.distribution_location()?;
        let authorities = Authorities::new(Arc::clone(&client))
            .with_issuer_location(location.clone())
            .with_revocation_list_location(location);
        let chain = ChainVerifier::new(backend, self.anchors.clone());
        Ok(ReceiverBuilder::new(chain, Download::over(client))
            .authorities(authorities)
            .warm_up_url(&self.certificate_url)
            .certificate_location(self.certificate_location()?))
    }
}

async fn get(url: &str) -> Result<Bytes, String> {
    let request = Request::get(url).body(Bytes::new()).map_err(|error| error.to_string())?;
    let limits = Limits::new(Duration::from_secs(5), 1 << 20);
    let response = PlainClient.send(request, limits).await.map_err(|error| error.to_string())?;
    match response.status().as_u16() {
        200 => Ok(response.into_body()),
        status => Err(format!("it responded with {status}")),
    }
}

/// Whether a base URL belongs to the emulator that was asked: clients send it tokens and secrets.
fn is_of(base_url: &str, asked: &str) -> bool {
    let parse = |url: &str| url.parse::<Uri>().ok();
    let (Some(base), Some(asked)) = (parse(base_url), parse(asked)) else {
        return false;
    };
    let is_here = base.host().is_some_and(is_loopback);
    is_here || (base.scheme(), base.authority()) == (asked.scheme(), asked.authority())
}

/// How an emulator names itself.
pub(super) const EMULATOR: &str = "partner-center";

#[cfg(test)]
mod tests {
    use super::is_of;

    #[test]
    fn a_base_url_on_another_host_is_not_of_the_emulator() {
        let asked = "http://emulator.example:4400";
        for base_url in [asked, "http://127.0.0.1:4401", "http://localhost:4400", "http://[::1]:1"]
        {
            assert!(is_of(base_url, asked), "{base_url}");
        }
        for base_url in [
            "https://emulator.example:4400",
            "http://emulator.example:4401",
            "https://evil.example",
            "http://127.0.0.1.evil.example",
            "http://127.0.0.1@evil.example",
            "",
        ] {
            assert!(!is_of(base_url, asked), "{base_url}");
        }
    }
}
