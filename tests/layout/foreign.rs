//! The types and traits of other crates in public signatures: each of these crates is a promise to users.

use std::collections::{BTreeMap, BTreeSet};
use std::{fs, io};

use serde_json::Value;

/// The crates, and why they may be there.
const ALLOWED: &[(&str, &str)] = &[
    ("actix_http", "the framework of feature `actix-web`"),
    ("actix_service", "the framework of feature `actix-web`"),
    ("actix_web", "the framework of feature `actix-web`"),
    ("axum", "the framework of feature `axum`"),
    ("axum_core", "the framework of feature `axum`"),
    ("azure_core", "the credentials that feature `azure-identity` adapts"),
    ("bytes", "bodies"),
    ("futures_core", "`Stream`, which is not in `std` yet: bodies in parts"),
    ("http", "headers, requests and responses"),
    ("http_body", "the bodies of feature `tower`"),
    ("http_body_util", "the bodies of feature `tower`"),
    ("reqwest", "`ReqwestClient::customized`: proxies and roots are set on its own builder"),
    ("rustls_pki_types", "certificates, keys and times"),
    ("serde_core", "typed payloads, and resources"),
    ("serde_json", "members without a type"),
    ("sqlx_postgres", "feature `inbox-postgres`: the connection of a handler's transaction"),
    ("sqlx_sqlite", "feature `inbox-sqlite`: the connection of a handler's transaction"),
    ("time", "dates of events and resources"),
    ("tower_layer", "the framework of feature `tower`"),
    ("tower_service", "the framework of feature `tower`"),
    ("uuid", "identifiers"),
];

#[test]
fn nothing_foreign_is_in_public_signatures_but_what_is_listed() {
    let Some(path) = std::env::var_os("PUBLIC_API_JSON") else {
        // Not through `println!`, which the test harness keeps to itself.
        let skipped =
            b"skipped: PUBLIC_API_JSON does not name rustdoc's JSON (`.ci/run` makes it)\n";
        let _ = io::Write::write_all(&mut io::stderr(), skipped);
        return;
    };
    let api: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let found = foreign(&api);
    for (name, types) in &found {
        println!("{name}: {}", types.iter().cloned().collect::<Vec<_>>().join(", "));
    }
    let found: BTreeSet<_> = found.keys().map(String::as_str).collect();
    assert_eq!(found, ALLOWED.iter().map(|(name, _)| *name).collect());
}

/// By crate, the types and traits that a public item names.
fn foreign(api: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for item in api["index"].as_object().unwrap().values() {
        let inner = &item["inner"];
        // A re-export is a path of its own, and blanket and automatic implementations are not written here.
        let is_written = inner["impl"]["blanket_impl"].is_null()
            && inner["impl"]["is_synthetic"] != Value::Bool(true)
            && inner["use"].is_null();
        if item["crate_id"] != 0 || !is_written {
            continue;
        }
        let mut ids = Vec::new();
        named(inner, &mut ids);
        for path in ids.iter().filter_map(|id| api["paths"].get(id)) {
            let name = &api["external_crates"][path["crate_id"].to_string()]["name"];
            if let Some(name) = name.as_str().filter(|name| !STANDARD.contains(name)) {
                let path = path["path"].as_array().unwrap();
                let path: Vec<_> = path.iter().filter_map(Value::as_str).collect();
                found.entry(name.to_owned()).or_default().insert(path.join("::"));
            }
        }
    }
    found
}

/// Collects the identifiers of the types and traits in a signature.
fn named(signature: &Value, ids: &mut Vec<String>) {
    match signature {
        Value::Object(members) => {
            for (name, member) in members {
                if ["resolved_path", "trait"].contains(&name.as_str())
                    && let Some(id) = member.get("id")
                {
                    ids.push(id.to_string());
                }
                named(member, ids);
            }
        }
        Value::Array(members) => members.iter().for_each(|member| named(member, ids)),
        _ => {}
    }
}

const STANDARD: &[&str] = &["alloc", "core", "std"];
