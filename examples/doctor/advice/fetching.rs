//! What would let missing issuers and revocation lists come.

use partner_center_webhooks::source::DistributionLocation;

use super::{Advice, NOTHING};
use crate::gather::{Failure, Step};

/// When no list covers a certificate, and one must.
pub(super) fn about_lists(steps: &[Step]) -> Vec<Advice> {
    let mut advice: Vec<_> = failed(steps, "revocation list")
        .filter(|step| matches!(step.failure, Some(Failure::Elsewhere)))
        .map(|step| {
            let prefix = prefix(&step.from);
            Advice::new("allow the location of the revocation list", FETCHES).with(
                format!("--revocation-list-location {prefix}"),
                authorities("with_revocation_list_location", "revocation_lists", prefix),
            )
        })
        .collect();
    advice.extend(passing(steps, "revocation list"));
    advice.push(
        Advice::new(
            "if revocation need not be known, accept what no list tells about",
            "a revoked certificate passes for as long as its list cannot be had, also when somebody sees to that",
        )
        .with(
            "--revocation best-effort",
            ".revocation(Revocation::BestEffort)",
        ),
    );
    advice
}

/// When issuers' certificates could not be fetched.
pub(super) fn about_issuers(steps: &[Step]) -> Vec<Advice> {
    let mut advice: Vec<_> = failed(steps, "issuer")
        .filter(|step| matches!(step.failure, Some(Failure::Elsewhere)))
        .map(|step| {
            let prefix = prefix(&step.from);
            Advice::new("allow the location of the issuer's certificate", FETCHES).with(
                format!("--issuer-location {prefix}"),
                authorities("with_issuer_location", "issuers", prefix),
            )
        })
        .collect();
    advice.extend(passing(steps, "issuer"));
    advice
}

/// The call that allows `prefix` beside the places that are allowed by default.
fn authorities(method: &str, places: &str, prefix: &str) -> String {
    format!(
        ".authorities(\n  Authorities::new(client).{method}(\n    DistributionLocation::{places}()\n      \
         .also_allow(\"{prefix}\")?,\n  ),\n)"
    )
}

/// When something might be fetched another time.
fn passing(steps: &[Step], what: &'static str) -> Option<Advice> {
    failed(steps, what).find_map(|step| match step.failure {
        Some(Failure::Offline) => {
            Some(Advice::new(format!("without --offline, the {what} would be fetched"), NOTHING))
        }
        Some(Failure::Passing) => Some(Advice::new(
            format!("try again, or let this machine reach where the {what} is: {}", step.from),
            NOTHING,
        )),
        _ => None,
    })
}

fn failed<'s>(steps: &'s [Step], what: &'static str) -> impl Iterator<Item = &'s Step> {
    steps.iter().filter(move |step| step.what == what && !step.succeeded)
}

/// What would have to be allowed for a URL, if it can be: the certificate that names it is not trusted.
fn prefix(url: &str) -> &str {
    let folder = url.rfind('/').and_then(|at| url.get(..=at));
    folder
        .filter(|prefix| DistributionLocation::none().also_allow(prefix).is_ok())
        .unwrap_or("URL-PREFIX")
}

const FETCHES: &str = "a certificate that is not trusted yet can make the receiver send requests there; what comes is \
                       still worth only its signature";
