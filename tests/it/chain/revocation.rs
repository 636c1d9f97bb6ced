//! Revocation lists, and the certificates that each list counts for.

use partner_center_webhooks::chain::{
    Anchors, CertificateDer, ChainError, ChainVerifier, Evidence, PathError, Revocation,
    RevocationList, RevocationStatus,
};
use partner_center_webhooks::crypto::AwsLcRs;
use x509_cert::crl::TbsCertList;
use x509_cert::der::asn1::Ia5String;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::KeyUsages;
use x509_cert::ext::pkix::crl::dp::{DistributionPoint, IssuingDistributionPoint, Reasons};
use x509_cert::ext::pkix::name::GeneralName;

use crate::support::pki::{
    CRL_DISTRIBUTION_POINTS, Ca, at, evidence, extension, full_name, partition,
    set_distribution_point, set_key_usage, set_list_url, set_partition, unset, validity, verify,
};
use crate::support::{NOW, later};
use Revocation::{BestEffort, DangerOff, Required};
use RevocationStatus::{Good, NotChecked, Unknown};

pub(crate) const PART_1: &str = "http://crl.example/part1.crl";
const PART_2: &str = "http://crl.example/part2.crl";
const DAY: u64 = 86_400;

/// A root, a CA under it, and a signing certificate under that.
pub(crate) struct World {
    pub(crate) root: Ca,
    pub(crate) ca: Ca,
    pub(crate) root_der: CertificateDer<'static>,
    pub(crate) ca_der: CertificateDer<'static>,
    pub(crate) leaf: CertificateDer<'static>,
}

impl World {
    pub(crate) fn new() -> Self {
        let root = Ca::new("Root");
        let ca = Ca::new("CA");
        Self {
            root_der: root.certify(&root),
            ca_der: root.certify(&ca),
            leaf: ca.issue_with(|leaf| set_list_url(leaf, PART_1)),
            root,
            ca,
        }
    }

    /// The status of the signing certificate and its issuer; `None` if the certificate is revoked.
    #[track_caller]
    pub(crate) fn statuses(
        &self,
        lists: &[&RevocationList],
        mode: Revocation,
    ) -> Option<Vec<RevocationStatus>> {
        self.statuses_with(&evidence([&self.ca_der], lists), mode)
    }

    #[track_caller]
    fn statuses_with(
        &self,
        evidence: &Evidence,
        mode: Revocation,
    ) -> Option<Vec<RevocationStatus>> {
        Self::verdict(&self.root_der, &self.leaf, evidence, mode)
    }

    fn verifier(&self) -> ChainVerifier {
        let anchors = Anchors::from_certificates(std::slice::from_ref(&self.root_der)).unwrap();
        ChainVerifier::new(AwsLcRs::new(), anchors)
    }

    #[track_caller]
    fn verdict(
        root: &CertificateDer<'_>,
        leaf: &CertificateDer<'_>,
        evidence: &Evidence,
        mode: Revocation,
    ) -> Option<Vec<RevocationStatus>> {
        match verify(root, leaf, evidence, mode) {
            Ok(signer) => Some(signer.revocation().iter().map(|(_, status)| *status).collect()),
            Err(
                ChainError::Revoked { .. } | ChainError::Path { error: PathError::Revoked, .. },
            ) => None,
            Err(other) => panic!("{other}"),
        }
    }

    #[track_caller]
    fn is_unknown_when_required(&self, lists: &[&RevocationList]) {
        let evidence = evidence([&self.ca_der], lists);
        let error = verify(&self.root_der, &self.leaf, &evidence, Required).unwrap_err();
        assert!(matches!(error, ChainError::RevocationUnknown { .. }), "{error}");
        assert!(error.is_transient());
    }
}

#[test]
fn a_list_without_entries() {
    let world = World::new();
    let (of_ca, of_root) = (world.ca.list(&[]), world.root.list(&[]));
    assert_eq!(world.statuses(&[], BestEffort), Some(vec![Unknown, Unknown]));
    assert_eq!(world.statuses(&[&of_ca], BestEffort), Some(vec![Good, Unknown]));
    assert_eq!(world.statuses(&[&of_root], BestEffort), Some(vec![Unknown, Good]));
    for mode in [BestEffort, Required] {
        assert_eq!(world.statuses(&[&of_ca, &of_root], mode), Some(vec![Good, Good]));
        assert_eq!(world.statuses(&[&of_root, &of_ca], mode), Some(vec![Good, Good]));
    }
    assert_eq!(world.statuses(&[&of_ca, &of_root], DangerOff), Some(vec![NotChecked, NotChecked]));
    world.is_unknown_when_required(&[]);
    world.is_unknown_when_required(&[&of_ca]);
    world.is_unknown_when_required(&[&of_root]);

    let other = world.ca.issue();
    let names_another = world.ca.list(&[&other]);
    assert_eq!(world.statuses(&[&names_another], BestEffort), Some(vec![Good, Unknown]));
}

#[test]
fn a_revoked_certificate() {
    let world = World::new();
    let of_ca = world.ca.list(&[&world.leaf]);
    let of_root = world.root.list(&[]);
    for mode in [BestEffort, Required] {
        assert_eq!(world.statuses(&[&of_ca], mode), None);
        assert_eq!(world.statuses(&[&of_ca, &of_root], mode), None);
    }
    assert_eq!(world.statuses(&[&of_ca], DangerOff), Some(vec![NotChecked, NotChecked]));
}

#[test]
fn a_revoked_intermediate() {
    let world = World::new();
    let of_root = world.root.list(&[&world.ca_der]);
    for mode in [BestEffort, Required] {
        assert_eq!(world.statuses(&[&of_root], mode), None);
        assert_eq!(world.statuses(&[&of_root, &world.ca.list(&[])], mode), None);
    }
    assert_eq!(world.statuses(&[&of_root], DangerOff), Some(vec![NotChecked, NotChecked]));
    // The revoked intermediate cannot clear itself.
    let of_ca = world.ca.list(&[]);
    assert_eq!(world.statuses(&[&of_ca, &of_root], BestEffort), None);
}

#[test]
fn a_revoked_intermediate_and_its_reissued_twin() {
    let world = World::new();
    let twin = world.root.certify(&world.ca);
    let lists = [&world.root.list(&[&world.ca_der]), &world.ca.list(&[])];
    for issuers in [[&world.ca_der, &twin], [&twin, &world.ca_der]] {
        for mode in [BestEffort, Required] {
            let signer =
                verify(&world.root_der, &world.leaf, &evidence(issuers, &lists), mode).unwrap();
            assert_eq!(signer.issuers(), std::slice::from_ref(&twin));
        }
    }
    let both = world.root.list(&[&world.ca_der, &twin]);
    let evidence = evidence([&world.ca_der, &twin], &[&both]);
    assert_eq!(world.statuses_with(&evidence, BestEffort), None);
}

/// Beginnings and ends of lists that clear no certificate: too old to the second, or too far ahead.
fn ages_that_do_not_clear() -> [(u64, u64); 3] {
    let now = NOW.as_secs();
    [(now - 3 * DAY, now - DAY), (now - 9 * DAY, now - 2 * DAY), (now + 300, now + DAY)]
}

/// Beginnings and ends of lists that do: in force, expired less than a day ago, or in force within five minutes.
fn ages_that_clear() -> [(u64, u64); 5] {
    let now = NOW.as_secs();
    [
        (now, now + 1),
        (now - 1, now + 1),
        (now - 3_600, now),
        (now - 3 * DAY, now - DAY + 1),
        (now + 299, now + DAY),
    ]
}

#[test]
fn a_list_clears_until_a_day_after_its_expiry() {
    let world = World::new();
    let aged = |(this_update, next_update)| {
        world.ca.list_with(&[], |list| {
            list.this_update = at(this_update);
            list.next_update = Some(at(next_update));
        })
    };
    let of_root = world.root.list(&[]);
    for age in ages_that_do_not_clear() {
        let list = aged(age);
        assert_eq!(world.statuses(&[&list], BestEffort), Some(vec![Unknown, Unknown]), "{age:?}");
        world.is_unknown_when_required(&[&list, &of_root]);
    }
    for age in ages_that_clear() {
        let list = aged(age);
        for mode in [BestEffort, Required] {
            let verdict = world.statuses(&[&list, &of_root], mode);
            assert_eq!(verdict, Some(vec![Good, Good]), "{age:?}");
        }
    }
}

#[test]
fn a_list_of_any_age_revokes() {
    let world = World::new();
    let impostor = world.ca.rekeyed();
    for (this_update, next_update) in ages_that_clear().into_iter().chain(ages_that_do_not_clear())
    {
        let by = |ca: &Ca| {
            ca.list_with(&[&world.leaf], |list| {
                list.this_update = at(this_update);
                list.next_update = Some(at(next_update));
            })
        };
        // A newer list that does not name the certificate does not clear it.
        let newer = world.ca.list(&[]);
        for mode in [BestEffort, Required] {
            assert_eq!(world.statuses(&[&by(&world.ca)], mode), None);
            assert_eq!(world.statuses(&[&newer, &by(&world.ca)], mode), None);
        }
        assert_eq!(world.statuses(&[&by(&impostor)], BestEffort), Some(vec![Unknown, Unknown]));
        assert_eq!(
            world.statuses(&[&by(&world.ca)], DangerOff),
            Some(vec![NotChecked, NotChecked])
        );
    }
}

#[test]
fn an_older_list_in_force_hides_nothing() {
    let world = World::new();
    let older = world.ca.list_with(&[], |list| list.this_update = at(NOW.as_secs() - 7_200));
    let newer = world.ca.list(&[&world.leaf]);
    assert_eq!(world.statuses(&[&older, &newer], BestEffort), None);
    assert_eq!(world.statuses(&[&newer, &older], BestEffort), None);
}

#[test]
fn a_list_of_another_key() {
    let world = World::new();
    // The list of a stranger with the same name: alone, and with a certificate that the root did or did not issue.
    let impostor = world.ca.rekeyed();
    let list = impostor.list(&[&world.leaf]);
    let own = world.ca.list(&[]);
    let rekeyed = world.root.certify(&impostor);
    let self_made = impostor.certify(&impostor);
    let ended = world.root.certify_with(&world.ca, |ca| {
        ca.validity = validity(NOW.as_secs() - 200, NOW.as_secs() - 100);
    });
    for issuers in
        [vec![], vec![&rekeyed], vec![&self_made], vec![&rekeyed, &ended], vec![&self_made, &ended]]
    {
        for last in [false, true] {
            let mut evidence = evidence([], &[&list]);
            evidence.issuers = issuers.iter().copied().cloned().collect();
            evidence.issuers.insert(if last { issuers.len() } else { 0 }, world.ca_der.clone());
            assert_eq!(world.statuses_with(&evidence, BestEffort), Some(vec![Unknown, Unknown]));
            evidence.revocation_lists.push(own.clone());
            assert_eq!(world.statuses_with(&evidence, BestEffort), Some(vec![Good, Unknown]));
            evidence.revocation_lists.reverse();
            assert_eq!(world.statuses_with(&evidence, BestEffort), Some(vec![Good, Unknown]));
        }
    }
    world.is_unknown_when_required(&[&list]);

    // It cannot clear a certificate either.
    let clears = impostor.list(&[]);
    let own = world.ca.list(&[&world.leaf]);
    for lists in [[&clears, &own], [&own, &clears]] {
        for issuers in [[&world.ca_der, &rekeyed], [&rekeyed, &world.ca_der]] {
            assert_eq!(world.statuses_with(&evidence(issuers, &lists), BestEffort), None);
        }
    }
    let only_theirs = evidence(
        [&world.ca_der, &rekeyed, &world.root.certify(&world.root)],
        &[&clears, &world.root.list(&[])],
    );
    let error = verify(&world.root_der, &world.leaf, &only_theirs, Required).unwrap_err();
    assert!(matches!(error, ChainError::RevocationUnknown { .. }), "{error}");
}

#[test]
fn a_list_of_another_issuer() {
    let world = World::new();
    let other = Ca::new("Other");
    let other_der = world.root.certify(&other);
    let list = other.list(&[&world.leaf]);
    let evidence = evidence([&world.ca_der, &other_der], &[&list]);
    assert_eq!(world.statuses_with(&evidence, BestEffort), Some(vec![Unknown, Unknown]));
    // The list of the root does not count for its CA's certificates, even with the same serial number.
    let of_root = world.root.list(&[&world.leaf]);
    assert_eq!(world.statuses(&[&of_root], BestEffort), Some(vec![Unknown, Good]));
}

#[test]
fn a_list_of_an_issuer_that_may_not_sign_lists() {
    let mut world = World::new();
    world.ca_der =
        world.root.certify_with(&world.ca, |ca| set_key_usage(ca, KeyUsages::KeyCertSign.into()));
    let list = world.ca.list(&[&world.leaf]);
    assert_eq!(world.statuses(&[&list], BestEffort), Some(vec![Unknown, Unknown]));
    world.is_unknown_when_required(&[&list]);
    // It does not disable the list of the root.
    let of_root = world.root.list(&[]);
    assert_eq!(world.statuses(&[&list, &of_root], BestEffort), Some(vec![Unknown, Good]));
    let of_root = world.root.list(&[&world.ca_der]);
    assert_eq!(world.statuses(&[&list, &of_root], BestEffort), None);
}

#[test]
fn a_list_of_the_right_key_under_another_name() {
    let world = World::new();
    // The tag of the signature's algorithm is wrong, so the signature covers other bytes and is invalid.
    let list = world.ca.list_with(&[&world.leaf], |list| list.issuer.0.truncate(2));
    assert_eq!(world.statuses(&[&list], BestEffort), Some(vec![Unknown, Unknown]));
}

#[test]
fn a_part_of_a_list() {
    let world = World::new();
    let part = |revoked: &[&CertificateDer<'_>], point: &IssuingDistributionPoint| {
        world.ca.list_with(revoked, |list| set_partition(list, point))
    };
    let named = part(&[], &partition(PART_1));
    assert_eq!(world.statuses(&[&named], BestEffort), Some(vec![Good, Unknown]));
    let named = part(&[&world.leaf], &partition(PART_1));
    assert_eq!(world.statuses(&[&named], BestEffort), None);

    for revoked in [vec![], vec![&world.leaf]] {
        let not_named = part(&revoked, &partition(PART_2));
        assert_eq!(world.statuses(&[&not_named], BestEffort), Some(vec![Unknown, Unknown]));
        world.is_unknown_when_required(&[&not_named]);
    }
    let hides = part(&[], &partition(PART_2));
    assert_eq!(world.statuses(&[&hides, &named], BestEffort), None);

    // Part 1 is for CAs, so it does not count for a signing certificate.
    for revoked in [vec![], vec![&world.leaf]] {
        let of_cas = part(
            &revoked,
            &IssuingDistributionPoint { only_contains_ca_certs: true, ..partition(PART_1) },
        );
        assert_eq!(world.statuses(&[&of_cas], BestEffort), Some(vec![Unknown, Unknown]));
        world.is_unknown_when_required(&[&of_cas]);
    }
    let of_users = IssuingDistributionPoint { only_contains_user_certs: true, ..partition(PART_1) };
    assert_eq!(world.statuses(&[&part(&[], &of_users)], BestEffort), Some(vec![Good, Unknown]));
    assert_eq!(world.statuses(&[&part(&[&world.leaf], &of_users)], BestEffort), None);

    // Any part may name a certificate that names no list: one part can revoke it, and no part clears it.
    let leaf = world.ca.issue_with(|leaf| unset(leaf, CRL_DISTRIBUTION_POINTS));
    let bad = part(&[&leaf], &partition(PART_1));
    let good = part(&[], &partition(PART_1));
    let world = World { leaf, ..world };
    assert_eq!(world.statuses(&[&good], BestEffort), Some(vec![Unknown, Unknown]));
    assert_eq!(world.statuses(&[&bad], BestEffort), None);
}

#[test]
fn a_distribution_point_for_some_reasons_or_of_another_issuer() {
    let world = World::new();
    let whole = DistributionPoint {
        distribution_point: Some(full_name(PART_1)),
        reasons: None,
        crl_issuer: None,
    };
    let issuer = Ia5String::new("http://other.example").unwrap();
    for (point, cleared) in [
        (whole.clone(), Good),
        (
            DistributionPoint { reasons: Some(Reasons::KeyCompromise.into()), ..whole.clone() },
            Unknown,
        ),
        (
            DistributionPoint {
                crl_issuer: Some(vec![GeneralName::UniformResourceIdentifier(issuer)]),
                ..whole.clone()
            },
            Unknown,
        ),
    ] {
        let leaf = world.ca.issue_with(|leaf| set_distribution_point(leaf, point));
        let part = |revoked: &[&CertificateDer<'_>]| {
            world.ca.list_with(revoked, |list| set_partition(list, &partition(PART_1)))
        };
        let (clears, revokes) = (part(&[]), part(&[&leaf]));
        let statuses = |list| {
            let evidence = evidence([&world.ca_der], &[list]);
            World::verdict(&world.root_der, &leaf, &evidence, BestEffort)
        };
        assert_eq!(statuses(&clears), Some(vec![cleared, Unknown]));
        assert_eq!(statuses(&revokes), None);
    }
}

#[test]
fn unusable_lists() {
    let world = World::new();
    let point = partition(PART_1);
    let read = |alter: &dyn Fn(&mut TbsCertList)| {
        RevocationList::from_der(&world.ca.list_der(&[], alter)).map(|_| ())
    };
    read(&|_| {}).unwrap();
    assert!(read(&|list| list.next_update = None).is_err(), "no end");
    let delta = extension("2.5.29.27", true, vec![2, 1, 1]);
    let add = |list: &mut TbsCertList, extension: &Extension| {
        let extensions = list.crl_extensions.get_or_insert_default();
        extensions.push(extension.clone());
    };
    assert!(read(&|list| add(list, &delta)).is_err(), "a delta");
    let unknown = extension("1.3.6.1.4.1.99999.1", true, vec![5, 0]);
    assert!(read(&|list| add(list, &unknown)).is_err(), "unknown");
    for point in [
        IssuingDistributionPoint { indirect_crl: true, ..point.clone() },
        IssuingDistributionPoint {
            only_some_reasons: Some(Reasons::KeyCompromise.into()),
            ..point.clone()
        },
        IssuingDistributionPoint { only_contains_attribute_certs: true, ..point.clone() },
    ] {
        assert!(read(&|list| set_partition(list, &point)).is_err());
    }
    let whole = world.ca.list_der(&[&world.leaf], |_| {});
    assert!(RevocationList::from_der(&[whole.as_slice(), b"x"].concat()).is_err());
    for end in 0..whole.len() {
        assert!(RevocationList::from_der(&whole[..end]).is_err(), "{end}");
    }
    // With any flipped bit: the list never clears.
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        let Ok(list) = RevocationList::from_der(&flipped) else {
            continue;
        };
        let evidence = evidence([&world.ca_der], &[&list]);
        let verifier = world.verifier();
        let verdict = verifier.verify_with(&world.leaf, &evidence, NOW);
        let verdict = verdict.map(|signer| signer.revocation()[0].1);
        assert!(!matches!(verdict, Ok(Good)), "byte {at}: {verdict:?}");
    }
}

#[test]
fn a_proof_expires_with_a_required_list() {
    let world = World::new();
    let lists = [&world.ca.list(&[]), &world.root.list(&[])];
    let evidence = evidence([&world.ca_der], &lists);
    let end = |mode| verify(&world.root_der, &world.leaf, &evidence, mode).unwrap().valid_until();
    assert_eq!(end(Required), later(86_400));
    assert_eq!(end(BestEffort), later(86_400));
    // A day after the list expires.
    let soon = world.ca.list_with(&[], |list| {
        list.next_update = Some(at(NOW.as_secs() + 60 - DAY));
        list.this_update = at(NOW.as_secs() - 7 * DAY);
    });
    let evidence = crate::support::pki::evidence([&world.ca_der], &[&soon, lists[1]]);
    let end = |mode| verify(&world.root_der, &world.leaf, &evidence, mode).unwrap().valid_until();
    assert_eq!(end(Required), later(60));
    assert_eq!(end(BestEffort), later(86_400));
}

#[test]
fn the_last_of_several_lists_counts() {
    let world = World::new();
    let with = |seconds: u64| {
        world.ca.list_with(&[], |list| {
            list.next_update = Some(at(NOW.as_secs() + seconds));
        })
    };
    let (sooner, latest) = (with(60), with(120));
    for lists in [[&sooner, &latest], [&latest, &sooner]] {
        let evidence = evidence([&world.ca_der], &lists);
        let signer = world.verifier().verify_with(&world.leaf, &evidence, NOW).unwrap();
        let lists =
            signer.expiries().into_iter().filter(|(what, _)| what.to_string().contains("list"));
        assert_eq!(lists.map(|(_, expires)| expires).collect::<Vec<_>>(), [later(120)]);
    }
}

#[test]
fn find_path_gives_the_same_verdicts() {
    let world = World::new();
    let verifier = world.verifier();
    let list = world.ca.list(&[&world.leaf]);
    let evidence = evidence([&world.ca_der], &[&list]);
    assert_eq!(verifier.find_path(&world.leaf, &evidence, NOW).unwrap_err(), PathError::Revoked);
    let off = verifier.with_revocation(DangerOff);
    assert_eq!(off.find_path(&world.leaf, &evidence, NOW).unwrap().certificates().count(), 2);
}
