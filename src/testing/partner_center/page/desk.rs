//! What the page keeps on the server: one secret, one counter, and what the last forms said.
//!
//! Deliveries and the state of Partner Center are not kept here; a page is rendered from them. Nothing is kept for a browser, so
//! any number of tabs can be open.

use std::collections::VecDeque;

use aws_lc_rs::rand;
use tokio::sync::watch;
use uuid::Uuid;

use crate::testing::loopback::response::guid;

/// The token of the page's forms, what commands said, and a counter of changes.
///
/// The counter needs no reader: without a page, a change costs one atomic increment under the lock that is held anyway.
pub(in crate::testing::partner_center) struct Desk {
    /// Tells one run of the emulator from the next: a page that reconnects after a restart finds that it is stale, although both
    /// runs count from 0.
    instance: String,
    /// `None` without randomness: no form is accepted then.
    token: Option<String>,
    /// The number of changes, for all streams.
    changes: watch::Sender<u64>,
    /// The last [`KEPT`], each with the number by which the URL names it.
    said: VecDeque<(u64, Said)>,
    /// The number of the last one.
    last: u64,
}

/// What became of a form.
///
/// The browser is redirected to the page, which looks it up by its number: a URL with the text itself would let anybody make
/// the page say anything.
#[derive(Clone)]
pub(super) struct Said {
    /// In a sentence: the effect of the command, or why it failed.
    pub(super) text: String,
    /// Whether it failed. A screen reader interrupts for that, and not for an effect.
    pub(super) is_refused: bool,
    /// Opens the editor with this event.
    pub(super) draft: Option<Draft>,
}

/// An event to edit.
#[derive(Clone)]
pub(super) struct Draft {
    /// The name that the command and the heading need, without whitespace. The event name that is delivered is in the body.
    pub(super) event: String,
    /// The body, with line breaks for people.
    pub(super) body: String,
}

impl Desk {
    /// An empty desk with a new token.
    pub(in crate::testing::partner_center) fn new() -> Self {
        let mut bytes = [0; 16];
        let token = rand::fill(&mut bytes).ok().map(|()| Uuid::from_bytes(bytes).simple());
        Self {
            instance: guid().simple().to_string(),
            token: token.map(|token| token.to_string()),
            changes: watch::Sender::default(),
            said: VecDeque::new(),
            last: 0,
        }
    }

    /// Notes that something on the page has changed. Changes that come faster than a stream sends are one.
    pub(in crate::testing::partner_center) fn changed(&self) {
        self.changes.send_modify(|number| *number = number.wrapping_add(1));
    }

    /// Watches for changes from now on.
    pub(super) fn watch(&self) -> Watcher {
        Watcher { instance: self.instance.clone(), changes: self.changes.subscribe() }
    }

    /// The token that a page has and another origin cannot read. Empty without randomness, which no token equals.
    pub(super) fn token(&self) -> &str {
        self.token.as_deref().unwrap_or_default()
    }

    /// Whether a form may run a command. The comparison is not constant in time: a guess is a request, and there are 2^128.
    pub(super) fn is_token(&self, token: &str) -> bool {
        self.token.as_deref() == Some(token)
    }

    /// Keeps what a command said. Returns its number.
    pub(super) fn say(&mut self, said: Said) -> u64 {
        self.last = self.last.saturating_add(1);
        if self.said.len() >= KEPT {
            self.said.pop_front();
        }
        self.said.push_back((self.last, said));
        self.last
    }

    /// What was said under this number, unless it is forgotten or from another run.
    pub(super) fn said(&self, number: u64) -> Option<&Said> {
        let mut said = self.said.iter();
        said.find(|(found, _)| *found == number).map(|(_, said)| said)
    }
}

/// Learns of changes.
pub(super) struct Watcher {
    instance: String,
    /// Completes its `changed` once per change, or once for several.
    pub(super) changes: watch::Receiver<u64>,
}

impl Watcher {
    /// What the page shows, in a word that is different after each change and in each run. The changes so far count as seen.
    pub(super) fn version(&mut self) -> String {
        format!("{}-{}", self.instance, *self.changes.borrow_and_update())
    }
}

/// How much is kept of what commands said: a browser fetches it at once, and a reload some time later.
const KEPT: usize = 32;
