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

/// The failure for an error of the parser. `settings` are the values that were not on the command line, `arguments` those that
/// were.
pub(crate) fn failure(
    error: &clap::Error,
    settings: &[Setting],
    arguments: &[OsString],
) -> Failure {
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
    for (wrong, right) in CORRECTIONS {
        let wrong = listed(error, wrong).into_iter().next().unwrap_or_default();
        for right in listed(error, right) {
            failure = failure.or_try(corrected(arguments, &wrong, &right).unwrap_or(right));
        }
    }
    let command = usage(&text).unwrap_or("partner-center");
    failure.or_try(format_args!("{command} --help"))
}

/// The command line with `right` in the place of `wrong`, unless it has words that a shell would read in another way.
fn corrected(arguments: &[OsString], wrong: &str, right: &str) -> Option<String> {
    let words: Option<Vec<_>> = arguments.iter().skip(1).map(|word| word.to_str()).collect();
    let mut words: Vec<_> = words?.into_iter().map(str::to_owned).collect();
    let word = words.iter_mut().find(|word| {
        let mut halves = word.splitn(2, '=');
        halves.any(|half| half == wrong)
    })?;
    let halves = word.splitn(2, '=').map(|half| if half == wrong { right } else { half });
    *word = halves.collect::<Vec<_>>().join("=");
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    let line = words.join(" ");
    words.iter().all(|word| word.chars().all(is_plain)).then(|| format!("partner-center {line}"))
}

/// What was wrong, and what is suggested instead.
const CORRECTIONS: [(ContextKind, ContextKind); 3] = [
    (ContextKind::InvalidArg, ContextKind::SuggestedArg),
    (ContextKind::InvalidSubcommand, ContextKind::SuggestedSubcommand),
    (ContextKind::InvalidValue, ContextKind::SuggestedValue),
];

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
