//! What would change a refusal.

use super::fetching::{about_issuers, about_lists};
use super::path::about_path;
use super::remedy::{Advice, NOTHING};
use crate::chain::{ChainError, PolicyError, SignerName};
use crate::diagnosis::candidates::Candidate;
use crate::diagnosis::steps::Step;
use crate::source::{CertificateLocation, LocationError, SourceError};

/// For a certificate that could not be fetched.
pub(in crate::diagnosis) fn to_obtain(error: &SourceError) -> Vec<Advice> {
    vec![match error {
        SourceError::Location(LocationError::NotAllowed { url, .. }) => {
            let url = url.to_string();
            let folder = url.rfind('/').and_then(|at| url.get(..=at));
            let prefix = folder.filter(|prefix| is_allowable(prefix)).unwrap_or("URL-PREFIX");
            let method = match prefix.starts_with("http://") {
                true => "danger_also_allow_loopback_http",
                false => "also_allow",
            };
            Advice::new(
                "if your Partner Center serves its certificate there, allow the location",
                "strangers can make the receiver send requests there; its certificates are verified like any other",
            )
            .with(
                format!("--danger-certificate-location {prefix}"),
                format!(
                    ".certificate_location(\n  CertificateLocation::default().{method}(\n    \
                     \"{prefix}\",\n  )?,\n)"
                ),
            )
        }
        SourceError::Location(_) => Advice::new(
            "nothing allows such a URL: is it the one that Partner Center sends?",
            NOTHING,
        ),
        SourceError::Status(refusal) if refusal.is_storage() => {
            Advice::new(refusal.advice(), NOTHING)
        }
        _ => Advice::new(
            "try again, and look for a proxy or a firewall between here and that host; or fetch the file elsewhere, \
             and examine the file here",
            NOTHING,
        ),
    }]
}

/// Whether a receiver can be configured to fetch certificates from `prefix`.
fn is_allowable(prefix: &str) -> bool {
    let none = CertificateLocation::none();
    match prefix.starts_with("http://") {
        true => none.danger_also_allow_loopback_http(prefix).is_ok(),
        false => none.also_allow(prefix).is_ok(),
    }
}

/// What an examination found, as far as advice depends on it.
#[derive(Clone, Copy)]
pub(in crate::diagnosis) struct Findings<'f> {
    pub(in crate::diagnosis) steps: &'f [Step],
    pub(in crate::diagnosis) candidates: &'f [Candidate],
    pub(in crate::diagnosis) dns_names: &'f [String],
}

/// For a refused certificate: for the first reason, and for the one behind it.
pub(in crate::diagnosis) fn to_trust(
    errors: &[&ChainError],
    findings: Findings<'_>,
) -> Vec<Advice> {
    let mut advice = Vec::new();
    let mut is_for_paths = true;
    for error in errors {
        match error {
            ChainError::Policy { error, .. } => {
                advice.push(about_policy(error, findings.dns_names))
            }
            // No path is valid, for the same reason.
            ChainError::Expired { now, .. } | ChainError::NotYetValid { now, .. } => {
                advice.push(out_of_time(now));
                is_for_paths = false;
            }
            ChainError::Revoked { .. } => {
                advice.push(revoked());
                is_for_paths = false;
            }
            ChainError::RevocationUnknown { .. } => advice.extend(about_lists(findings.steps)),
            ChainError::Key { .. } | ChainError::Malformed(_) => advice.push(Advice::new(
                "nothing changes this: is it the file that Partner Center serves?",
                NOTHING,
            )),
            _ => {}
        }
    }
    let candidates = findings.candidates;
    if is_for_paths && candidates.iter().all(|each| each.fault.is_some()) {
        advice.extend(about_issuers(findings.steps));
        advice.extend(candidates.iter().flat_map(about_path));
    }
    let mut unique = Vec::new();
    for each in advice {
        if !unique.contains(&each) {
            unique.push(each);
        }
    }
    unique
}

fn revoked() -> Advice {
    Advice::new(
        "nothing changes this: the authority revoked the certificate. Wait until Partner Center serves another certificate, or ask Microsoft",
        "without revocation, a holder of a stolen key can sign callbacks",
    )
}

fn out_of_time(now: &str) -> Advice {
    Advice::new(
        format!(
            "check the clock: it was {now}. If it is right, wait until Partner Center serves a certificate in \
             force (a receiver fetches it by itself); if this is a file, fetch it again. To verify an old callback at the \
             time when it arrived:"
        ),
        "everything that was signed with an expired key is accepted: for captured callbacks only, never in a receiver",
    )
    .with("--at TIME", ".clock(move || time)")
}

fn about_policy(error: &PolicyError, dns_names: &[String]) -> Advice {
    if let PolicyError::Other(_) = error {
        return Advice::new(
            "this is a policy of your application: change it where it is passed to `require`",
            NOTHING,
        );
    }
    let PolicyError::SignerName { .. } = error else {
        return Advice::new(
            "nothing turns this policy off: is it the certificate that Partner Center signs with?",
            NOTHING,
        );
    };
    let mut names = dns_names.iter().filter(|name| name.parse::<SignerName>().is_ok());
    let name = names.next().map_or("NAME", String::as_str);
    Advice::new(
        "only if you know that this certificate is Partner Center's: expect its name",
        "everything that the holder of that name signs is accepted as Partner Center's: with the key of `metadata.azure.com`, \
         for example, Azure signs JSON for any virtual machine that asks",
    )
    .with(
        format!("--signer-name {name}"),
        format!(".signer_name(\"{name}\".parse()?)"),
    )
}
