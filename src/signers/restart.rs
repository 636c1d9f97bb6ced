//! Signers across a restart: exported, imported, and adopted once they verify.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::UnixTime;

use super::export::{self, Exported};
use super::gather::Target;
use super::imports::Import;
use super::inner::Inner;
use super::set::{Kept, SignerSet};
use crate::chain::{CertificateDer, ChainVerifier, VerifiedSigner};
use crate::source::CertificateUrl;

impl Inner {
    /// The text of [`Receiver::kept_signers_pem`](crate::Receiver::kept_signers_pem): what a successor needs to accept the same
    /// signatures without a fetch. Signers that do not verify now are in it too, because the successor may find the missing evidence.
    pub(super) fn export(&self, now: Duration) -> String {
        let (revoked, imports) = (self.store.revoked(), self.imports.all());
        export::write(&revoked, &self.table.rows(), &imports, now)
    }

    /// Keeps the exported signers that verify with the evidence at hand; the others wait.
    ///
    /// Revocations are taken over first, so that an exported signer that is known to be revoked is never accepted, not even for the
    /// moment between two steps.
    pub(super) fn import(&self, exported: &Exported, now: Duration) {
        self.store.remember_revoked(&exported.revoked);
        self.imports.add(&exported.signers);
        for import in &exported.signers {
            self.adopt(&import.url, now, None);
        }
    }

    /// Tries the imports for `url` again. `twins` are certificates that may replace revoked issuers, or `None` before a
    /// search for them.
    ///
    /// Called after each fetch and each check of the URL, because both bring evidence. A policy that panics leaves the import waiting.
    pub(super) fn adopt(
        &self,
        url: &CertificateUrl<'_>,
        now: Duration,
        twins: Option<&[CertificateDer<'static>]>,
    ) {
        for import in self.imports.of_url(url) {
            let chain = self.chain.load_full();
            let evidence = self.store.at_hand(twins.unwrap_or_default());
            let time = UnixTime::since_unix_epoch(now);
            // Policies are the application's code.
            let assess = || chain.assess(&import.certificate, &evidence, time);
            let Ok(assessment) = catch_unwind(AssertUnwindSafe(assess)) else {
                continue;
            };
            self.store.remember_revoked(&assessment.revoked);
            match assessment.verdict {
                Ok(signer) => {
                    if self.adopted(&import, signer, &chain, now) {
                        self.imports.forget(&import);
                    }
                }
                Err(error) => self.imports.note_failure(&import, &error, twins.is_some()),
            }
        }
    }

    /// Keeps an import that was verified by `chain`, unless that was replaced meanwhile.
    ///
    /// It becomes the current signer only where the URL has none: what the host serves takes precedence over an old file. The
    /// end of its acceptance stays, so that repeated restarts do not prolong it.
    fn adopted(
        &self,
        import: &Import,
        signer: VerifiedSigner,
        chain: &Arc<ChainVerifier>,
        now: Duration,
    ) -> bool {
        let former = Kept {
            signer: Arc::new(signer),
            until: import.end(),
            exported: import.is_old(now).then_some(import.exported),
        };
        let signer = Arc::clone(&former.signer);
        let is_kept = self
            .update_under(chain, &import.url, |set| Some(SignerSet::with_former(set, former, now)));
        if is_kept {
            self.known.remember(&import.url);
            self.learn(&signer, chain);
        }
        is_kept
    }

    /// The signers for `url` that newer evidence may verify: kept ones, and imports.
    ///
    /// Their lists are gathered beside those of the fetched certificate, so that one round trip serves all of them.
    pub(super) fn unverified(&self, url: &CertificateUrl<'_>, now: Duration) -> Vec<Target> {
        let kept = self.table.row(url);
        let unproven = kept.iter().flat_map(|set| set.unproven(now));
        let unproven = unproven.map(|signer| Target::of(signer));
        let imports = self.imports.of_url(url).into_iter();
        let waiting =
            imports.map(|import| Target { certificate: import.certificate, issuers: Vec::new() });
        unproven.chain(waiting).collect()
    }
}
