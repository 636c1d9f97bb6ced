//! Every chain that the names allow, each judged alone.

use partner_center_webhooks::Excerpt;
use partner_center_webhooks::chain::{
    Certificate, CertificateDer, CertificateSummary, ChainVerifier, Evidence, PathError, UnixTime,
};
use serde::Serialize;

use crate::facts::Known;

/// A chain from the signing certificate upwards, over certificates that are known.
#[derive(Serialize)]
pub(crate) struct Candidate {
    pub(crate) certificates: Vec<Known>,
    /// The trust anchor, if it holds.
    pub(crate) anchor: Option<String>,
    /// Why it does not hold.
    pub(crate) fault: Option<String>,
    #[serde(skip)]
    pub(crate) error: Option<PathError>,
    #[serde(skip)]
    pub(crate) end: End,
}

/// The last certificate of a chain.
#[derive(Default)]
pub(crate) struct End {
    pub(crate) subject: String,
    pub(crate) issuer: String,
    pub(crate) issuer_urls: Vec<String>,
    pub(crate) is_self_issued: bool,
}

/// Judges the candidates. `chain` has no intermediates; `evidence` has all of them. At most [`MAX_CANDIDATES`].
pub(crate) fn candidates(
    chain: &ChainVerifier,
    certificate: &CertificateDer<'static>,
    evidence: &Evidence,
    now: UnixTime,
) -> Vec<Candidate> {
    let mut known = Vec::new();
    for issuer in &evidence.issuers {
        if !known.contains(&issuer) {
            known.push(issuer);
        }
    }
    let mut chains = Vec::new();
    extend(&mut vec![certificate], &known, &mut chains);
    chains.into_iter().map(|ders| judge(chain, &ders, evidence, now)).collect()
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

fn judge(
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
            certificates: (path.links().iter()).map(|link| Known::of(link.certificate())).collect(),
            anchor: Some(path.anchor().to_string()),
            fault: None,
            error: None,
            end,
        },
        Err(error) => Candidate {
            certificates: ders.iter().map(Known::of).collect(),
            anchor: None,
            fault: Some(fault(&error, certificate, &end)),
            error: Some(error),
            end,
        },
    }
}

/// The fault in words. The search tells the date of a certificate that has ended, and not which it is.
fn fault(error: &PathError, certificate: &CertificateDer<'_>, end: &End) -> String {
    let own = Certificate::parse(certificate).map(|own| CertificateSummary::of(&own));
    match error {
        PathError::UnknownIssuer if end.is_self_issued => {
            "it ends at a self-issued certificate that is no trust anchor".to_owned()
        }
        PathError::UnknownIssuer => {
            format!("the issuer of the last is neither known nor a trust anchor: {}", end.issuer)
        }
        PathError::IssuerExpired { not_after }
            if own.as_ref().is_ok_and(|own| own.not_after == *not_after) =>
        {
            format!("the signing certificate itself ended at {not_after}")
        }
        PathError::IssuerNotYetValid { not_before }
            if own.as_ref().is_ok_and(|own| own.not_before == *not_before) =>
        {
            format!("the signing certificate itself begins at {not_before}")
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

/// More than Microsoft's names allow with every twin and cross-signature at hand.
pub(crate) const MAX_CANDIDATES: usize = 16;
/// The live path has two.
const MAX_ISSUERS: usize = 6;
