//! A running receiver, asked at its address for operators.

use serde_json::Value;

use super::part::{Part, Status};
use crate::admin;

pub(super) async fn part(url: Option<&str>) -> Part {
    let Some(url) = url else {
        return Part::skipped(NAME, "no receiver is named (see --receiver)");
    };
    let state = match admin::state(url).await {
        Ok(state) => state,
        Err(problem) => {
            return Part::new(NAME, Status::Unknown, format!("{url}: {problem}"))
                .or_try(format!("partner-center health --receiver {url}"));
        }
    };
    let number = |name: &str| state.body.get(name).and_then(Value::as_u64).unwrap_or_default();
    let (accepted, refused) = (number("accepted"), number("refused"));
    let reason = state.body.get("last_refusal").and_then(Value::as_str);
    let summary = format!("{accepted} callbacks accepted, {refused} refused since its start");
    match (state.is_ready, reason) {
        (false, _) => Part::new(NAME, Status::Failed, format!("it is not ready; {summary}")),
        (true, Some(reason)) if accepted == 0 => {
            Part::new(NAME, Status::Failed, format!("{summary}; the last one: {reason}"))
        }
        (true, Some(reason)) => {
            Part::new(NAME, Status::Warning, format!("{summary}; the last one: {reason}"))
        }
        (true, None) => Part::new(NAME, Status::Ok, summary),
    }
}

const NAME: &str = "receiver";
