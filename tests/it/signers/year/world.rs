//! A receiver in its world: built, restarted, called.

use std::sync::{Arc, Mutex};

use partner_center_webhooks::Receiver;
use partner_center_webhooks::chain::{Revocation, certificates_from_pem};
use partner_center_webhooks::receiver::ReceiverBuilder;
use partner_center_webhooks::source::{Authorities, DistributionLocation};

use super::fakes::Fakes;
use super::ground::{Clock, Ground, Shared};
use super::pki::{BASE, DAY, POOL, chain};
use super::random::Random;
use super::truth::{Certificate, Truth};
use crate::support::{DISPATCH_URL, NOW};

/// A name that is not documented: it has to be configured.
const CONFIGURED_URL: &str =
    "https://3psostorageacct.blob.core.windows.net/cert/pcnotifications-2027.cer";

/// The state that a receiver hands to the next one.
pub(crate) struct Exported {
    issuers_pem: String,
    signers_pem: String,
}

pub(crate) fn export(receiver: &Receiver) -> Exported {
    Exported {
        issuers_pem: receiver.learned_issuers_pem(),
        signers_pem: receiver.kept_signers_pem(),
    }
}

fn import(builder: ReceiverBuilder, exported: &Exported) -> ReceiverBuilder {
    let issuers = match exported.issuers_pem.is_empty() {
        true => Vec::new(),
        false => certificates_from_pem(exported.issuers_pem.as_bytes()).unwrap(),
    };
    let builder = builder.kept_signers_pem(&exported.signers_pem);
    builder.chain(|chain| {
        let known = chain.intermediates().to_vec();
        chain.with_intermediates(known.into_iter().chain(issuers))
    })
}

#[derive(Clone)]
pub(crate) struct World {
    pub(crate) ground: Shared,
    pub(crate) mode: Revocation,
    knows_intermediates: bool,
    receiver: Arc<Mutex<Receiver>>,
}

impl World {
    /// The kind of year depends on the seed alone. Its lowest bits set the revocation mode, so that
    /// years with successive ones take turns.
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mode = match (seed % 2, random.chance(12)) {
            (_, true) => Revocation::DangerOff,
            (0, _) => Revocation::BestEffort,
            _ => Revocation::Required,
        };
        let knows_intermediates = random.chance(50);
        let url = match random.chance(67) {
            true => DISPATCH_URL,
            false => CONFIGURED_URL,
        };
        let clock = Clock::start();
        let (not_before, not_after) = (NOW.as_secs() - DAY, NOW.as_secs() + 60 * DAY);
        let first = Certificate {
            der: POOL.issue(0, 0, not_before, not_after),
            key: 0,
            part: 0,
            not_before,
            not_after,
            revoked_at: None,
        };
        let truth = Truth::new(mode, knows_intermediates, first);
        let mut ground = Ground::new(clock, truth, url, Random::new(random.next()));
        ground.log(format!("{mode:?}, intermediates configured: {knows_intermediates}, {url}"));
        let ground = Shared::new(ground);
        let receiver = build(&ground, mode, knows_intermediates, None);
        Self { mode, knows_intermediates, receiver: Arc::new(Mutex::new(receiver)), ground }
    }

    pub(crate) fn receiver(&self) -> Receiver {
        self.receiver.lock().unwrap().clone()
    }

    /// Another process takes over.
    pub(crate) fn restart(&self, exported: bool) {
        let state = exported.then(|| export(&self.receiver()));
        {
            let mut ground = self.ground.lock();
            let at = ground.clock.moment().ms;
            ground.memory.restarted(exported, at);
            ground.disturbed();
            let generation = ground.memory.generation;
            ground.log(format!(
                "receiver {generation} starts, with the state of the last: {exported}"
            ));
        }
        let next = build(&self.ground, self.mode, self.knows_intermediates, state.as_ref());
        *self.receiver.lock().unwrap() = next;
    }
}

/// Builds the current receiver.
fn build(
    ground: &Shared,
    mode: Revocation,
    knows_intermediates: bool,
    state: Option<&Exported>,
) -> Receiver {
    let (clock, url, generation) = {
        let ground = ground.lock();
        let generation = ground.memory.generation;
        (ground.clock.clone(), ground.url.clone(), generation)
    };
    let fakes = Fakes::new(ground, generation);
    let location = DistributionLocation::none().also_allow(BASE).unwrap();
    let authorities = Authorities::new(Arc::new(fakes.clone()))
        .with_issuer_location(location.clone())
        .with_revocation_list_location(location);
    let builder = ReceiverBuilder::new(chain(mode, knows_intermediates), fakes)
        .authorities(authorities)
        .warm_up_url(url)
        .clock(move || clock.receivers());
    let builder = match state {
        Some(state) => import(builder, state),
        None => builder,
    };
    builder.build().unwrap()
}
