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
    let mut summary = format!("{accepted} callbacks accepted, {refused} refused since its start");
    if let Some(Value::Object(kinds)) = state.body.get("refused_by_kind").filter(|_| refused > 0) {
        let kinds: Vec<_> =
            kinds.iter().map(|(kind, number)| format!("{number} × {kind}")).collect();
        summary += &format!(" ({})", kinds.join(", "));
    }
    match number("unmatched") {
        0 => {}
        unmatched => summary += &format!(", {unmatched} requests for another path or method"),
    }
    let part = match (state.is_ready, reason) {
        (false, _) => Part::new(NAME, Status::Failed, format!("it is not ready; {summary}")),
        (true, Some(reason)) => {
            let status = if accepted == 0 { Status::Failed } else { Status::Warning };
            Part::new(NAME, status, format!("{summary}; the last one: {reason}"))
        }
        (true, None) => Part::new(NAME, Status::Ok, summary),
    };
    // The receiver's own words for a signature that was removed or replaced on its way.
    match reason.is_some_and(|reason| reason.contains("--ms-signature")) {
        true => part.or_try("partner-center register ensure --ms-signature"),
        false => part,
    }
}

const NAME: &str = "receiver";
