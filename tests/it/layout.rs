//! Who may import whom, read from the source: data flows one way.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// What each module of the crate may name. Whoever adds a module adds its line.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    // The pipeline, in order.
    ("envelope", &["crypto", "mask"]),
    ("source", &["cloud", "mask", "http_client"]),
    ("chain", &["crypto", "mask"]),
    ("signers", &["source", "chain", "mask", "spawn", "log"]),
    ("signature", &["crypto", "envelope", "chain"]),
    ("event", &["mask", "json"]),
    ("duplicates", &["mask", "http_client", "log", "signature"]),
    (
        "receiver",
        &[
            "body",
            "chain",
            "cloud",
            "crypto",
            "duplicates",
            "envelope",
            "event",
            "mask",
            "http_client",
            "log",
            "signature",
            "signers",
            "source",
            "spawn",
        ],
    ),
    ("diagnosis", &["chain", "mask", "signers", "source", "spawn"]),
    // What it stands on.
    ("api", &["mask", "http_client", "json", "token"]),
    ("body", &["mask", "json"]),
    ("cloud", &[]),
    ("crypto", &[]),
    ("http_client", &["cloud", "mask", "json"]),
    ("json", &[]),
    ("mask", &[]),
    ("token", &["cloud", "crypto", "mask", "http_client", "json", "spawn"]),
    ("spawn", &["http_client"]),
    ("log", &[]),
    // Who calls it.
    ("actix_web", &["body", "duplicates", "log", "receiver"]),
    ("axum", &["body", "duplicates", "receiver"]),
    ("tower", &["duplicates", "http_client", "receiver", "signature"]),
    // Behind it.
    (
        "inbox",
        &[
            "chain",
            "duplicates",
            "envelope",
            "event",
            "http_client",
            "log",
            "mask",
            "receiver",
            "signature",
        ],
    ),
    ("inbox/actix_web", &["actix_web"]),
    // Beside it.
    (
        "event_grid",
        &["api", "cloud", "body", "crypto", "mask", "http_client", "json", "log", "spawn", "token"],
    ),
    // The places where it meets the pipeline and its adapters.
    ("event_grid/cloud_event/received", &["receiver"]),
    ("event_grid/receive/actix_web", &["actix_web"]),
    ("registration", &["api", "cloud", "event", "mask", "http_client", "json", "token"]),
    ("resources", &["api", "cloud", "event", "mask", "http_client", "token"]),
    (
        "testing",
        &[
            "chain",
            "cloud",
            "crypto",
            "duplicates",
            "envelope",
            "event",
            "mask",
            "http_client",
            "inbox",
            "json",
            "receiver",
            "signature",
            "source",
        ],
    ),
];

#[test]
fn modules_import_what_they_may_and_nothing_else() {
    let allowed: BTreeMap<_, _> = MAY_IMPORT.iter().copied().collect();
    let found = imports(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let named: BTreeSet<_> = found.keys().map(String::as_str).collect();
    assert_eq!(named, allowed.keys().copied().collect(), "every module has its line");
    for (module, imported) in &found {
        for other in imported {
            assert!(
                allowed[module.as_str()].contains(&other.as_str()),
                "`{module}` imports `{other}`, which MAY_IMPORT does not allow"
            );
        }
    }
}

#[test]
fn there_are_no_cycles() {
    let allowed: BTreeMap<_, _> = MAY_IMPORT.iter().copied().collect();
    let mut done = BTreeSet::new();
    while done.len() < allowed.len() {
        let before = done.len();
        for (module, imports) in &allowed {
            if imports.iter().all(|import| done.contains(import)) {
                done.insert(*module);
            }
        }
        assert!(done.len() > before, "a cycle among all but {done:?}");
    }
}

#[test]
fn every_feature_is_documented_in_both_places() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let section = manifest.split("[features]").nth(1).unwrap().split("\n[").next().unwrap();
    let lines: Vec<_> = section.lines().collect();
    let mut features = BTreeSet::new();
    for (index, line) in lines.iter().enumerate() {
        if let Some((name, _)) = line.split_once(" = ")
            && name != "default"
        {
            assert!(lines[index - 1].starts_with("## "), "`{name}` has a comment");
            features.insert(name.to_owned());
        }
    }
    let front_page = fs::read_to_string(root.join("src/lib.rs")).unwrap();
    let table = front_page.split("//! | feature | adds").nth(1).unwrap();
    let table = table.split("\n//!\n").next().unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("//! | `"));
    let documented: BTreeSet<_> =
        rows.map(|row| row.split('`').next().unwrap().to_owned()).collect();
    assert_eq!(documented, features);
}

/// Module → modules it names as `crate::…`, comments and `Excerpt` left out.
fn imports(src: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut folders = vec![src.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                // The program is a crate of its own.
                if !path.ends_with("src/bin") {
                    folders.push(path);
                }
                continue;
            }
            // Unit tests may use whatever they need.
            if path.to_str().unwrap().ends_with("_tests.rs") {
                continue;
            }
            let inside = path.strip_prefix(src).unwrap();
            let first = inside.iter().next().unwrap().to_str().unwrap();
            let whole = inside.with_extension("");
            let module = match whole.to_str().unwrap() {
                whole if MAY_IMPORT.iter().any(|(module, _)| *module == whole) => whole,
                _ => first.trim_end_matches(".rs").trim_end_matches("_off"),
            };
            if module == "lib" {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            let imported = found.entry(module.to_owned()).or_default();
            for line in code {
                for after in line.split("crate::").skip(1) {
                    let name: String =
                        after.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                    if !name.is_empty() && name != "Excerpt" && name != module {
                        imported.insert(name);
                    }
                }
            }
        }
    }
    found
}
