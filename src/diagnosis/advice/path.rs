//! What would make a chain valid.

use super::remedy::{Advice, NOTHING};
use crate::chain::PathError;
use crate::diagnosis::candidates::{Candidate, End};

/// For a chain that is not valid.
pub(super) fn about_path(candidate: &Candidate) -> Vec<Advice> {
    match &candidate.error {
        Some(PathError::UnknownIssuer) => about_end(&candidate.end),
        Some(PathError::Revoked) => vec![Advice::new(
            "nothing makes a chain over a revoked certificate valid; a chain over another certificate of that issuer may be",
            NOTHING,
        )],
        Some(PathError::IssuerExpired { .. } | PathError::Signature) => {
            vec![intermediates(
                "configure the issuer's current certificate, which has the same name",
            )]
        }
        Some(_) => vec![Advice::new(
            "nothing changes the verdict on this chain; a chain over other certificates of its issuers may be valid",
            NOTHING,
        )],
        None => Vec::new(),
    }
}

fn about_end(end: &End) -> Vec<Advice> {
    let anchors = Advice::new(
        match end.is_self_issued {
            true => format!("if you mean to trust it, make it an anchor: {}", end.subject),
            false => format!(
                "or, if that issuer is a root that you mean to trust, make it an anchor: {}",
                end.issuer
            ),
        },
        "then that CA can issue signing certificates: only the policies and the signer name restrict it. The file \
         replaces the default anchors",
    )
    .with("--anchors FILE", ".anchors(Anchors::from_pem(&pem)?)");
    match end.is_self_issued {
        true => vec![anchors],
        false => {
            let from = match end.issuer_urls.first() {
                Some(url) => format!(" (it is at {url})"),
                None => String::new(),
            };
            let missing = format!("configure the certificate of {}{from}", end.issuer);
            vec![intermediates(missing), anchors]
        }
    }
}

fn intermediates(what: impl Into<String>) -> Advice {
    Advice::new(what, "nothing: it is an untrusted link, which still needs a path to an anchor")
        .with("--intermediates FILE", ".intermediates(certificates_from_pem(&pem)?)")
}
