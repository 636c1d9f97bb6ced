//! The program `partner-center`: Microsoft Partner Center's webhooks for people who do not write Rust, and for those who do.
//!
//! Standard output is data alone. Errors and logs go to standard error. See [`exit::Exit`] for the exit codes.

mod admin;
#[cfg(test)]
mod advised;
mod browser;
mod cli;
mod commands;
mod complaint;
mod configuration;
mod dispatch;
mod exit;
mod failure;
mod logs;
mod options;
mod output;
mod serve;
mod signals;
mod systemd;
mod values;

use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;

use exit::Exit;
use output::note;

fn main() -> ExitCode {
    panic::set_hook(Box::new(|panic| {
        note(format_args!("error: this is a bug in partner-center: {panic}"));
        note("  try: report it to the maintainers, with this text and the command");
    }));
    let outcome = panic::catch_unwind(AssertUnwindSafe(dispatch::run));
    outcome.unwrap_or(Exit::Bug).into()
}
