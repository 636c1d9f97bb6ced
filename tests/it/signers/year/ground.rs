//! The world shared by the fakes, the callers and the plan, with its log.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use partner_center_webhooks::chain::UnixTime;
use tokio::time::Instant;

use super::bounds::Bounds;
use super::memory::Memory;
use super::model::{Rule, Violation};
use super::pki::{DAY, Pages, pages, unix};
use super::random::Random;
use super::truth::{CertId, Moment, Truth};
use crate::support::NOW;

/// True time, and the error of the receiver's clock.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    start: Instant,
    offset_ms: Arc<AtomicI64>,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { start: Instant::now(), offset_ms: Arc::default() }
    }

    pub(crate) fn moment(&self) -> Moment {
        let ms = u64::try_from(self.start.elapsed().as_millis()).unwrap();
        let since = NOW.as_secs() * 1_000 + ms;
        let clock = since.saturating_add_signed(self.offset_ms.load(Ordering::SeqCst)) / 1_000;
        Moment { ms, clock }
    }

    pub(crate) fn receivers(&self) -> UnixTime {
        unix(self.moment().clock)
    }

    pub(crate) fn step_to(&self, offset_ms: i64) {
        self.offset_ms.store(offset_ms, Ordering::SeqCst);
    }
}

/// The behaviour of the certificate host.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Host {
    Well,
    Down,
    Hanging,
    /// Responds after this many milliseconds.
    Slow(u64),
    /// Serves a certificate that was current before.
    Stale(CertId),
    Expired,
    WrongName,
    OfAStranger,
    Garbage,
}

/// The behaviour of an authority.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Reach {
    Well,
    Down,
    Hanging,
    Slow(u64),
}

pub(crate) struct Ground {
    pub(crate) clock: Clock,
    pub(crate) truth: Truth,
    pub(crate) memory: Memory,
    pub(crate) bounds: Bounds,
    pub(crate) host: Host,
    pub(crate) issuers: Reach,
    pub(crate) lists: Reach,
    /// The response time of a healthy host.
    pub(crate) network: Random,
    pub(crate) step: usize,
    /// The URL of the certificate.
    pub(crate) url: String,
    log: VecDeque<String>,
    pub(crate) failures: Vec<Failure>,
    /// The number of callers that got a response.
    pub(crate) responses: usize,
    published: Option<(u64, Pages)>,
}

impl Ground {
    pub(crate) fn new(clock: Clock, truth: Truth, url: &str, network: Random) -> Self {
        Self {
            clock,
            truth,
            memory: Memory::default(),
            bounds: Bounds::default(),
            host: Host::Well,
            issuers: Reach::Well,
            lists: Reach::Well,
            network,
            step: 0,
            url: url.to_owned(),
            log: VecDeque::new(),
            failures: Vec::new(),
            responses: 0,
            published: None,
        }
    }

    pub(crate) fn log(&mut self, event: impl fmt::Display) {
        let moment = self.clock.moment();
        self.log.push_back(format!("{} {event}", Time(moment.ms)));
        if self.log.len() > LOGGED {
            self.log.pop_front();
        }
    }

    /// Keeps a failure, unless there are many already.
    pub(crate) fn record(&mut self, outcome: Result<(), Violation>) {
        let Err(violation) = outcome else { return };
        if self.failures.len() < FAILURES {
            let failure = Failure {
                step: self.step,
                at: self.clock.moment(),
                violation,
                events: self.log.iter().cloned().collect(),
            };
            self.failures.push(failure);
        }
    }

    /// An event that allows one more fetch of everything.
    pub(crate) fn disturbed(&mut self) {
        let at = self.clock.moment().ms;
        self.bounds.disturbed(at);
    }

    /// The truth that follows from the host's state.
    pub(crate) fn host_is(&mut self, host: Host) {
        let at = self.clock.moment().ms;
        self.host = host;
        let serving = match host {
            Host::Well | Host::Slow(_) => Some(self.truth.current),
            Host::Stale(certificate) => Some(certificate),
            _ => None,
        };
        self.truth.serve(serving, at);
        self.truth.host_is(host == Host::Well, at);
        self.log(format!("the host is {host:?}, which serves certificate {serving:?}"));
    }

    pub(crate) fn authorities_are(&mut self, issuers: Reach, lists: Reach) {
        let at = self.clock.moment().ms;
        (self.issuers, self.lists) = (issuers, lists);
        let well = (issuers, lists) == (Reach::Well, Reach::Well);
        self.truth.authorities_are(well, at);
        self.log(format!("issuers are {issuers:?}, lists {lists:?}"));
    }

    /// The host served this certificate to the current receiver.
    pub(crate) fn certificate_delivered(&mut self, certificate: CertId) {
        let now = self.clock.moment();
        self.memory.certificate_delivered(&self.truth, certificate, now);
    }

    /// Lists must be published again, because a certificate was revoked.
    pub(crate) fn publish(&mut self) {
        self.published = None;
    }

    /// What the authorities publish, renewed every other day, and until when its lists are in force.
    pub(crate) fn pages(&mut self) -> (Pages, u64) {
        let seconds = NOW.as_secs() + self.clock.moment().ms / 1_000;
        let every = 2 * DAY;
        if let Some((at, pages)) = &self.published
            && *at + every > seconds
        {
            return (Pages::clone(pages), *at + 6 * DAY);
        }
        let certificates = self.truth.certificates.iter();
        let revoked: Vec<_> = certificates
            .filter(|each| each.revoked_at.is_some())
            .map(|each| each.der.clone())
            .collect();
        let at = match revoked.is_empty() {
            true => seconds - (seconds - NOW.as_secs()) % every,
            false => seconds,
        };
        let made = pages(at, &revoked);
        self.published = Some((at, Pages::clone(&made)));
        (made, at + 6 * DAY)
    }
}

#[derive(Clone)]
pub(crate) struct Shared(Arc<Mutex<Ground>>);

impl Shared {
    pub(crate) fn new(ground: Ground) -> Self {
        Self(Arc::new(Mutex::new(ground)))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Ground> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shared")
    }
}

/// A broken promise, with the events before it.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    step: usize,
    at: Moment,
    violation: Violation,
    events: Vec<String>,
}

impl Failure {
    pub(crate) fn rule(&self) -> Rule {
        self.violation.rule
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { step, at, violation, events } = self;
        let (time, clock) = (Time(at.ms), at.clock);
        writeln!(f, "step {step}, {time} (the receiver's clock says {clock}): {violation}")?;
        writeln!(f, "the last events:")?;
        events.iter().try_for_each(|event| writeln!(f, "  {event}"))
    }
}

/// Milliseconds in readable form.
pub(crate) struct Time(pub(crate) u64);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, ms) = (self.0 / 1_000, self.0 % 1_000);
        let (day, seconds) = (seconds / DAY, seconds % DAY);
        let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        write!(f, "day {day} {hour:02}:{minute:02}:{second:02}.{ms:03}")
    }
}

const LOGGED: usize = 64;
const FAILURES: usize = 500;
