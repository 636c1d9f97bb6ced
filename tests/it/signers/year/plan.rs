//! The events of a year, drawn at random.

use std::time::Duration;

use tokio::time::sleep;

use super::ground::{Host, Reach};
use super::pki::KEYS;
use super::random::Random;
use super::traffic::Message;
use super::world::World;

pub(crate) struct Plan {
    pub(crate) random: Random,
    pub(super) world: World,
    /// The number of the next invented name.
    names: u64,
}

const YEAR_MS: u64 = 365 * 86_400_000;
const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 3_600_000;

impl Plan {
    pub(crate) fn new(seed: u64, world: World) -> Self {
        Self { random: Random::new(seed), world, names: 0 }
    }

    fn now(&self) -> u64 {
        self.world.ground.lock().clock.moment().ms
    }

    pub(crate) fn is_over(&self) -> bool {
        self.now() > YEAR_MS
    }

    async fn wait(&self, ms: u64) {
        sleep(Duration::from_millis(ms)).await;
    }

    /// One step: a change or a call, and time passes.
    pub(crate) async fn step(&mut self) {
        self.keep_current();
        match self.random.below(100) {
            0..34 => self.delivery().await,
            34..45 => self.crowd().await,
            45..50 => self.flood().await,
            50..62 => self.hang_up().await,
            62..74 => self.host(),
            74..82 => self.authorities(),
            82..85 => self.rotate(),
            85..86 => self.reissue(),
            86..87 => self.revoke(),
            87..91 => self.step_clock(),
            91..93 => self.restart().await,
            93..95 => self.replace_chain(),
            95..96 => self.recover().await,
            96..97 => self.drill().await,
            _ => self.revoked_key().await,
        }
        let pause = self.pause();
        self.wait(pause).await;
    }

    /// From milliseconds to days.
    fn pause(&mut self) -> u64 {
        match self.random.below(100) {
            0..35 => self.random.below(1_000),
            35..65 => self.random.between(1_000, MINUTE_MS),
            65..85 => self.random.between(MINUTE_MS, HOUR_MS),
            85..95 => self.random.between(HOUR_MS, 12 * HOUR_MS),
            95..99 => self.random.between(12 * HOUR_MS, 48 * HOUR_MS),
            _ => self.random.between(48 * HOUR_MS, 120 * HOUR_MS),
        }
    }

    /// A key whose signature a caller may carry: mostly the current one, otherwise one of the last seven days.
    pub(super) fn key(&mut self) -> usize {
        let (current, recent) = {
            let ground = self.world.ground.lock();
            let truth = &ground.truth;
            let recent = truth.recent_keys(ground.clock.moment().ms);
            (truth.key_of(truth.current), recent)
        };
        match self.random.chance(75) {
            true => current,
            false => self.random.pick(&recent).unwrap_or(current),
        }
    }

    async fn delivery(&mut self) {
        let key = self.key();
        match self.random.chance(50) {
            true => drop(tokio::spawn(self.world.clone().deliver(key))),
            false => drop(self.world.send(Message::Signed { key, body: 0 }).await),
        }
    }

    /// Several concurrent callbacks, genuine and forged.
    async fn crowd(&mut self) {
        let size = self.random.between(2, 8);
        let messages: Vec<_> = (0..size)
            .map(|_| match self.random.chance(60) {
                true => Message::Signed { key: self.key(), body: 1 },
                false => self.forgery(),
            })
            .collect();
        let sent = messages.into_iter().map(|each| self.world.send(each));
        futures_util::future::join_all(sent).await;
    }

    fn forgery(&mut self) -> Message {
        let key = self.key();
        self.names += 1;
        match self.random.below(4) {
            0 => Message::Altered { key },
            1 => Message::Strange,
            _ => Message::Invented { key, number: self.names },
        }
    }

    /// Forgeries, sequential or concurrent, with a genuine callback among them.
    async fn flood(&mut self) {
        let size = self.random.between(5, 24);
        let gap = match self.random.chance(50) {
            true => 0,
            false => self.random.between(1, 700),
        };
        let genuine = self.random.below(size);
        for number in 0..size {
            let message = match number == genuine {
                true => Message::Signed { key: self.key(), body: 0 },
                false => self.forgery(),
            };
            let world = self.world.clone();
            let sent = async move { drop(world.send(message).await) };
            match gap {
                0 => drop(tokio::spawn(sent)),
                gap => {
                    drop(tokio::spawn(sent));
                    self.wait(gap).await;
                }
            }
        }
    }

    async fn hang_up(&mut self) {
        let after = match self.random.chance(70) {
            true => self.random.below(50),
            false => 4_000,
        };
        for _ in 0..self.random.between(1, 4) {
            let message = match self.random.chance(70) {
                true => Message::Signed { key: self.key(), body: 0 },
                false => self.forgery(),
            };
            let after = Duration::from_millis(after);
            self.world.send_for(message, after).await;
        }
    }

    async fn restart(&mut self) {
        let exported = self.random.chance(50);
        self.world.restart(exported);
        if self.random.chance(50) {
            self.world.warm_up().await;
        }
    }

    /// Everything recovers, and after twenty seconds a callback arrives.
    async fn recover(&mut self) {
        {
            let mut ground = self.world.ground.lock();
            ground.host_is(Host::Well);
            ground.authorities_are(Reach::Well, Reach::Well);
        }
        let wait = self.random.between(20_000, 40_000);
        self.wait(wait).await;
        let key = {
            let ground = self.world.ground.lock();
            ground.truth.key_of(ground.truth.current)
        };
        self.world.send(Message::Signed { key, body: 0 }).await;
    }

    /// More than a day with healthy authorities and callbacks every hour, after which every revocation is known.
    async fn drill(&mut self) {
        {
            let mut ground = self.world.ground.lock();
            ground.authorities_are(Reach::Well, Reach::Well);
        }
        let end = self.now() + 26 * HOUR_MS;
        while self.now() < end {
            let key = self.key();
            self.world.send(Message::Signed { key, body: 0 }).await;
            let wait = self.random.between(10 * MINUTE_MS, 55 * MINUTE_MS);
            self.wait(wait).await;
        }
        self.revoked_key().await;
    }

    /// A forger has a revoked key.
    async fn revoked_key(&mut self) {
        let revoked: Vec<_> = {
            let ground = self.world.ground.lock();
            (0..KEYS).filter(|key| ground.truth.is_revoked(*key)).collect()
        };
        for _ in 0..2 {
            if let Some(key) = self.random.pick(&revoked) {
                self.world.send(Message::Signed { key, body: 0 }).await;
            }
        }
    }
}
