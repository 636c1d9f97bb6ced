//! Every command line in the README, in the documentation, in help and in the hints of errors is parsed, as the program parses it.

use std::fs;
use std::path::{Path, PathBuf};

use clap::CommandFactory as _;
use clap::error::ErrorKind;

use crate::cli::Cli;
use crate::failure::Failure;

/// Files of the package that show commands.
fn files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut open = vec![root.join("src"), root.join("examples")];
    let mut files = vec![root.join("README.md")];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// What follows the name of the program, up to the end of the command.
fn lines(text: &str) -> Vec<String> {
    // A string literal goes on behind a backslash.
    let mut joined = String::new();
    for line in text.lines() {
        match line.trim_end().strip_suffix('\\') {
            Some(line) => joined += line.trim_start(),
            None => joined += &format!("{}\n", line.trim_start()),
        }
    }
    let after = joined.split("partner-center ").skip(1);
    let command = after.map(|after| {
        let end = after.find(['`', '"', '\n', '\\', '#', '|', '&', ';', '<']);
        let command = &after[..end.unwrap_or(after.len())];
        // In a list, what it does follows.
        command.split("  ").next().unwrap_or_default().trim().to_owned()
    });
    command.collect()
}

/// A value for a word that stands for one.
fn filled(word: &str) -> String {
    let word = word.trim_end_matches([',', ':', ')', '.']);
    match word {
        "URL" | "{url}" | "{base_url}" => "http://127.0.0.1:4400".to_owned(),
        "NAME" | "{name}" => "invoice-ready".to_owned(),
        "{action}" => "rotate".to_owned(),
        "{kind}" => "expired".to_owned(),
        "N" => "1".to_owned(),
        word => word.replace("{url}", "127.0.0.1:4400").replace(['{', '}'], ""),
    }
}

/// Whether `words` are a command of the program, without arguments.
fn is_name(words: &[String]) -> bool {
    let mut command = Cli::command();
    words.iter().all(|word| match command.find_subcommand(word) {
        Some(subcommand) => {
            command = subcommand.clone();
            true
        }
        None => false,
    })
}

/// Why a line does not parse.
fn fault(line: &str) -> Option<String> {
    let words: Vec<_> = line.split_whitespace().map(filled).collect();
    let whole = ["partner-center".to_owned()].into_iter().chain(words.iter().cloned());
    let parsed = Cli::command().try_get_matches_from(whole);
    let error = parsed.err().filter(|error| {
        let is_text = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
        // Prose names commands that need arguments.
        !is_text && !is_name(&words)
    });
    error.map(|error| format!("`partner-center {line}`: {error}"))
}

#[test]
fn every_command_line_that_is_shown_parses() {
    let mut checked = 0;
    let mut faults = Vec::new();
    for file in files() {
        for line in lines(&fs::read_to_string(&file).unwrap()) {
            let first = line.split_whitespace().next().map(filled).unwrap_or_default();
            if is_name(&[first]) {
                println!("{}: {line}", file.display());
                faults.extend(fault(&line));
                checked += 1;
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.concat());
    assert!(checked > 40, "{checked}");
}

#[test]
fn the_command_lines_in_help_parse() {
    let mut open = vec![Cli::command()];
    let mut checked = 0;
    while let Some(mut command) = open.pop() {
        open.extend(command.get_subcommands().cloned());
        for line in lines(&command.render_long_help().to_string()) {
            let first = line.split_whitespace().next().map(filled).unwrap_or_default();
            if is_name(&[first]) {
                assert_eq!(fault(&line), None);
                checked += 1;
            }
        }
    }
    assert!(checked >= 3, "{checked}");
}

#[test]
fn hints_that_are_put_together_parse() {
    for command in ["emulate emit", "register ensure --event", "emulate register http://a.example/"]
    {
        let failure = Failure::unknown_event("invoce-ready", command).to_string();
        let hints: Vec<_> = failure.lines().filter_map(|line| line.split_once("  try: ")).collect();
        assert!(hints.len() >= 2, "{failure}");
        for (_, hint) in hints {
            assert_eq!(fault(hint.strip_prefix("partner-center ").unwrap()), None);
        }
    }
}
