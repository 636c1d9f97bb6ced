//! Files that options name.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use partner_center_webhooks::chain::{CertificateDer, certificates_from_pem};

use crate::failure::Failure;

/// The bytes of the file that `flag` names. `-` is standard input.
pub(crate) fn read(flag: &str, path: &Path) -> Result<Vec<u8>, Failure> {
    let bytes = match path.as_os_str() == "-" {
        true => {
            let mut bytes = Vec::new();
            io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
        }
        false => fs::read(path),
    };
    bytes.map_err(|error| Failure::file(flag, path, error))
}

/// The text of the file that `flag` names.
pub(crate) fn text(flag: &str, path: &Path) -> Result<String, Failure> {
    let text = String::from_utf8(read(flag, path)?);
    text.map_err(|_| Failure::file(flag, path, "it is not UTF-8 text"))
}

/// The secret in the file that `flag` names, without white space around it.
pub(crate) fn secret(flag: &str, path: &Path) -> Result<String, Failure> {
    Ok(text(flag, path)?.trim().to_owned())
}

/// The certificates of a PEM file.
pub(crate) fn certificates(
    flag: &str,
    path: &Path,
) -> Result<Vec<CertificateDer<'static>>, Failure> {
    certificates_from_pem(&read(flag, path)?).map_err(|error| Failure::file(flag, path, error))
}

/// Writes a file that others may read.
pub(crate) fn write(flag: &str, path: &Path, content: impl AsRef<[u8]>) -> Result<(), Failure> {
    fs::write(path, content).map_err(|error| Failure::file(flag, path, error))
}

/// Replaces a file that only its owner may read. There is always a complete one.
pub(crate) fn replace_secret(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    // What stands there may be a link, or readable by others.
    let _ = fs::remove_file(&new);
    let mut written = private().open(&new)?;
    written.write_all(content)?;
    written.sync_all()?;
    fs::rename(&new, path)
}

/// Opens new files for their owner alone.
#[cfg(unix)]
fn private() -> fs::OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options
}

/// Opens new files with the permissions that their folder gives.
#[cfg(not(unix))]
fn private() -> fs::OpenOptions {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    options
}
