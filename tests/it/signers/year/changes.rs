//! Changes in the world around a receiver.

use super::ground::{Host, Reach};
use super::pki::{DAY, KEYS, PARTS, POOL};
use super::plan::Plan;
use super::truth::Certificate;

impl Plan {
    pub(super) fn host(&mut self) {
        let before: Vec<_> = {
            let ground = self.world.ground.lock();
            (0..ground.truth.current).rev().take(3).collect()
        };
        let slow = self.random.between(100, 4_000);
        let host = match self.random.below(20) {
            0..10 => Host::Well,
            10..12 => Host::Down,
            12..14 => Host::Hanging,
            14..15 => Host::Slow(slow),
            15 => self.random.pick(&before).map_or(Host::Well, Host::Stale),
            16 => Host::Expired,
            17 => Host::WrongName,
            18 => Host::OfAStranger,
            _ => Host::Garbage,
        };
        self.world.ground.lock().host_is(host);
    }

    fn reach(&mut self) -> Reach {
        match self.random.below(10) {
            0..5 => Reach::Well,
            5..7 => Reach::Down,
            7..9 => Reach::Hanging,
            _ => Reach::Slow(self.random.between(100, 4_000)),
        }
    }

    pub(super) fn authorities(&mut self) {
        let (issuers, lists) = match self.random.chance(50) {
            true => (Reach::Well, Reach::Well),
            false => (self.reach(), self.reach()),
        };
        self.world.ground.lock().authorities_are(issuers, lists);
    }

    /// Keys that were not revoked, except the current one.
    fn free_keys(&self) -> Vec<usize> {
        let ground = self.world.ground.lock();
        let truth = &ground.truth;
        let current = truth.key_of(truth.current);
        (0..KEYS).filter(|key| *key != current && !truth.is_revoked(*key)).collect()
    }

    pub(super) fn rotate(&mut self) {
        if let Some(key) = self.random.pick(&self.free_keys()) {
            self.issue(key);
        }
    }

    pub(super) fn reissue(&mut self) {
        let key = {
            let ground = self.world.ground.lock();
            let truth = &ground.truth;
            Some(truth.key_of(truth.current)).filter(|key| !truth.is_revoked(*key))
        };
        if let Some(key) = key {
            self.issue(key);
        }
    }

    /// Issues a certificate, which is the current one from now on. Some become valid in a moment by the receiver's clock.
    fn issue(&mut self, key: usize) {
        let mut ground = self.world.ground.lock();
        let clock = ground.clock.moment().clock;
        let not_before = match self.random.chance(25) {
            true => clock + self.random.between(1, 20),
            false => clock - self.random.between(600, DAY),
        };
        let not_after = clock + self.random.between(20 * DAY, 100 * DAY);
        let part = u32::try_from(self.random.below(u64::from(PARTS))).unwrap();
        let id = ground.truth.add(Certificate {
            der: POOL.issue(key, part, not_before, not_after),
            key,
            part,
            not_before,
            not_after,
            revoked_at: None,
        });
        ground.truth.current = id;
        ground.log(format!(
            "certificate {id} of key {key}, part {part}, {not_before} to {not_after}, is the current one"
        ));
        let host = ground.host;
        ground.host_is(host);
    }

    /// Replaces a certificate that expires or was revoked, early or late.
    pub(super) fn keep_current(&mut self) {
        let (left, revoked) = {
            let ground = self.world.ground.lock();
            let truth = &ground.truth;
            let current = &truth.certificates[truth.current];
            let clock = ground.clock.moment().clock;
            let left = i128::from(current.not_after) - i128::from(clock);
            (left, current.revoked_at.is_some())
        };
        let day = i128::from(DAY);
        let chance = match left {
            _ if revoked => 5,
            left if left < -day => 100,
            left if left < 0 => 15,
            left if left < 7 * day => 3,
            _ => 0,
        };
        if self.random.chance(chance) {
            self.rotate();
        }
    }

    /// Revokes a key with all its certificates: the current one, or a former one.
    pub(super) fn revoke(&mut self) {
        // Some must remain for the rest of the year.
        if self.free_keys().len() < 5 {
            return;
        }
        let key = self.key();
        let mut ground = self.world.ground.lock();
        let at = ground.clock.moment().ms;
        ground.truth.revoke(key, at);
        ground.publish();
        ground.log(format!("key {key} is revoked"));
    }

    pub(super) fn step_clock(&mut self) {
        let ms = i64::try_from(self.random.below(600_001)).unwrap() - 300_000;
        let mut ground = self.world.ground.lock();
        ground.clock.step_to(ms);
        let at = ground.clock.moment().ms;
        ground.truth.clock_stepped(at);
        ground.disturbed();
        ground.log(format!("the receiver's clock is {ms} ms off"));
    }

    pub(super) fn replace_chain(&mut self) {
        {
            let mut ground = self.world.ground.lock();
            ground.disturbed();
            ground.log("an equal chain takes the place of the chain");
        }
        self.world.receiver().replace_chain(|chain| chain);
    }
}
