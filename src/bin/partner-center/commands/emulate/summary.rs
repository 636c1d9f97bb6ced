//! A delivery in a line.

use serde_json::Value;

pub(super) fn last_attempt(delivery: &Value) -> Option<&Value> {
    delivery.get("attempts").and_then(Value::as_array)?.last()
}

pub(super) fn text<'v>(delivery: &'v Value, member: &str) -> &'v str {
    delivery.get(member).and_then(Value::as_str).unwrap_or_default()
}

/// A line such as `delivery 1  subscription-updated  200 in 3 ms  delivered`.
pub(super) fn summary(delivery: &Value) -> String {
    let number = delivery.get("number").and_then(Value::as_u64).unwrap_or_default();
    let origin = match text(delivery, "origin") {
        "event" => String::new(),
        origin => format!(" ({origin})"),
    };
    let name = match text(delivery, "eventName") {
        "" => "(no event)".to_owned(),
        name => name.escape_debug().to_string(),
    };
    let attempt = last_attempt(delivery).map_or_else(String::new, |attempt| {
        let took = attempt.get("milliseconds").and_then(Value::as_u64).unwrap_or_default();
        let response = match attempt.get("status").and_then(Value::as_u64) {
            Some(status) => status.to_string(),
            None => format!("no response: {}", text(attempt, "error")),
        };
        format!("{response} in {took} ms  ")
    });
    let attempts = delivery.get("attempts").and_then(Value::as_array).map_or(0, Vec::len);
    let attempts = if attempts > 1 { format!(" after {attempts} attempts") } else { String::new() };
    format!("delivery {number}  {name}{origin}  {attempt}{}{attempts}", text(delivery, "outcome"))
}
