//! The shape of the source: no circles between files, and figures that may not grow. Run it with `--nocapture` to see them.

#![allow(
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "helpers of tests are tests too, and figures are printed"
)]

mod foreign;
mod graph;
mod source;

use std::fs;
use std::path::{Path, PathBuf};

use graph::Graph;
use source::{Source, read_all};

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The files of the library.
fn library() -> Vec<Source> {
    let mut sources = read_all(&src());
    sources.retain(|source| !source.file.starts_with("bin/"));
    sources
}

/// The files of the program, which is a crate of its own.
fn program() -> Vec<Source> {
    read_all(&src().join("bin/partner-center"))
}

/// An import through a re-export counts as an import of the file that defines the item; a re-export is not an import.
#[test]
fn no_files_import_each_other_in_a_circle() {
    for (name, sources) in [("library", library()), ("program", program())] {
        let graph = Graph::new(&sources);
        for circle in graph.circles() {
            println!("{} files: {}", circle.len(), circle.join(", "));
            graph.arrows_within(&circle).for_each(|(from, to)| println!("    {from} -> {to}"));
        }
        let circles = graph.circles().len();
        println!("circles between files of the {name}: {circles}");
        assert_eq!(circles, 0);
    }
}

#[test]
fn nothing_is_imported_through_the_front_page() {
    let sources = library();
    let importers = sources.iter().filter(|source| source.imports_root_items());
    let files: Vec<_> = importers.map(|source| &source.file).collect();
    println!("files that import `crate::Name`: {files:?}");
    assert_eq!(files, [""; 0], "import it from the file that defines it");
}

/// A file is measured without its unit tests.
#[test]
fn files_and_functions_are_short() {
    let sources = read_all(&src());
    let long: Vec<_> = (sources.iter())
        .filter(|source| source.lines > MAX_FILE)
        .map(|source| (source.lines, &source.file))
        .collect();
    let long_functions: Vec<_> = (sources.iter())
        .flat_map(|source| source.functions.iter().map(move |function| (source, function)))
        .filter(|(_, function)| function.lines > MAX_FUNCTION)
        .map(|(source, function)| (function.lines, &function.name, &source.file))
        .collect();
    println!("files over {MAX_FILE} lines: {long:?}");
    println!("functions over {MAX_FUNCTION} lines: {long_functions:?}");
    assert!(long.is_empty() && long_functions.is_empty());
}

#[test]
fn the_house_does_not_grow() {
    let sources = library();
    let entries = fs::read_dir(src()).unwrap();
    let entries = entries.filter(|entry| entry.as_ref().unwrap().file_name() != "bin").count();
    let is_inbox = |source: &&Source| INBOX.iter().any(|part| source.file.starts_with(part));
    let (inbox, others): (Vec<_>, Vec<_>) = sources.iter().partition(is_inbox);
    for (what, sources, (most_types, most_errors)) in
        [("the inbox", inbox, OF_INBOX), ("all else", others, OF_OTHERS)]
    {
        let types: usize = sources.iter().map(|source| source.types).sum();
        let errors: usize = sources.iter().map(|source| source.errors).sum();
        println!("{what}: public types: {types} (at most {most_types})");
        println!("{what}: error types: {errors} (at most {most_errors})");
        assert!(types <= most_types && errors <= most_errors, "{what}");
    }
    let lines: usize = sources.iter().map(|source| source.lines).sum();
    println!("entries at the root of src: {entries} (at most {MAX_ENTRIES})");
    println!("lines of src, unit tests left out: {lines}");
    for (folder, least) in DOC_SHARES {
        let share = doc_share(&sources, folder);
        println!("doc lines in src/{folder}: {share} % (at least {least} %)");
        assert!(share >= *least, "src/{folder}");
    }
    assert!(entries <= MAX_ENTRIES);
}

/// Per cent of the lines of a folder that document.
fn doc_share(sources: &[Source], folder: &str) -> usize {
    let inside: Vec<_> =
        (sources.iter()).filter(|source| source.file.starts_with(folder)).collect();
    let docs: usize = inside.iter().map(|source| source.docs).sum();
    let lines: usize = inside.iter().map(|source| source.lines).sum();
    docs * 100 / lines
}

/// Lines of a file.
const MAX_FILE: usize = 400;
/// Lines of a function's body.
const MAX_FUNCTION: usize = 60;
const MAX_ENTRIES: usize = 28;
/// What belongs to the inbox, which is measured by itself: it is a feature that few builds have.
const INBOX: &[&str] = &["inbox/", "testing/conformance/inbox/", "testing/memory_inbox"];
/// Public types, and error types among them.
const OF_INBOX: (usize, usize) = (40, 5);
const OF_OTHERS: (usize, usize) = (240, 45);
/// Folder, per cent of its lines.
const DOC_SHARES: &[(&str, usize)] = &[("", 25), ("api", 20), ("inbox", 25), ("signers", 20)];
