//! Revocation lists: the certificates that a list covers, and the time for which it is evidence.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::{SubjectPublicKeyInfoDer, UnixTime};
use webpki::Cert;
use x509_parser::prelude::FromDer as _;
use x509_parser::revocation_list::CertificateRevocationList;

use super::certificate::{Certificate, is_signature};
use super::list_reader::{ParsedList, Part, read_list};
use super::parse_error::ParseError;
use crate::crypto::Backend;
use crate::mask::Excerpt;

/// A parsed certificate revocation list (RFC 5280, section 5). Its signature is not verified yet.
///
/// Cheap to clone. It keeps the list's bytes, and eight more for each entry.
///
/// # Example
///
/// ```
/// use partner_center_webhooks::chain::{ParseError, RevocationList};
///
/// let error = RevocationList::from_der(b"<html>").unwrap_err();
/// assert!(matches!(error, ParseError::RevocationList { .. }));
/// assert_eq!(error.to_string(), "it is not a usable revocation list: it is not a DER sequence");
/// ```
#[derive(Clone)]
pub struct RevocationList {
    der: Arc<[u8]>,
    /// The places of the serial numbers in `der`, sorted by the numbers' bytes.
    serials: Arc<[Place]>,
    signed: Range<usize>,
    signature: Range<usize>,
    issuer: Range<usize>,
    issuer_text: Excerpt,
    this_update: UnixTime,
    next_update: UnixTime,
    part: Option<Part>,
}

/// A range of a list's bytes.
///
/// Eight bytes instead of sixteen: a list can have tens of thousands of entries.
#[derive(Clone, Copy, Debug)]
struct Place {
    start: u32,
    length: u16,
}

impl Place {
    /// `None` beyond 4 GiB, or 64 KiB for a serial number.
    fn new(range: &Range<usize>) -> Option<Self> {
        Some(Self {
            start: u32::try_from(range.start).ok()?,
            length: u16::try_from(range.len()).ok()?,
        })
    }

    /// The bytes in `der`, the list that the place belongs to.
    fn of(self, der: &[u8]) -> &[u8] {
        let start = usize::try_from(self.start).unwrap_or(usize::MAX);
        let end = start.saturating_add(usize::from(self.length));
        der.get(start..end).unwrap_or_default()
    }
}

/// What a list can show about a certificate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Coverage {
    /// If the certificate were revoked, the list would name it.
    Full,
    /// The list can only show that the certificate is revoked.
    Partial,
}

impl RevocationList {
    /// How long after its [`next_update`](Self::next_update) a list still shows that a certificate is not revoked: a day, to
    /// survive an outage of the list's host. Lists of Microsoft's TLS CAs are replaced several days before they expire.
    pub const GRACE: Duration = Duration::from_secs(24 * 60 * 60);
    /// How far a list's [`this_update`](Self::this_update) may lie in the future, because clocks differ: five minutes.
    pub const CLOCK_SKEW: Duration = Duration::from_secs(5 * 60);

    /// Reads a list in DER.
    ///
    /// # Errors
    ///
    /// [`ParseError::RevocationList`], also for lists without `nextUpdate`, for incomplete lists (deltas, indirect lists, lists
    /// for some reasons only), and for lists with an unknown critical extension.
    pub fn from_der(der: &[u8]) -> Result<Self, ParseError> {
        let refused = |problem: &str| ParseError::RevocationList { problem: Excerpt::of(problem) };
        let ParsedList { signed, signature, issuer, this_update, next_update, serials, part } =
            read_list(der).map_err(refused)?;
        // If the two parsers ever disagree, the list is refused.
        let (_, again) = CertificateRevocationList::from_der(der)
            .map_err(|_| refused("a name or an extension is malformed"))?;
        let issuer_text = Excerpt::of(again.issuer().to_string());
        let places = serials.iter().map(Place::new);
        let mut serials: Vec<_> =
            places.collect::<Option<_>>().ok_or_else(|| refused("it is too long"))?;
        serials.sort_unstable_by(|one, other| one.of(der).cmp(other.of(der)));
        Ok(Self {
            der: der.into(),
            serials: serials.into(),
            signed,
            signature,
            issuer,
            issuer_text,
            this_update,
            next_update,
            part,
        })
    }

    /// The issuer's name.
    pub fn issuer(&self) -> &Excerpt {
        &self.issuer_text
    }

    /// When the list was issued.
    pub fn this_update(&self) -> UnixTime {
        self.this_update
    }

    /// When the next list is due. From this second on, this list is no longer in force.
    pub fn next_update(&self) -> UnixTime {
        self.next_update
    }

    /// Whether the bytes of both lists are the same.
    #[cfg_attr(not(feature = "receiver"), expect(dead_code, reason = "used by feature `receiver`"))]
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.der == other.der
    }

    /// Whether the list is in force at the time `now`, with a tolerance of [`CLOCK_SKEW`](Self::CLOCK_SKEW) at its beginning.
    pub fn is_current(&self, now: UnixTime) -> bool {
        self.has_begun(now) && now < self.next_update
    }

    /// Whether the list shows at the time `now` that a certificate is not revoked: it is in force, or expired less than
    /// [`GRACE`](Self::GRACE) ago. A list that names a certificate shows for ever that it is revoked.
    pub(super) fn clears_at(&self, now: UnixTime) -> bool {
        self.has_begun(now) && now < after_grace(self.next_update)
    }

    /// A list from the near future is in force, because the clock of a CA can be ahead of ours.
    fn has_begun(&self, now: UnixTime) -> bool {
        let ahead = self.this_update.as_secs().saturating_sub(now.as_secs());
        self.this_update <= now || ahead < Self::CLOCK_SKEW.as_secs()
    }

    /// What the list can show about a certificate, or `None`. The issuer and the kind of certificate must be the same, and a
    /// partial list must be the one that the certificate names (RFC 5280, section 6.3.3 b).
    pub(super) fn coverage(&self, raw: &Cert<'_>, parsed: &Certificate<'_>) -> Option<Coverage> {
        if Some(raw.issuer()) != self.der.get(self.issuer.clone()) {
            return None;
        }
        let Some(part) = &self.part else {
            return Some(Coverage::Full);
        };
        let is_excluded = match parsed.is_ca() {
            true => part.only_end_entities,
            false => part.only_authorities,
        };
        if is_excluded {
            return None;
        }
        let Some(uris) = &part.uris else {
            return Some(Coverage::Full);
        };
        let named = parsed.revocation_list_urls();
        if named.is_empty() {
            // Any of the partial lists may name it.
            return Some(Coverage::Partial);
        }
        let is_named = uris.iter().any(|uri| named.contains(uri));
        is_named.then_some(Coverage::Full)
    }

    /// Whether the list names `certificate`. Serial numbers are compared byte by byte.
    pub(super) fn names(&self, certificate: &Cert<'_>) -> bool {
        let serial = certificate.serial();
        self.serials.binary_search_by(|place| place.of(&self.der).cmp(serial)).is_ok()
    }

    /// Whether the list was signed with `key`.
    pub(super) fn is_signed_with(
        &self,
        key: &SubjectPublicKeyInfoDer<'_>,
        backend: &dyn Backend,
    ) -> bool {
        let bytes = |range: &Range<usize>| self.der.get(range.clone()).unwrap_or_default();
        is_signature(key, bytes(&self.signed), bytes(&self.signature), backend)
    }
}

impl fmt::Debug for RevocationList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RevocationList")
            .field("issuer", &self.issuer_text)
            .field("next_update", &self.next_update)
            .field("entries", &self.serials.len())
            .field("part", &self.part)
            .finish_non_exhaustive()
    }
}

/// The end of the [grace period](RevocationList::GRACE) of a list that expires at `next_update`.
pub(super) fn after_grace(next_update: UnixTime) -> UnixTime {
    let seconds = next_update.as_secs().saturating_add(RevocationList::GRACE.as_secs());
    UnixTime::since_unix_epoch(Duration::from_secs(seconds))
}
