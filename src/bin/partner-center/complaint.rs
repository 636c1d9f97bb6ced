//! What is wrong with a command line, in the form of all errors.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::configuration::resolve::Setting;
use crate::failure::Failure;

/// Whether the arguments ask for help or the version.
pub(crate) fn wants_text(arguments: &[OsString]) -> bool {
    let words = arguments.iter().skip(1).take_while(|word| *word != "--");
    let asking = ["--help", "-h", "--version", "-V"];
    arguments.len() == 1 || words.into_iter().any(|word| asking.iter().any(|text| *word == **text))
}

/// The failure for an error of the parser. `settings` are the values that were not on the command line.
pub(crate) fn failure(error: &clap::Error, settings: &[Setting]) -> Failure {
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    let what = first.strip_prefix("error: ").unwrap_or(first).trim_end_matches(':');
    let mut failure = match error.kind() {
        ErrorKind::MissingRequiredArgument
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let missing = listed(error, ContextKind::InvalidArg);
            match missing.is_empty() {
                true => Failure::usage("a command is missing"),
                false => Failure::usage(format_args!("{} is missing", missing.join(" "))),
            }
        }
        ErrorKind::MissingSubcommand => Failure::usage("a command is missing"),
        _ => Failure::usage(what),
    };
    let flags = listed(error, ContextKind::InvalidArg);
    for setting in settings {
        let named = format!("--{}", setting.flag);
        if flags.iter().any(|flag| flag.split(' ').next() == Some(&named)) {
            failure = failure.because(format_args!("it is set by {}", setting.origin));
        }
    }
    let valid = listed(error, ContextKind::ValidValue);
    if !valid.is_empty() {
        failure = failure.because(format_args!("expected one of: {}", valid.join(", ")));
    }
    let suggestions =
        [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue];
    let suggested: Vec<_> = suggestions.into_iter().flat_map(|kind| listed(error, kind)).collect();
    for suggestion in &suggested {
        failure = failure.or_try(suggestion);
    }
    let command = usage(&text).unwrap_or("partner-center");
    failure.or_try(format_args!("{command} --help"))
}

/// The command in the usage line.
fn usage(text: &str) -> Option<&str> {
    let usage = text.lines().find_map(|line| line.strip_prefix("Usage: "))?;
    let is_word = |word: &str| word.starts_with(|first: char| first.is_ascii_lowercase());
    let words = usage.split_inclusive(' ').take_while(|word| is_word(word));
    let end: usize = words.map(str::len).sum();
    usage.get(..end).map(str::trim_end).filter(|command| !command.is_empty())
}

fn listed(error: &clap::Error, kind: ContextKind) -> Vec<String> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => vec![text.clone()],
        Some(ContextValue::Strings(texts)) => texts.clone(),
        _ => Vec::new(),
    }
}
