//! Every chain that the names allow, each examined alone.

use super::facts::Known;
use crate::chain::{
    Certificate, CertificateDer, CertificateSummary, ChainVerifier, Evidence, PathError, UnixTime,
};
use crate::mask::Excerpt;

/// A chain from the signing certificate upwards, over known certificates.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) certificates: Vec<Known>,
    /// The trust anchor, if the chain is valid.
    pub(super) anchor: Option<String>,
    /// Why it is not valid.
    pub(super) fault: Option<String>,
    pub(super) error: Option<PathError>,
    pub(super) end: End,
}

/// The last certificate of a chain.
#[derive(Clone, Debug, Default)]
pub(super) struct End {
    pub(super) subject: String,
    pub(super) issuer: String,
    pub(super) issuer_urls: Vec<String>,
    pub(super) is_self_issued: bool,
}

/// The candidates over the intermediates of `chain` and the issuers of `evidence`: at most [`MAX_CANDIDATES`].
pub(super) fn candidates(
    chain: &ChainVerifier,
    certificate: &CertificateDer<'static>,
    evidence: &Evidence,
    now: UnixTime,
) -> Vec<Candidate> {
    let mut known = Vec::new();
    for issuer in chain.intermediates().iter().chain(&evidence.issuers) {
        if !known.contains(&issuer) {
            known.push(issuer);
        }
    }
    let mut chains = Vec::new();
    extend(&mut vec![certificate], &known, &mut chains);
    let alone = chain.clone().without_intermediates();
    chains.into_iter().map(|ders| examine(&alone, &ders, evidence, now)).collect()
}

/// Collects the chains that begin with `so_far` and cannot be longer.
fn extend<'e>(
    so_far: &mut Vec<&'e CertificateDer<'static>>,
    known: &[&'e CertificateDer<'static>],
    chains: &mut Vec<Vec<CertificateDer<'static>>>,
) {
    let issuers: Vec<_> = known
        .iter()
        .copied()
        .filter(|issuer| {
            let last = so_far.last();
            last.is_some_and(|last| names(last, issuer)) && !so_far.contains(issuer)
        })
        .collect();
    if issuers.is_empty() || so_far.len() > MAX_ISSUERS {
        if chains.len() < MAX_CANDIDATES {
            chains.push(so_far.iter().map(|&der| der.clone()).collect());
        }
        return;
    }
    for issuer in issuers {
        if chains.len() < MAX_CANDIDATES {
            so_far.push(issuer);
            extend(so_far, known, chains);
            so_far.pop();
        }
    }
}

/// Whether `certificate` names `issuer` as its issuer.
fn names(certificate: &CertificateDer<'_>, issuer: &CertificateDer<'_>) -> bool {
    match (Certificate::parse(certificate), Certificate::parse(issuer)) {
        (Ok(certificate), Ok(issuer)) => certificate.issuer().as_der() == issuer.subject().as_der(),
        _ => false,
    }
}

/// Examines one chain. `chain` has no intermediates, so that no other path is found.
fn examine(
    chain: &ChainVerifier,
    ders: &[CertificateDer<'static>],
    evidence: &Evidence,
    now: UnixTime,
) -> Candidate {
    let Some((certificate, issuers)) = ders.split_first() else {
        return Candidate {
            certificates: Vec::new(),
            anchor: None,
            fault: None,
            error: None,
            end: End::default(),
        };
    };
    let alone = Evidence::new(issuers.to_vec(), evidence.revocation_lists.clone());
    let end = ders.last().map(end).unwrap_or_default();
    match chain.find_path(certificate, &alone, now) {
        Ok(path) => Candidate {
            certificates: path.certificates().map(|der| Known::of(chain, der)).collect(),
            anchor: Some(path.anchor().to_string()),
            fault: None,
            error: None,
            end,
        },
        Err(error) => Candidate {
            certificates: ders.iter().map(|der| Known::of(chain, der)).collect(),
            anchor: None,
            fault: Some(fault(&error, certificate, &end)),
            error: Some(error),
            end,
        },
    }
}

/// The fault in words. The search names the date of an expired certificate, and not the certificate.
fn fault(error: &PathError, certificate: &CertificateDer<'_>, end: &End) -> String {
    let own = Certificate::parse(certificate).map(|own| CertificateSummary::of(&own));
    match error {
        PathError::UnknownIssuer if end.is_self_issued => {
            "it ends with a self-issued certificate that is not a trust anchor".to_owned()
        }
        PathError::UnknownIssuer => {
            format!(
                "the issuer of the last certificate is neither known nor a trust anchor: {}",
                end.issuer
            )
        }
        PathError::IssuerExpired { not_after }
            if own.as_ref().is_ok_and(|own| own.not_after == *not_after) =>
        {
            format!("the signing certificate itself expired at {not_after}")
        }
        PathError::IssuerNotYetValid { not_before }
            if own.as_ref().is_ok_and(|own| own.not_before == *not_before) =>
        {
            format!("the signing certificate itself is not valid before {not_before}")
        }
        error => error.to_string(),
    }
}

fn end(der: &CertificateDer<'static>) -> End {
    let Ok(last) = Certificate::parse(der) else {
        return End::default();
    };
    let urls = last.issuer_urls().iter();
    End {
        subject: last.subject().excerpt().to_string(),
        issuer: last.issuer().excerpt().to_string(),
        issuer_urls: urls.map(|url| Excerpt::of_url(url.as_bytes()).to_string()).collect(),
        is_self_issued: last.subject().as_der() == last.issuer().as_der(),
    }
}

/// More than Microsoft's names allow, with every twin and cross-signature.
pub(super) const MAX_CANDIDATES: usize = 16;
/// The current path has two.
const MAX_ISSUERS: usize = 6;
