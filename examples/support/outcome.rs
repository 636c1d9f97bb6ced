//! The output and the exit code of a program.

#[path = "refuse.rs"]
mod refuse;

use std::fmt::Display;
use std::io::{self, Write as _};
use std::process::ExitCode;

pub(crate) use refuse::refuse;

/// An error that ends a program: a sentence for the operator.
pub(crate) type Failure = Box<dyn std::error::Error>;

/// Writes a line to standard output.
pub(crate) fn say(text: impl Display) -> Result<(), Failure> {
    writeln!(io::stdout(), "{text}").map_err(|error| format!("standard output: {error}").into())
}

/// The exit code: 0 if the program succeeded.
#[expect(clippy::print_stderr, reason = "the place for it")]
pub(crate) fn finish(program: &str, outcome: Result<bool, Failure>) -> ExitCode {
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{program}: {error}");
            ExitCode::FAILURE
        }
    }
}
