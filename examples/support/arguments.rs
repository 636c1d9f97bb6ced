//! What the command lines of the examples have in common.

#[path = "refuse.rs"]
mod refuse;

use std::fmt::Display;
use std::fs;
use std::path::Path;
use std::str::FromStr;

use partner_center_webhooks::chain::{Anchors, certificates_from_pem};
use rustls_pki_types::CertificateDer;

pub(crate) use refuse::refuse;

/// The value of `flag`, read as a `T`.
pub(crate) fn parsed<T>(flag: &str, parser: &mut lexopt::Parser) -> Result<T, lexopt::Error>
where
    T: FromStr<Err: Display>,
{
    let text = parser.value()?;
    let text = text.to_string_lossy();
    Ok(text.parse().map_err(about(flag, &text))?)
}

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

/// A fault of the command line, as a sentence that names the flag and its value.
pub(crate) fn about<E: Display>(flag: &str, value: impl Display) -> impl FnOnce(E) -> String {
    move |error| format!("{flag} {value}: {error}")
}
