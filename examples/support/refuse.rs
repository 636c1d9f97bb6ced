//! The error for an invalid command line.

use std::process::ExitCode;

/// Prints what is wrong with the command line: exit code 2.
#[expect(clippy::print_stderr, reason = "the place for it")]
pub(crate) fn refuse(program: &str, error: &lexopt::Error) -> ExitCode {
    eprintln!("{program}: {error}\nTry `{program} --help`.");
    ExitCode::from(2)
}
