//! The signing certificate, examined as a receiver would.

use std::path::Path;
use std::sync::Arc;

use partner_center_webhooks::chain::UnixTime;
use partner_center_webhooks::diagnosis::{Examination, Examiner};
use partner_center_webhooks::source::{
    CertificateBundle, CertificateSource as _, Download, SourceError,
};
use partner_center_webhooks::spawn::TokioSpawn;

use super::options::DoctorOptions;
use super::part::{Part, Status};

use crate::failure::Failure;
use crate::options::files::read;
use crate::options::trust::Trust;

pub(super) async fn examine(
    options: &DoctorOptions,
    trust: &Trust,
) -> Result<Examination, Failure> {
    let now = options.at.map_or_else(UnixTime::now, |at| at.0);
    let mut examiner = Examiner::new(trust.chain.clone(), Arc::new(TokioSpawn::new()));
    if !options.offline {
        examiner = examiner.with_authorities(trust.authorities());
    }
    if let Some(path) = &options.certificate {
        let bundle = bundle(path)?;
        return Ok(examiner.examine(&path.display().to_string(), Ok(bundle), now).await);
    }
    let url = options.url(trust).unwrap_or_default();
    let served = match trust.location.check(&url) {
        Ok(url) => Download::over(Arc::clone(&trust.client)).fetch(&url).await,
        Err(error) => Err(SourceError::Location(error)),
    };
    Ok(examiner.examine(&url, served, now).await)
}

/// The certificates of a file.
fn bundle(path: &Path) -> Result<CertificateBundle, Failure> {
    let bytes = read("--certificate", path)?;
    CertificateBundle::from_bytes(&bytes)
        .map_err(|error| Failure::file("--certificate", path, error))
}

pub(super) fn part(examination: &Examination) -> Part {
    let (status, summary) = match (examination.is_trusted(), examination.is_undecided()) {
        (true, _) => (Status::Ok, "trusted"),
        (false, true) => (Status::Unknown, "something could not be fetched; see the verdict below"),
        (false, false) => (Status::Failed, "refused; see the verdict below"),
    };
    Part::new("certificate", status, summary)
}
