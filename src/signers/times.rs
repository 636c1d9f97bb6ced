//! Durations and limits. See [`Signers`](super::Signers) for their meaning.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::spawn::single_flight::Times;

/// The URLs whose signers are kept. Microsoft has published two in eight years.
pub(super) const MAX_URLS: usize = 16;
/// The former signers of one URL. Two rotations within seven days have not been seen.
pub(super) const MAX_FORMERS: usize = 2;
/// The most URLs that are remembered because they verified once, apart from their signers.
pub(super) const MAX_VERIFIED_URLS: usize = 256;

/// One a second: enough for any partner, and a negligible load for the certificate host.
pub(super) const NEW_DOWNLOADS_PER_MINUTE: NonZeroU32 = NonZeroU32::MIN.saturating_add(59);

/// How recently a certificate must have been fetched for a mismatch to be final.
pub(super) const FRESH: Duration = Duration::from_secs(5);
/// How long a replaced signer is accepted: longer than the 48 hours by which Microsoft says that events can be late.
pub(super) const FORMER_AGE: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How old a certificate gets before it is fetched again, although nothing indicates a replacement.
pub(super) const REFRESH_AGE: Duration = Duration::from_secs(24 * 60 * 60);
/// How long before its expiry a certificate is fetched again, and a warning is logged. Microsoft replaces its certificates
/// weeks before.
pub(super) const REFRESH_BEFORE_END: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// A list is used for this long before the next one is fetched, and signers are checked as often: so evidence is never older
/// than twice that, a day.
pub(super) const LIST_AGE: Duration = Duration::from_secs(12 * 60 * 60);
/// The least time between two routine fetches of a URL.
pub(super) const REFRESH_RETRY: Duration = Duration::from_secs(10 * 60);
/// How long after a check without lists the next one follows.
pub(super) const REVOCATION_RETRY: Duration = Duration::from_secs(60 * 60);

/// For the signing certificate itself.
pub(super) const CERTIFICATE: Duration = Duration::from_secs(5);
/// For the certificates of all its issuers.
pub(super) const ISSUERS: Duration = Duration::from_secs(5);
/// For all revocation lists, while a callback waits.
pub(super) const LISTS: Duration = Duration::from_secs(3);
/// For all revocation lists in the background: as long as any one of them may take.
pub(super) const LISTS_OF_CHECK: Duration = Duration::from_secs(11);
/// How long a callback without a signer waits.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// After a failure. Each further one in a row adds as much.
const COOL_DOWN: Duration = Duration::from_secs(5);
/// Short, because each callback that arrives meanwhile uses up one of its ten deliveries.
const LONGEST_COOL_DOWN: Duration = Duration::from_secs(15);

/// For the fetch of a signing certificate, including all that its path needs.
pub(super) const fn fetch(patience: Duration) -> Times {
    Times {
        // Certificate, then twice issuers and lists, and 2 s for the work between them.
        limit: Duration::from_secs(5 + 2 * (5 + 3) + 2),
        patience,
        cool_down: COOL_DOWN,
        longest_cool_down: LONGEST_COOL_DOWN,
        kept: Duration::ZERO,
    }
}

/// For the check of a URL's signers against revocation lists.
pub(super) const CHECK: Times = Times {
    // Lists, twins of revoked issuers, their lists, and 3 s for the work between them.
    limit: Duration::from_secs(11 + 5 + 11 + 3),
    patience: Duration::from_secs(30),
    cool_down: COOL_DOWN,
    longest_cool_down: LONGEST_COOL_DOWN,
    kept: Duration::ZERO,
};

/// For one issuer's certificate, or one list. A list that arrives after a callback stopped waiting is kept.
pub(super) const EVIDENCE: Times = Times {
    limit: Duration::from_secs(10),
    patience: Duration::from_secs(10),
    cool_down: COOL_DOWN,
    longest_cool_down: LONGEST_COOL_DOWN,
    // However many signers need it. An attempt counts from the start of the fetch that it is part of, seconds earlier.
    kept: Duration::from_secs(20),
};
