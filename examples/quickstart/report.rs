//! The printed report.

use std::process::ExitCode;

use bytes::Bytes;
use partner_center_webhooks::{ErrorKind, Received};

use crate::resource::kind_and_ids;
use crate::web_hook::Exchange;
use crate::{Case, Outcome, Verdict};

/// Prints each verdict, and counts.
#[derive(Default)]
pub(crate) struct Report {
    genuine: u32,
    forgeries: u32,
    others: u32,
    surprises: u32,
}

impl Report {
    pub(crate) fn section(&self, title: &str) {
        println!("\n{title}");
    }

    /// One line for a callback and, if it was refused, the reason below.
    pub(crate) fn case(&mut self, case: &Case, exchange: &Exchange) {
        let (outcome, summary) = match &exchange.handled {
            Ok(received) => (Outcome::Event(received.event().name().clone()), subject(received)),
            Err((kind, _)) => (Outcome::Refusal(*kind), kind.to_string()),
        };
        let line = format!("  {}  {:<WHAT$}  {summary}", exchange.status, case.what);
        println!("{}", cut(&line));
        if let Err((_, reason)) = &exchange.handled {
            wrap(reason).iter().for_each(|line| println!("       {line}"));
        }

        let found = Verdict { status: exchange.status, outcome };
        let counter = match &found.outcome {
            _ if found != case.expected => {
                println!("    !! expected {:?}, found {found:?}", case.expected);
                &mut self.surprises
            }
            Outcome::Event(_) => &mut self.genuine,
            Outcome::Refusal(ErrorKind::Body | ErrorKind::Event | ErrorKind::Source) => {
                &mut self.others
            }
            Outcome::Refusal(_) => &mut self.forgeries,
        };
        *counter += 1;
    }

    /// The last line, and the exit code.
    pub(crate) fn end(&self) -> ExitCode {
        let Self { genuine, forgeries, others, surprises } = self;
        let all = genuine + forgeries + others + surprises;
        println!(
            "\n{all} callbacks: {genuine} genuine accepted, {forgeries} forgeries refused, {others} others refused, \
             {surprises} surprises"
        );
        match surprises {
            0 => ExitCode::SUCCESS,
            _ => ExitCode::FAILURE,
        }
    }
}

/// What the event points to: its kind, and its most specific id.
fn subject(received: &Received<Bytes>) -> String {
    let resource = received.event().resource();
    match kind_and_ids(&resource) {
        ("absent", _) => "no resource".to_owned(),
        (kind, ids) => match ids.last() {
            Some((_, id)) => format!("{kind} {id}"),
            None => kind.to_owned(),
        },
    }
}

fn cut(line: &str) -> String {
    match line.char_indices().nth(WIDTH) {
        Some(_) => line.chars().take(WIDTH - 1).chain(['…']).collect(),
        None => line.to_owned(),
    }
}

/// Breaks a text into lines between words.
fn wrap(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= WIDTH - 7 => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Columns of a line.
const WIDTH: usize = 100;
/// Columns of what came in: as many as the longest name of an event has.
const WHAT: usize = 50;
