//! Opens a page.

use std::env;
use std::process::{Command, Stdio};

use crate::output::note;

/// Opens `url` in the browser of the desktop. Whoever has none is told where the page is.
pub(crate) fn open(url: &str) {
    let (program, arguments) = OPENER;
    let mut command = Command::new(program);
    // Credentials are not for a browser.
    let is_private = |name: &str| PRIVATE.iter().any(|prefix| name.starts_with(prefix));
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_str().is_some_and(is_private)) {
        command.env_remove(name);
    }
    let opened = command
        .args(arguments)
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    if let Err(error) = opened {
        note(format_args!("no browser was opened ({program}: {error}): see {url}"));
    }
}

/// How the names of variables begin that may hold credentials, or belong to this process alone.
const PRIVATE: &[&str] = &["AZURE_", "EVENT_GRID_", "NOTIFY_SOCKET", "PARTNER_CENTER_"];

#[cfg(target_os = "macos")]
const OPENER: (&str, &[&str]) = ("open", &[]);
#[cfg(windows)]
const OPENER: (&str, &[&str]) = ("rundll32", &["url.dll,FileProtocolHandler"]);
#[cfg(not(any(target_os = "macos", windows)))]
const OPENER: (&str, &[&str]) = ("xdg-open", &[]);
