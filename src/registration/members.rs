//! The members of an object, found in any ASCII case: answers come in PascalCase and in camelCase.

use serde::Deserialize;
use serde_json::{Map, Value};

#[derive(Deserialize)]
pub(super) struct Members(Map<String, Value>);

impl Members {
    /// Takes the member `name` out.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        let mut keys = self.0.keys();
        let key = keys.find(|key| key.eq_ignore_ascii_case(name))?.clone();
        self.0.remove(&key)
    }

    /// What was not taken.
    pub(super) fn into_rest(self) -> Map<String, Value> {
        self.0
    }
}

/// The text of a string or a number.
pub(super) fn text(value: Value) -> Option<Box<str>> {
    match value {
        Value::String(text) => Some(text.into()),
        Value::Number(number) => Some(number.to_string().into()),
        _ => None,
    }
}
