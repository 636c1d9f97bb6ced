//! How a program says things, and how it ends.

#[path = "refuse.rs"]
mod refuse;

use std::fmt::Display;
use std::io::{self, Write as _};
use std::process::ExitCode;

pub(crate) use refuse::refuse;

/// What ends a program early: a sentence for the operator.
pub(crate) type Failure = Box<dyn std::error::Error>;

/// A line of the output.
pub(crate) fn say(text: impl Display) -> Result<(), Failure> {
    writeln!(io::stdout(), "{text}").map_err(|error| format!("standard output: {error}").into())
}

/// The exit code: 0 if all is well.
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
