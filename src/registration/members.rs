//! The members of an object in any ASCII case: responses come in PascalCase and in camelCase.

use serde::Deserialize;
use serde_json::{Map, Value};

#[derive(Deserialize)]
pub(super) struct Members(Map<String, Value>);

impl Members {
    /// Removes the member `name` in any ASCII case. Of several spellings, the first that is not null counts.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        let mut found = None;
        self.0.retain(|key, value| {
            let is_other = !key.eq_ignore_ascii_case(name);
            if !is_other && found.as_ref().is_none_or(Value::is_null) {
                found = Some(value.take());
            }
            is_other
        });
        found
    }

    /// The remaining members.
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

/// The value of a boolean, or of a text or number that stands for one.
pub(super) fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::Number(number) => match number.as_u64() {
            Some(0) => Some(false),
            Some(1) => Some(true),
            _ => None,
        },
        Value::String(text) => text.to_ascii_lowercase().parse().ok(),
        _ => None,
    }
}
