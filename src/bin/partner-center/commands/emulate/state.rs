//! The folder that keeps the identity of an emulator.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use partner_center_webhooks::testing::PartnerCenter;
use partner_center_webhooks::testing::partner_center::PartnerCenterBuilder;

use crate::failure::Failure;
use crate::options::files::replace_secret;

/// Where the identity is kept if nothing else is said: `$STATE_DIRECTORY`, then the user's folder for state.
pub(super) fn default_folder() -> Option<PathBuf> {
    let folder = |name| env::var_os(name).filter(|path| !path.is_empty()).map(PathBuf::from);
    let user = || {
        let state = folder("XDG_STATE_HOME").filter(|path| path.is_absolute());
        let state = state.or_else(|| Some(folder("HOME")?.join(".local").join("state")))?;
        Some(state.join("partner-center"))
    };
    folder("STATE_DIRECTORY").or_else(user)
}

/// Gives `builder` the identity of the folder, if there is one.
pub(super) fn restore(
    builder: PartnerCenterBuilder,
    folder: &Path,
) -> Result<PartnerCenterBuilder, Failure> {
    let path = folder.join(FILE);
    let failure = |error: &dyn std::fmt::Display| {
        Failure::file("--state", &path, error).or_try("partner-center emulate --ephemeral")
    };
    match fs::read_to_string(&path) {
        Ok(identity) => builder.identity(&identity).map_err(|error| failure(&error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(builder),
        Err(error) => Err(failure(&error)),
    }
}

/// Keeps the identity of a new emulator.
pub(super) fn keep(emulator: &PartnerCenter, folder: &Path) -> Result<(), Failure> {
    let path = folder.join(FILE);
    if path.exists() {
        return Ok(());
    }
    let identity = emulator.identity().map_err(Failure::unknown)?;
    let kept = fs::create_dir_all(folder).and_then(|()| replace_secret(&path, identity.as_bytes()));
    kept.map_err(|error| {
        Failure::file("--state", &path, error).or_try("partner-center emulate --ephemeral")
    })
}

const FILE: &str = "emulator.json";
