//! An examination as JSON.

use serde_json::{Value, json};

use super::examination::Examination;
use super::facts::{Facts, Known};
use crate::chain::rfc3339;

impl Examination {
    /// The examination as a JSON object, with the verdict, the reason, and each step of the examination.
    ///
    /// Times are RFC 3339 in UTC. Members may be added.
    pub fn to_json(&self) -> Value {
        let steps = self.steps.iter().map(|step| {
            json!({
                "what": step.what, "of": step.of, "from": step.from,
                "succeeded": step.failure.is_none(), "outcome": step.outcome,
            })
        });
        let policies = self.policies.iter();
        let policies = policies.map(|it| json!({ "policy": it.policy, "refusal": it.refusal }));
        let candidates = self.candidates.iter().map(|it| {
            json!({
                "certificates": it.certificates.iter().map(known).collect::<Vec<_>>(),
                "anchor": it.anchor, "fault": it.fault,
            })
        });
        let revocation = self.revocation.iter().map(|it| {
            json!({
                "subject": it.subject, "status": it.status.to_string(),
                "list_expires": it.list_expires,
            })
        });
        let expiries = self.expiries.iter();
        let expiries =
            expiries.map(|it| json!({ "what": it.what, "at": it.at, "days_left": it.days_left }));
        let advice = self.advice.iter().map(|it| {
            json!({
                "action": it.action, "flag": it.flag, "builder": it.builder,
                "weakens": it.weakens,
            })
        });
        json!({
            "verdict": if self.is_trusted() { "trusted" } else { "refused" },
            "reason": self.reason,
            "at": self.at,
            "steps": steps.collect::<Vec<_>>(),
            "certificate": self.certificate.as_ref().map(facts),
            "policies": policies.collect::<Vec<_>>(),
            "anchors": self.anchors,
            "intermediates": self.intermediates,
            "candidates": candidates.collect::<Vec<_>>(),
            "revocation": revocation.collect::<Vec<_>>(),
            "expiries": expiries.collect::<Vec<_>>(),
            "valid_until": self.valid_until.map(rfc3339),
            "days_left": self.days_left(),
            "advice": advice.collect::<Vec<_>>(),
        })
    }
}

fn known(known: &Known) -> Value {
    json!({ "subject": known.subject, "not_after": known.not_after, "sha256": known.sha256 })
}

fn facts(facts: &Facts) -> Value {
    json!({
        "subject": facts.subject,
        "dns_names": facts.dns_names,
        "issuer": facts.issuer,
        "not_before": facts.not_before,
        "not_after": facts.not_after,
        "days_left": facts.days_left,
        "key": facts.key,
        "is_ca": facts.is_ca,
        "digital_signature": facts.digital_signature,
        "purposes": facts.purposes,
        "issuer_urls": facts.issuer_urls,
        "revocation_list_urls": facts.revocation_list_urls,
        "sha256": facts.sha256,
    })
}
