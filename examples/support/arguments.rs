//! Parsing that the command lines of the examples share.

#[path = "refuse.rs"]
mod refuse;

use std::fmt::Display;
use std::str::FromStr;

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

/// An error in the command line, as a sentence that names the flag and its value.
pub(crate) fn about<E: Display>(flag: &str, value: impl Display) -> impl FnOnce(E) -> String {
    move |error| format!("{flag} {value}: {error}")
}
