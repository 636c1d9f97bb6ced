//! The files that command lines name.

use std::fs;
use std::path::Path;

use partner_center_webhooks::chain::{Anchors, certificates_from_pem};
use rustls_pki_types::CertificateDer;

use super::arguments::about;

/// The bytes of the file that `flag` names.
pub(crate) fn file(flag: &str, path: impl AsRef<Path>) -> Result<Vec<u8>, String> {
    let path = path.as_ref();
    fs::read(path).map_err(about(flag, path.display()))
}

/// The trust anchors of a PEM file.
pub(crate) fn anchors(flag: &str, path: impl AsRef<Path>) -> Result<Anchors, String> {
    let path = path.as_ref();
    Anchors::from_pem(&file(flag, path)?).map_err(about(flag, path.display()))
}

/// The certificates of a PEM file.
pub(crate) fn certificates(
    flag: &str,
    path: impl AsRef<Path>,
) -> Result<Vec<CertificateDer<'static>>, String> {
    let path = path.as_ref();
    certificates_from_pem(&file(flag, path)?).map_err(about(flag, path.display()))
}
