//! Accepted and refused revocation lists, compared with webpki and x509-parser.

use partner_center_webhooks::chain::{
    CertificateDer, Revocation, RevocationList, RevocationStatus,
};
use webpki::OwnedCertRevocationList;
use x509_cert::crl::{RevokedCert, TbsCertList};
use x509_cert::der::Encode as _;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::crl::dp::IssuingDistributionPoint;
use x509_cert::serial_number::SerialNumber;
use x509_parser::prelude::FromDer as _;
use x509_parser::revocation_list::CertificateRevocationList;

use crate::chain::revocation::{PART_1, World};
use crate::support::NOW;
use crate::support::pki::{at, extension, partition, set_partition};
use Revocation::BestEffort;
use RevocationStatus::{Good, Unknown};

/// An issuing distribution point without a name: the list is the only one of its kind.
fn nameless() -> IssuingDistributionPoint {
    IssuingDistributionPoint { distribution_point: None, ..partition(PART_1) }
}

fn add(list: &mut TbsCertList, extension: &Extension) {
    let extensions = list.crl_extensions.get_or_insert_default();
    extensions.push(extension.clone());
}

/// An entry for the serial number 1, with these extensions.
fn entry(extensions: &[Extension]) -> RevokedCert {
    RevokedCert {
        serial_number: SerialNumber::new(&[1]).unwrap(),
        revocation_date: at(NOW.as_secs() - 3_600),
        crl_entry_extensions: (!extensions.is_empty()).then(|| extensions.to_vec()),
    }
}

fn problem(read: Result<RevocationList, impl ToString>) -> String {
    let text = read.map(|_| "usable".to_owned());
    let text = text.unwrap_or_else(|error| error.to_string());
    let prefix = "it is not a usable revocation list: ";
    text.strip_prefix(prefix).unwrap_or(&text).to_owned()
}

#[test]
fn a_list_whose_distribution_point_has_no_name() {
    let world = World::new();
    let list = |revoked: &[&CertificateDer<'_>], point: &IssuingDistributionPoint| {
        world.ca.list_with(revoked, |list| set_partition(list, point))
    };
    let of_users = IssuingDistributionPoint { only_contains_user_certs: true, ..nameless() };
    let of_cas = IssuingDistributionPoint { only_contains_ca_certs: true, ..nameless() };
    for point in [&nameless(), &of_users] {
        assert_eq!(world.statuses(&[&list(&[], point)], BestEffort), Some(vec![Good, Unknown]));
        assert_eq!(world.statuses(&[&list(&[&world.leaf], point)], BestEffort), None);
        // The list of a stranger with the same name.
        let impostor = world.ca.rekeyed();
        let theirs = impostor.list_with(&[&world.leaf], |list| set_partition(list, point));
        assert_eq!(world.statuses(&[&theirs], BestEffort), Some(vec![Unknown, Unknown]));
    }
    for revoked in [vec![], vec![&world.leaf]] {
        assert_eq!(
            world.statuses(&[&list(&revoked, &of_cas)], BestEffort),
            Some(vec![Unknown, Unknown])
        );
    }
    // The reverse for a CA.
    let of_root = |revoked: &[&CertificateDer<'_>], point: &IssuingDistributionPoint| {
        world.root.list_with(revoked, |list| set_partition(list, point))
    };
    assert_eq!(world.statuses(&[&of_root(&[], &of_cas)], BestEffort), Some(vec![Unknown, Good]));
    assert_eq!(world.statuses(&[&of_root(&[&world.ca_der], &of_cas)], BestEffort), None);
    for revoked in [vec![], vec![&world.ca_der]] {
        assert_eq!(
            world.statuses(&[&of_root(&revoked, &of_users)], BestEffort),
            Some(vec![Unknown, Unknown])
        );
    }
}

#[test]
fn extensions_of_a_list() {
    let world = World::new();
    let read = |extensions: &[Extension]| {
        let alter = |list: &mut TbsCertList| extensions.iter().for_each(|each| add(list, each));
        problem(RevocationList::from_der(&world.ca.list_der(&[], alter)))
    };
    let point = |critical, point: &IssuingDistributionPoint| {
        extension("2.5.29.28", critical, point.to_der().unwrap())
    };
    let unknown = |critical| extension("1.3.6.1.4.1.99999.1", critical, vec![5, 0]);
    let raw_point = |contents: &[u8]| {
        let length = u8::try_from(contents.len()).unwrap();
        extension("2.5.29.28", true, [&[0x30, length], contents].concat())
    };
    let key_identifier = extension("2.5.29.35", false, vec![0x30, 0]);
    let twice = "an extension occurs twice";
    let malformed = "its issuing distribution point is malformed";
    for (extensions, expected) in [
        (vec![], "usable"),
        (vec![unknown(false)], "usable"),
        (vec![key_identifier.clone()], "usable"),
        (vec![point(true, &nameless())], "usable"),
        (vec![point(false, &partition(PART_1))], "usable"),
        (vec![raw_point(&[0x81, 1, 0])], "usable"),
        (vec![unknown(true)], "a critical extension is unknown"),
        (vec![unknown(false), unknown(false)], twice),
        (vec![key_identifier.clone(), key_identifier], twice),
        (vec![point(true, &nameless()); 2], twice),
        (vec![extension("2.5.29.20", false, vec![2, 1, 1])], twice),
        (
            vec![extension("2.5.29.27", false, vec![2, 1, 1])],
            "it is a delta, which lists only changes",
        ),
        (vec![raw_point(&[0x83, 2, 1, 6])], "it covers only some revocation reasons"),
        (vec![raw_point(&[0x84, 1, 0xff])], "it is indirect"),
        (vec![raw_point(&[0x85, 1, 0xff])], "it covers attribute certificates"),
        (vec![raw_point(&[0x81, 1, 1])], malformed),
        (vec![raw_point(&[0x81, 0])], malformed),
        (vec![raw_point(&[0x86, 1, 0xff])], malformed),
        (vec![raw_point(&[0x82, 1, 0xff, 0x81, 1, 0xff])], malformed),
        (vec![raw_point(&[0x81, 1, 0xff, 0x81, 1, 0xff])], malformed),
        (
            vec![raw_point(&[0xa0, 2, 0xa1, 0])],
            "its distribution point is named relative to its issuer",
        ),
        (
            vec![raw_point(&[0xa0, 4, 0xa0, 0, 5, 0])],
            "the name of its distribution point is malformed",
        ),
        (vec![extension("2.5.29.28", true, vec![0x30, 0, 5, 0])], malformed),
    ] {
        assert_eq!(read(&extensions), expected, "{extensions:?}");
    }
    let without = world.ca.list_der(&[], |list| list.crl_extensions = None);
    assert_eq!(
        problem(RevocationList::from_der(&without)),
        "its extensions are missing or malformed"
    );
}

#[test]
fn extensions_of_an_entry() {
    let world = World::new();
    let read = |extensions: &[Extension]| {
        let alter = |list: &mut TbsCertList| {
            list.revoked_certificates = Some(vec![entry(extensions)]);
        };
        problem(RevocationList::from_der(&world.ca.list_der(&[], alter)))
    };
    let reason = |code| extension("2.5.29.21", false, vec![0x0a, 1, code]);
    let unknown = |critical| extension("1.3.6.1.4.1.99999.1", critical, vec![5, 0]);
    let date = |text: &[u8]| {
        let value = [&[0x18, u8::try_from(text.len()).unwrap()], text].concat();
        extension("2.5.29.24", false, value)
    };
    let malformed = "an entry is malformed";
    for (extensions, expected) in [
        (vec![], "usable"),
        (vec![reason(1), date(b"20260101000000Z")], "usable"),
        (vec![unknown(false)], "usable"),
        (vec![unknown(true)], "a critical extension is unknown"),
        (vec![reason(1), reason(1)], "an extension occurs twice"),
        (vec![reason(7)], malformed),
        (vec![reason(11)], malformed),
        (vec![date(b"20260101000000")], malformed),
        (vec![date(b"20260230000000Z")], malformed),
        (vec![date(b"20260101000000.5Z")], malformed),
        (vec![extension("2.5.29.29", true, vec![0x30, 0])], "an entry belongs to another issuer"),
        (vec![extension("2.5.29.29", false, vec![0x30, 0])], "an entry belongs to another issuer"),
    ] {
        assert_eq!(read(&extensions), expected, "{extensions:?}");
    }
}

#[test]
fn the_frame_of_a_list() {
    let world = World::new();
    let good = world.ca.list_der(&[&world.leaf], |_| {});
    assert_eq!(problem(RevocationList::from_der(&good)), "usable");
    // SHA-384 outside, SHA-256 in the signed part.
    let sha256 = [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
    let outside = good.windows(8).rposition(|bytes| bytes == sha256);
    let mut other_algorithm = good.clone();
    other_algorithm[outside.unwrap() + 7] = 3;
    assert_eq!(
        problem(RevocationList::from_der(&other_algorithm)),
        "it names two different signature algorithms"
    );
    let no_issuer = world.ca.list_der(&[], |list| list.issuer = Default::default());
    assert_eq!(problem(RevocationList::from_der(&no_issuer)), "it has no issuer");
    let endless = world.ca.list_der(&[], |list| list.next_update = None);
    assert_eq!(
        problem(RevocationList::from_der(&endless)),
        "its nextUpdate is missing or malformed"
    );
    let more = [good.as_slice(), b"\0"].concat();
    assert_eq!(problem(RevocationList::from_der(&more)), "bytes follow the list");
    assert_eq!(problem(RevocationList::from_der(b"")), "it is not a DER sequence");
    // The inner sequence's version, 2, is written as 1.
    let version = good.windows(3).position(|bytes| bytes == [2, 1, 1]).unwrap();
    let mut first = good.clone();
    first[version + 2] = 0;
    assert_eq!(problem(RevocationList::from_der(&first)), "its version is not 2");
}

/// As long as a fetched list may be, with the certificate at any place.
#[test]
fn a_long_list_names_the_first_the_last_and_no_other() {
    let world = World::new();
    let serial = |number: u32| SerialNumber::new(&number.to_be_bytes()).unwrap();
    let entries = |numbers: std::ops::Range<u32>| {
        numbers.map(|number| RevokedCert {
            // Not in the order of the list.
            serial_number: serial(0x1000_0000 + number.reverse_bits() / 0x20),
            ..entry(&[])
        })
    };
    let count = 150_000;
    let list = |own: Option<u32>| {
        world.ca.list_with(&[&world.leaf], |list| {
            let own_entry = list.revoked_certificates.take().unwrap();
            let at = own.unwrap_or(0);
            let mut all: Vec<_> = entries(0..at).collect();
            all.extend(own_entry.into_iter().filter(|_| own.is_some()));
            all.extend(entries(at..count));
            list.revoked_certificates = Some(all);
        })
    };
    for own in [0, count / 2, count] {
        assert_eq!(world.statuses(&[&list(Some(own))], BestEffort), None, "{own}");
    }
    assert_eq!(world.statuses(&[&list(None)], BestEffort), Some(vec![Good, Unknown]));
}

/// A list that webpki or x509-parser refuses is refused here too, unless webpki refuses it because its distribution point has
/// no name.
#[test]
fn no_list_is_accepted_that_webpki_refuses() {
    let world = World::new();
    let reason = extension("2.5.29.21", false, vec![0x0a, 1, 1]);
    let seeds = [
        world.ca.list_der(&[&world.leaf], |_| {}),
        world.ca.list_der(&[], |list| {
            set_partition(list, &partition(PART_1));
            list.revoked_certificates = Some(vec![entry(std::slice::from_ref(&reason))]);
        }),
        world.ca.list_der(&[&world.leaf, &world.ca_der], |list| set_partition(list, &nameless())),
    ];
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random % u64::try_from(below).unwrap()).unwrap()
    };
    let (mut read, mut refused) = (0, 0);
    let rounds = 20_000;
    for round in 0..rounds {
        let mut der = seeds[round % seeds.len()].clone();
        for _ in 0..=next(2) {
            let at = next(der.len());
            match next(4) {
                0 => der[at] ^= 1 << next(8),
                1 => der[at] = u8::try_from(next(256)).unwrap(),
                2 => drop(der.remove(at)),
                _ => der.insert(at, u8::try_from(next(256)).unwrap()),
            }
        }
        let Ok(list) = RevocationList::from_der(&der) else {
            refused += 1;
            continue;
        };
        read += 1;
        let (rest, parsed) = CertificateRevocationList::from_der(&der).unwrap();
        assert!(rest.is_empty());
        let seconds = |time: x509_parser::time::ASN1Time| u64::try_from(time.timestamp()).unwrap();
        assert_eq!(list.this_update().as_secs(), seconds(parsed.last_update()));
        let next_update = parsed.next_update().unwrap();
        assert_eq!(list.next_update().as_secs(), seconds(next_update));
        match OwnedCertRevocationList::from_der(&der) {
            Ok(_) | Err(webpki::Error::UnsupportedCrlIssuingDistributionPoint) => {}
            Err(error) => panic!("{error:?}: {der:02x?}"),
        }
    }
    // Bytes of names, dates, serial numbers and signatures may differ.
    assert!(read > rounds / 10 && refused > rounds / 10, "{read}, {refused}");
}
