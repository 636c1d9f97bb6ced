//! The body of an emitted event.

use std::path::Path;
use std::str::FromStr;

use partner_center_webhooks::event::EventName;
use partner_center_webhooks::testing::partner_center::sample_event;
use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::options::files;

/// A member of the body, and its value.
#[derive(Clone, Debug)]
pub(super) struct Member {
    name: String,
    value: Value,
}

impl FromStr for Member {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, value) = text.split_once('=').ok_or("it has no `=` (expected MEMBER=VALUE)")?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
        Ok(Self { name: name.to_owned(), value })
    }
}

/// Whether an event of this name is documented.
pub(super) fn is_documented(name: &str) -> bool {
    EventName::ALL.iter().any(|known| known.as_str() == name)
}

/// The emulator's command for an event with this body, or with a sample.
pub(super) fn emit_line(
    name: &str,
    body: Option<&Path>,
    set: &[Member],
) -> Result<String, Failure> {
    match body {
        None if !is_documented(name) => Err(Failure::unknown_event(name, "emulate emit")),
        None if set.is_empty() => Ok(format!("emit {name}")),
        None => with(name, &sample_event(&EventName::from(name)), set),
        Some(path) if set.is_empty() => Ok(format!("emit {name} {}", files::text("--body", path)?)),
        Some(path) => with(name, &files::text("--body", path)?, set),
    }
}

fn with(name: &str, body: &str, set: &[Member]) -> Result<String, Failure> {
    let mut members: Map<String, Value> = serde_json::from_str(body).map_err(|error| {
        Failure::usage(format_args!("--set: the body is not an object: {error}"))
    })?;
    for Member { name, value } in set {
        members.insert(name.clone(), value.clone());
    }
    Ok(format!("emit {name} {}", Value::Object(members)))
}
