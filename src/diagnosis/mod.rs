//! Why a signing certificate is trusted or refused, and what would change that.
//!
//! A receiver reports the first fault of a certificate. [`Examiner`] continues after it: it examines every policy, every chain
//! that the names allow, and the revocation of each certificate on the path. It shows each attempt to fetch evidence, and gives
//! [`Advice`]: the command-line option, the call on
//! [`ReceiverBuilder`](crate::receiver::ReceiverBuilder), and how that weakens the check.
//!
//! It fetches evidence with the receiver's gatherer, so that both look in the same places and reach the same verdict. There are
//! two differences. A certificate with another signer name is refused here too, but its path is still examined. Revocation
//! lists are also awaited with [`Revocation::BestEffort`](crate::chain::Revocation::BestEffort), where a receiver fetches them
//! in the background.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
//! use std::sync::Arc;
//!
//! use partner_center_webhooks::chain::{Anchors, ChainVerifier};
//! use partner_center_webhooks::crypto::DefaultBackend;
//! use partner_center_webhooks::diagnosis::Examiner;
//! use partner_center_webhooks::source::CertificateBundle;
//! use partner_center_webhooks::spawn::TokioSpawn;
//! use partner_center_webhooks::testing::Issuer;
//!
//! let issuer = Issuer::new()?;
//! let served = CertificateBundle::from_bytes(issuer.signer()?.certificate())?;
//! let anchors = Anchors::from_pem(issuer.root_pem().as_bytes())?;
//! let chain = ChainVerifier::new(DefaultBackend::new(), anchors);
//!
//! // The intermediate is missing.
//! let examiner = Examiner::new(chain.clone(), Arc::new(TokioSpawn::new()));
//! let examination = examiner.examine("signing.cer", Ok(served.clone()), issuer.now()).await;
//! assert!(!examination.is_trusted());
//! assert_eq!(examination.advice()[0].flag.as_deref(), Some("--intermediates FILE"));
//! assert!(examination.to_string().contains("REFUSED: no path leads from the signing certificate"));
//!
//! let chain = chain.with_intermediates(issuer.intermediates());
//! let examination = Examiner::new(chain, Arc::new(TokioSpawn::new())).examine("signing.cer", Ok(served), issuer.now()).await;
//! assert!(examination.is_trusted());
//! assert_eq!(examination.issuers().len(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod advice;
mod candidates;
mod examination;
mod facts;
mod json;
mod report;
mod steps;
mod wrap;

use std::sync::Arc;
use std::time::Duration;

use crate::chain::{ChainVerifier, UnixTime};
use crate::signers::Gatherer;
use crate::source::{Authorities, CertificateBundle, SourceError};
use crate::spawn::Spawn;

pub use advice::Advice;
pub use examination::Examination;

/// Examines signing certificates. See the [module](self).
#[derive(Clone, Debug)]
pub struct Examiner {
    chain: ChainVerifier,
    authorities: Option<Authorities>,
    spawn: Arc<dyn Spawn>,
}

impl Examiner {
    /// Examines under the rules of `chain`. Nothing is fetched from certificate authorities.
    pub fn new(chain: ChainVerifier, spawn: Arc<dyn Spawn>) -> Self {
        Self { chain, authorities: None, spawn }
    }

    /// Fetches issuers' certificates and revocation lists from `authorities`: at most four issuers, within the deadlines of
    /// [`Signers`](crate::signers::Signers).
    #[must_use]
    pub fn with_authorities(self, authorities: Authorities) -> Self {
        Self { authorities: Some(authorities), ..self }
    }

    /// Examines `served` as of the time `now`. `from` is the file or the URL that it comes from, for the report.
    ///
    /// An error of the download is a result too: the examination consists of its reason and advice.
    pub async fn examine(
        &self,
        from: &str,
        served: Result<CertificateBundle, SourceError>,
        now: UnixTime,
    ) -> Examination {
        let mut examination = Examination::begun(&self.chain, from, &served, now);
        let bundle = match served {
            Ok(bundle) => bundle,
            Err(error) => {
                examination.not_obtained(&error);
                return examination;
            }
        };
        // A certificate of another name is not Partner Center's. Its path is examined all the same.
        let any_name = self.chain.clone().danger_accept_any_signer_name();
        let gatherer = Gatherer::alone(
            any_name,
            self.authorities.clone(),
            Arc::clone(&self.spawn),
            Duration::from_secs(now.as_secs()),
        );
        examination.walk(&self.chain, &gatherer, &bundle, now).await;
        examination
    }
}
