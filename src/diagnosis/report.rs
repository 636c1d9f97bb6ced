//! An examination as text in 80 columns, but for URLs, which are not broken.

use std::fmt;

use super::advice::Advice;
use super::candidates::{Candidate, MAX_CANDIDATES};
use super::examination::Examination;
use super::facts::{Facts, Known};
use super::steps::{Failure, Step};
use super::wrap::wrap;
use crate::chain::rfc3339;

impl fmt::Display for Examination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text(self))
    }
}

fn text(examination: &Examination) -> String {
    let mut out = String::new();
    wrap(&mut out, "", &format!("Examined as of {}.", examination.at));
    heading(&mut out, "What was fetched");
    for step in &examination.steps {
        fetched(&mut out, step);
    }
    if let Some(facts) = &examination.certificate {
        certificate(&mut out, facts);
    }
    if !examination.policies.is_empty() {
        heading(&mut out, "Policies");
    }
    for policy in &examination.policies {
        match &policy.refusal {
            None => wrap(&mut out, "  ok    ", &policy.policy),
            Some(refusal) => {
                wrap(&mut out, "  FAIL  ", &policy.policy);
                wrap(&mut out, "        ", refusal);
            }
        }
    }
    if !examination.candidates.is_empty() {
        path(&mut out, examination);
    }
    if examination.certificate.is_some() {
        heading(&mut out, "Revocation");
        if examination.revocation.is_empty() {
            wrap(&mut out, "  ", "Unknown: no path is valid.");
        }
    }
    for status in &examination.revocation {
        let until = status.list_expires.as_ref();
        let until =
            until.map_or_else(String::new, |end| format!(", by a list in force until {end}"));
        wrap(&mut out, "  ", &format!("{}{until}", status.status));
        wrap(&mut out, "    ", &status.subject);
    }
    verdict(&mut out, examination);
    if !examination.advice.is_empty() {
        heading(&mut out, "What would change it");
    }
    for advice in &examination.advice {
        advise(&mut out, advice);
    }
    out
}

fn heading(out: &mut String, title: &str) {
    out.push('\n');
    wrap(out, "", title);
}

fn fetched(out: &mut String, step: &Step) {
    let mark = match &step.failure {
        None => "  ok    ",
        Some(Failure::Disabled) => "  skip  ",
        Some(_) => "  FAIL  ",
    };
    match &step.of {
        None => wrap(out, mark, step.what),
        Some(of) => wrap(out, mark, &format!("{} of {of}", step.what)),
    }
    if !step.from.is_empty() {
        wrap(out, "        from ", &step.from);
    }
    wrap(out, "        ", &step.outcome);
}

fn certificate(out: &mut String, facts: &Facts) {
    heading(out, "The signing certificate");
    wrap(out, "  subject    ", &facts.subject);
    let shown = facts.dns_names.iter().take(MOST_NAMES);
    let mut label = "  DNS names  ";
    for name in shown {
        wrap(out, label, name);
        label = "             ";
    }
    match facts.dns_names.len().saturating_sub(MOST_NAMES) {
        0 if facts.dns_names.is_empty() => wrap(out, label, "(none)"),
        0 => {}
        more => wrap(out, label, &format!("and {more} more (the JSON has them)")),
    }
    wrap(out, "  issuer     ", &facts.issuer);
    let days = days(facts.days_left);
    wrap(out, "  from       ", &facts.not_before);
    wrap(out, "  to         ", &format!("{} ({days})", facts.not_after));
    wrap(out, "  key        ", &facts.key);
    let role = if facts.is_ca { "CA" } else { "end entity" };
    let signs = match facts.digital_signature {
        Some(true) => "key usage with digitalSignature",
        Some(false) => "key usage without digitalSignature",
        None => "no key usage",
    };
    let purposes = match &facts.purposes {
        Some(purposes) => format!("for {}", purposes.join(", ")),
        None => "no extended key usage".to_owned(),
    };
    wrap(out, "  usages     ", &format!("{role}; {signs}; {purposes}"));
    for url in &facts.issuer_urls {
        wrap(out, "  issuer at  ", url);
    }
    for url in &facts.revocation_list_urls {
        wrap(out, "  CRL at     ", url);
    }
    wrap(out, "  SHA-256    ", &facts.sha256);
}

fn path(out: &mut String, examination: &Examination) {
    heading(out, "The path to a trust anchor");
    let Examination { anchors, intermediates, candidates, .. } = examination;
    let known = format!(
        "{}, {}.",
        count(*anchors, "trust anchor"),
        count(*intermediates, "configured intermediate")
    );
    wrap(out, "  ", &known);
    for (number, each) in (1_u32..).zip(candidates) {
        candidate(out, number, each);
    }
    if candidates.len() == MAX_CANDIDATES {
        wrap(out, "  ", "There may be more chains: these are the first.");
    }
}

fn candidate(out: &mut String, number: u32, candidate: &Candidate) {
    let mark = if candidate.fault.is_none() { "ok" } else { "FAIL" };
    wrap(out, "  ", &format!("chain {number}: {mark}"));
    for Known { subject, not_after, sha256 } in &candidate.certificates {
        let start = sha256.get(..8).unwrap_or(sha256);
        let text = format!("{subject} (to {not_after}, SHA-256 {start}…)");
        wrap(out, "    - ", &text);
    }
    if let Some(anchor) = &candidate.anchor {
        wrap(out, "    - ", &format!("{anchor} (trust anchor)"));
    }
    if let Some(fault) = &candidate.fault {
        wrap(out, "    why: ", fault);
    }
}

fn verdict(out: &mut String, examination: &Examination) {
    heading(out, "Verdict");
    match (&examination.reason, examination.valid_until) {
        (Some(reason), _) => wrap(out, "  REFUSED: ", reason),
        (None, until) => {
            let until = until.map(rfc3339).unwrap_or_default();
            let days = days(examination.days_left().unwrap_or_default());
            wrap(out, "  TRUSTED ", &format!("until {until} ({days})"));
        }
    }
    for expiry in &examination.expiries {
        let text = format!("{}: {} ({})", expiry.what, expiry.at, days(expiry.days_left));
        wrap(out, "    expires: ", &text);
    }
}

fn advise(out: &mut String, advice: &Advice) {
    wrap(out, "  * ", &advice.action);
    if let Some(flag) = &advice.flag {
        wrap(out, "    flag:     ", flag);
    }
    if let Some(builder) = &advice.builder {
        let mut label = "    builder:  ";
        for line in builder.lines() {
            let code = line.trim_start();
            let indent = " ".repeat(line.len().saturating_sub(code.len()));
            wrap(out, &format!("{label}{indent}"), code);
            label = "              ";
        }
    }
    wrap(out, "    weakens:  ", &advice.weakens);
}

fn days(left: i64) -> String {
    let days = usize::try_from(left.unsigned_abs()).unwrap_or(usize::MAX);
    let days = count(days, "day");
    match left {
        ..=-1 => format!("expired less than {days} ago"),
        _ => format!("{days} left"),
    }
}

fn count(number: usize, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{plural}")
}

/// Certificates for hundreds of names exist.
const MOST_NAMES: usize = 10;
