//! What would make missing issuers and revocation lists available.

use super::remedy::{Advice, NOTHING};
use crate::diagnosis::steps::{Failure, Step};
use crate::source::DistributionLocation;

/// For a certificate without a required list.
pub(super) fn about_lists(steps: &[Step]) -> Vec<Advice> {
    let mut advice: Vec<_> = failed(steps, "revocation list")
        .filter(|step| step.failure == Some(Failure::NotAllowed))
        .map(|step| {
            let prefix = prefix(&step.from);
            Advice::new("allow the location of the revocation list", FETCHES).with(
                format!("--revocation-list-location {prefix}"),
                authorities("with_revocation_list_location", "revocation_lists", prefix),
            )
        })
        .collect();
    advice.extend(transient(steps, "revocation list"));
    advice.push(
        Advice::new(
            "if an unknown revocation status is acceptable, accept certificates that no list covers",
            "a revoked certificate is accepted while its list cannot be fetched, also if an attacker blocks it",
        )
        .with(
            "--revocation best-effort",
            ".revocation(Revocation::BestEffort)",
        ),
    );
    advice
}

/// For issuers' certificates that could not be fetched.
pub(super) fn about_issuers(steps: &[Step]) -> Vec<Advice> {
    let mut advice: Vec<_> = failed(steps, "issuer")
        .filter(|step| step.failure == Some(Failure::NotAllowed))
        .map(|step| {
            let prefix = prefix(&step.from);
            Advice::new("allow the location of the issuer's certificate", FETCHES).with(
                format!("--issuer-location {prefix}"),
                authorities("with_issuer_location", "issuers", prefix),
            )
        })
        .collect();
    advice.extend(transient(steps, "issuer"));
    advice
}

/// The call that allows `prefix` in addition to the default locations.
fn authorities(method: &str, places: &str, prefix: &str) -> String {
    format!(
        ".authorities(\n  Authorities::new(client).{method}(\n    DistributionLocation::{places}()\n      \
         .also_allow(\"{prefix}\")?,\n  ),\n)"
    )
}

/// For a fetch that may succeed another time.
fn transient(steps: &[Step], what: &'static str) -> Option<Advice> {
    failed(steps, what).find_map(|step| match step.failure {
        Some(Failure::Disabled) => {
            Some(Advice::new(format!("without --offline, the {what} would be fetched"), NOTHING))
        }
        Some(Failure::Transient) => Some(Advice::new(
            format!("try again, or let this machine reach the {what}: {}", step.from),
            NOTHING,
        )),
        _ => None,
    })
}

fn failed<'s>(steps: &'s [Step], what: &'static str) -> impl Iterator<Item = &'s Step> {
    steps.iter().filter(move |step| step.what == what && step.failure.is_some())
}

/// The prefix that would have to be allowed for a URL, if it can be: the URL comes from an untrusted certificate.
fn prefix(url: &str) -> &str {
    let folder = url.rfind('/').and_then(|at| url.get(..=at));
    folder
        .filter(|prefix| DistributionLocation::none().also_allow(prefix).is_ok())
        .unwrap_or("URL-PREFIX")
}

const FETCHES: &str = "an untrusted certificate can make the receiver send requests there; the response still needs a valid \
                       signature";
