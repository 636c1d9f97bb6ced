//! The truth about the world: certificates, what the host serves and served, and since when everything is healthy.

use partner_center_webhooks::chain::{CertificateDer, Revocation};

/// One moment, by both clocks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Moment {
    /// True time since the year began, in milliseconds.
    pub(crate) ms: u64,
    /// The reading of the receiver's clock, in Unix seconds.
    pub(crate) clock: u64,
}

pub(crate) type CertId = usize;

#[derive(Clone, Debug)]
pub(crate) struct Certificate {
    pub(crate) der: CertificateDer<'static>,
    pub(crate) key: usize,
    pub(crate) part: u32,
    /// In unix seconds, both included.
    pub(crate) not_before: u64,
    pub(crate) not_after: u64,
    /// In true milliseconds.
    pub(crate) revoked_at: Option<u64>,
}

impl Certificate {
    pub(crate) fn is_valid_at(&self, clock: u64) -> bool {
        self.not_before <= clock && clock < self.not_after
    }
}

/// Since when the host serves a certificate; `None` means that no fetch gets a trusted certificate.
#[derive(Clone, Copy, Debug)]
struct Served {
    certificate: Option<CertId>,
    from: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Truth {
    pub(crate) mode: Revocation,
    /// Whether the issuer is configured, so that no authority is needed for a path.
    pub(crate) knows_intermediates: bool,
    pub(crate) certificates: Vec<Certificate>,
    /// The certificate whose key signs callbacks.
    pub(crate) current: CertId,
    served: Vec<Served>,
    host_well_since: Option<u64>,
    authorities_well_since: Option<u64>,
    clock_stepped_at: u64,
}

/// How long a replaced signer is accepted, except a quarter of an hour: the receiver's clock may be stepped meanwhile.
pub(crate) const KEPT_MS: u64 = 7 * 86_400_000 - 900_000;
/// How many former keys are kept.
const FORMERS: usize = 2;
/// A certificate that is served for this time is found: five seconds, and one because the receiver's clock has no parts of
/// them.
const FOUND_MS: u64 = 6_000;
/// After this time a recovered host works again.
pub(crate) const RECOVERY_MS: u64 = 20_000;

impl Truth {
    pub(crate) fn new(mode: Revocation, knows_intermediates: bool, first: Certificate) -> Self {
        Self {
            mode,
            knows_intermediates,
            certificates: vec![first],
            current: 0,
            served: vec![Served { certificate: Some(0), from: 0 }],
            host_well_since: Some(0),
            authorities_well_since: Some(0),
            clock_stepped_at: 0,
        }
    }

    pub(crate) fn add(&mut self, certificate: Certificate) -> CertId {
        self.certificates.push(certificate);
        self.certificates.len() - 1
    }

    /// From now on a fetch gets this.
    pub(crate) fn serve(&mut self, certificate: Option<CertId>, at: u64) {
        if self.serving() == certificate {
            return;
        }
        self.served.push(Served { certificate, from: at });
        // Entries that ended before anything that is still kept do not matter any more.
        let over = self.times().take_while(|(.., end)| end.saturating_add(2 * KEPT_MS) < at);
        let over = over.count();
        self.served.drain(..over);
    }

    pub(crate) fn revoke(&mut self, key: usize, at: u64) {
        for certificate in &mut self.certificates {
            if certificate.key == key {
                certificate.revoked_at.get_or_insert(at);
            }
        }
    }

    pub(crate) fn host_is(&mut self, well: bool, at: u64) {
        self.host_well_since = well.then(|| self.host_well_since.unwrap_or(at));
    }

    pub(crate) fn authorities_are(&mut self, well: bool, at: u64) {
        self.authorities_well_since = well.then(|| self.authorities_well_since.unwrap_or(at));
    }

    pub(crate) fn clock_stepped(&mut self, at: u64) {
        self.clock_stepped_at = at;
    }

    pub(crate) fn authorities_well_since(&self) -> Option<u64> {
        self.authorities_well_since
    }

    /// The certificate that a fetch gets.
    pub(crate) fn serving(&self) -> Option<CertId> {
        self.served.last().and_then(|last| last.certificate)
    }

    pub(crate) fn is_revoked(&self, key: usize) -> bool {
        let mut of_key = self.certificates.iter().filter(|each| each.key == key);
        of_key.any(|each| each.revoked_at.is_some())
    }

    pub(crate) fn find(&self, der: &CertificateDer<'_>) -> Option<CertId> {
        self.certificates.iter().position(|each| each.der == *der)
    }

    pub(crate) fn key_of(&self, certificate: CertId) -> usize {
        self.certificates[certificate].key
    }

    /// The certificates that were served, with the end of each time.
    fn times(&self) -> impl DoubleEndedIterator<Item = (Option<CertId>, u64, u64)> {
        self.served.iter().enumerate().map(|(index, served)| {
            let end = self.served.get(index + 1).map_or(u64::MAX, |next| next.from);
            (served.certificate, served.from, end)
        })
    }

    /// The keys that were served and ended no longer ago than they are kept.
    pub(crate) fn recent_keys(&self, at: u64) -> Vec<usize> {
        let recent = self.times().filter(|(_, _, end)| end.saturating_add(KEPT_MS) > at);
        let mut keys: Vec<_> =
            recent.filter_map(|(certificate, ..)| Some(self.key_of(certificate?))).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// Whether a fetch could have got a certificate of another key since [`FOUND_MS`] before a callback arrived.
    pub(crate) fn may_have_shown_another(&self, key: usize, came: u64, responded: u64) -> bool {
        self.times().any(|(certificate, from, end)| {
            let other = certificate.is_some_and(|certificate| self.key_of(certificate) != key);
            other && from <= responded && end.saturating_add(FOUND_MS) >= came
        })
    }

    /// Whether a receiver that verified `certificate` must still have one of its key in force.
    pub(crate) fn is_good(&self, certificate: CertId, verified_at: u64, now: Moment) -> bool {
        let key = self.key_of(certificate);
        let of_key = |each: &CertId| self.key_of(*each) == key;
        let Some(last) = self
            .times()
            .rfind(|(certificate, ..)| certificate.as_ref().is_some_and(of_key))
            .map(|(.., end)| end)
        else {
            return false;
        };
        // Reissued under the same key since: any of them may be kept.
        let in_force = self
            .times()
            .filter(|(.., end)| *end >= verified_at)
            .filter_map(|(certificate, ..)| certificate.filter(of_key))
            .chain([certificate])
            .all(|each| self.certificates[each].is_valid_at(now.clock));
        let mut others: Vec<_> = self
            .times()
            .filter(|(_, from, _)| *from >= last)
            .filter_map(|(certificate, ..)| certificate.map(|each| self.key_of(each)))
            .collect();
        others.sort_unstable();
        others.dedup();
        in_force
            && !self.is_revoked(key)
            && last.saturating_add(KEPT_MS) > now.ms
            && others.len() <= FORMERS
    }

    /// Whether everything was healthy for so long, when a callback arrived, that it must be accepted.
    pub(crate) fn is_well(&self, key: usize, came: Moment) -> bool {
        let long = |since: Option<u64>| since.is_some_and(|at| at + RECOVERY_MS <= came.ms);
        let Some(served) = self.served.last() else {
            return false;
        };
        let Some(certificate) = served.certificate.map(|id| &self.certificates[id]) else {
            return false;
        };
        let needs_authorities = self.mode == Revocation::Required || !self.knows_intermediates;
        let seconds = RECOVERY_MS / 1_000;
        certificate.key == key
            && !self.is_revoked(key)
            && long(Some(served.from))
            && long(self.host_well_since)
            && long(Some(self.clock_stepped_at))
            && (!needs_authorities || long(self.authorities_well_since))
            && certificate.not_before + seconds <= came.clock
            && came.clock + seconds < certificate.not_after
    }
}
