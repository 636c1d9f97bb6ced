//! Opens a page.

use std::process::{Command, Stdio};

use crate::output::note;

/// Opens `url` in the browser of the desktop. Whoever has none is told where the page is.
pub(crate) fn open(url: &str) {
    let (program, arguments) = OPENER;
    let opened = Command::new(program)
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

#[cfg(target_os = "macos")]
const OPENER: (&str, &[&str]) = ("open", &[]);
#[cfg(windows)]
const OPENER: (&str, &[&str]) = ("rundll32", &["url.dll,FileProtocolHandler"]);
#[cfg(not(any(target_os = "macos", windows)))]
const OPENER: (&str, &[&str]) = ("xdg-open", &[]);
