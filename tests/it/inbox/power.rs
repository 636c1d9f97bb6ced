//! A power cut loses nothing that was acknowledged: a child stores under `strace`, and its writes are replayed up to a point without
//! those that were not synced by then.
//!
//! `PARTNER_CENTER_CRASHES` is the number of cuts; default: 8. It assumes that the disk honours syncs.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use futures_util::future::join_all;
use partner_center_webhooks::inbox::sqlite::{SqliteInbox, SqliteOptions};
use partner_center_webhooks::inbox::{Filter, Inbox, Page};
use sqlx::{Connection as _, SqliteConnection};

use crate::support::{ALL, Folder, callback};

const CALLERS: usize = 16;
const ROUNDS: usize = 24;
const ALONE: usize = 60;

/// The child. It is a test only so that this binary can be started as one.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "it is started by the test of power cuts"]
async fn child() {
    let Ok(file) = std::env::var("PARTNER_CENTER_CHILD") else { return };
    let inbox = Arc::new(SqliteInbox::connect(SqliteOptions::new(file)).await.unwrap());
    let store = move |number| {
        let inbox = inbox.clone();
        async move {
            inbox.store(&callback(number).await).await.unwrap();
            println!("stored {number}.");
        }
    };
    for number in 0..ALONE {
        store(number).await;
    }
    let many = (0..CALLERS).map(|caller| {
        let store = store.clone();
        tokio::spawn(async move {
            for round in 0..ROUNDS {
                store(ALONE + caller * ROUNDS + round).await;
            }
        })
    });
    for stored in join_all(many).await {
        stored.unwrap();
    }
}

#[derive(Debug)]
enum Step {
    Write {
        file: String,
        at: usize,
        bytes: Vec<u8>,
    },
    Truncate {
        file: String,
        length: usize,
    },
    /// Of a rollback journal, before the file has its write-ahead log.
    Remove {
        file: String,
    },
    /// A sync of the file began.
    SyncBegan {
        thread: String,
        file: String,
    },
    /// The sync of this thread has returned.
    SyncEnded {
        thread: String,
    },
    Stored(usize),
}

/// `\x41\x42`.
fn unhex(text: &str) -> Vec<u8> {
    text.split("\\x").skip(1).map(|byte| u8::from_str_radix(&byte[..2], 16).unwrap()).collect()
}

/// The file that a descriptor such as `5<\x2f\x74>` or a path names.
fn file_of(descriptor: &str) -> String {
    let path = String::from_utf8(unhex(descriptor)).unwrap();
    Path::new(&path).file_name().map_or(String::new(), |name| name.to_str().unwrap().to_owned())
}

fn step(line: &str) -> Option<Step> {
    let (thread, call) = line.split_once(' ')?;
    let (thread, call) = (thread.to_owned(), call.trim_start());
    if call.starts_with("<... f") && call.contains("sync resumed") {
        return Some(Step::SyncEnded { thread });
    }
    let (name, arguments) = call.split_once('(')?;
    let parts: Vec<_> = arguments.split([',', ')']).map(str::trim).collect();
    let number = |text: &str| text.split([' ', ')']).next()?.parse().ok();
    Some(match name {
        "pwrite64" => Step::Write {
            file: file_of(parts[0]),
            at: number(parts[3])?,
            bytes: unhex(parts[1].trim_matches('"')),
        },
        "ftruncate" => Step::Truncate { file: file_of(parts[0]), length: number(parts[1])? },
        "unlink" => Step::Remove { file: file_of(parts[0]) },
        "fsync" | "fdatasync" => Step::SyncBegan { thread, file: file_of(parts[0]) },
        "write" => {
            let text = String::from_utf8(unhex(parts[1].trim_matches('"'))).ok()?;
            Step::Stored(text.split_once("stored ")?.1.trim().trim_end_matches('.').parse().ok()?)
        }
        _ => return None,
    })
}

fn steps(trace: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    for line in trace.lines() {
        let Some(step) = step(line) else { continue };
        let returned = match &step {
            Step::SyncBegan { thread, .. } if !line.contains("unfinished") => Some(thread.clone()),
            _ => None,
        };
        steps.push(step);
        steps.extend(returned.map(|thread| Step::SyncEnded { thread }));
    }
    steps
}

/// What is on the disk after a cut, and what was acknowledged before it.
struct Disk {
    files: HashMap<String, Vec<u8>>,
    acknowledged: HashSet<usize>,
}

/// Replays the first `count` steps. `honours` tells which files' syncs reach the disk.
fn cut(steps: &[Step], count: usize, honours: fn(&str) -> bool) -> Disk {
    let mut disk = Disk { files: HashMap::new(), acknowledged: HashSet::new() };
    // Written and not synced, by file; and how much of it a running sync covers, by thread.
    let mut pending: HashMap<&str, Vec<&Step>> = HashMap::new();
    let mut running: HashMap<&str, (&str, usize)> = HashMap::new();
    for step in &steps[..count] {
        match step {
            Step::Write { file, .. } | Step::Truncate { file, .. } => {
                pending.entry(file).or_default().push(step);
            }
            Step::SyncBegan { thread, file } => {
                running.insert(thread, (file, pending.get(file.as_str()).map_or(0, Vec::len)));
            }
            Step::SyncEnded { thread } => {
                let Some((file, covered)) = running.remove(thread.as_str()) else { continue };
                if !honours(file) {
                    continue;
                }
                let waiting = pending.entry(file).or_default();
                let covered = covered.min(waiting.len());
                for step in waiting.drain(..covered) {
                    apply(disk.files.entry(file.to_owned()).or_default(), step);
                }
            }
            Step::Remove { file } => {
                pending.remove(file.as_str());
                disk.files.remove(file);
            }
            Step::Stored(number) => {
                disk.acknowledged.insert(*number);
            }
        }
    }
    disk
}

fn apply(content: &mut Vec<u8>, step: &Step) {
    match step {
        Step::Write { at, bytes, .. } => {
            content.resize(content.len().max(at + bytes.len()), 0);
            content[*at..at + bytes.len()].copy_from_slice(bytes);
        }
        Step::Truncate { length, .. } => content.resize(*length, 0),
        other => panic!("{other:?}"),
    }
}

/// How many acknowledged callbacks are not in the file after the cut.
async fn missing(disk: &Disk) -> usize {
    let folder = Folder::new();
    for (name, content) in &disk.files {
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    let inbox = SqliteInbox::connect(SqliteOptions::new(folder.file())).await.unwrap();
    let entries = inbox.list(&Filter::new(), Page::first(ALL)).await.unwrap();
    let stored: HashSet<_> = entries.iter().map(|entry| entry.digest).collect();
    let mut missing = 0;
    for number in &disk.acknowledged {
        missing += usize::from(!stored.contains(&callback(*number).await.digest()));
    }
    inbox.close().await;
    let url = format!("sqlite:{}", folder.file().display());
    let mut own = SqliteConnection::connect(&url).await.unwrap();
    let check = sqlx::query_scalar::<_, String>("pragma integrity_check");
    assert_eq!(check.fetch_one(&mut own).await.unwrap(), "ok");
    missing
}

#[tokio::test(flavor = "multi_thread")]
async fn a_power_cut_loses_nothing_that_was_acknowledged() {
    let folder = Folder::new();
    let trace = folder.path().join("trace");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-y", "-xx", "-s", "70000", "-o"]).arg(&trace);
    strace.args(["-e", "trace=pwrite64,ftruncate,unlink,write,fsync,fdatasync"]);
    strace.arg(std::env::current_exe().unwrap());
    strace.args(["power::child", "--exact", "--ignored", "--nocapture"]);
    strace.env("PARTNER_CENTER_CHILD", folder.file());
    let Ok(ended) = strace.output() else {
        println!("SKIPPED: there is no strace to follow writes with");
        return;
    };
    assert!(ended.status.success(), "{ended:?}");
    let steps = steps(&std::fs::read_to_string(&trace).unwrap());
    let acknowledged = steps.iter().filter(|step| matches!(step, Step::Stored(_))).count();
    assert_eq!(acknowledged, ALONE + CALLERS * ROUNDS);

    let cuts = std::env::var("PARTNER_CENTER_CRASHES").map_or(8, |cuts| cuts.parse().unwrap());
    let first = steps.iter().position(|step| matches!(step, Step::Stored(_))).unwrap();
    let mut compared = 0;
    for number in 0..cuts {
        // Spread over the run, by the golden ratio; the last one is at the end.
        let share = (number as f64 * 0.618_033_988_75).fract();
        let spread = first + 1 + ((steps.len() - first - 1) as f64 * share) as usize;
        let count = if number + 1 == cuts { steps.len() } else { spread };
        let disk = cut(&steps, count, |_| true);
        compared += disk.acknowledged.len();
        assert_eq!(missing(&disk).await, 0, "after {count} of {} steps", steps.len());
    }
    // Without syncs of the log, as with `synchronous=NORMAL`, the same check finds losses: it can fail.
    let lost = missing(&cut(&steps, steps.len(), |file| !file.ends_with("-wal"))).await;
    println!(
        "SQLite: {cuts} power cuts, {compared} acknowledged, 0 lost; {lost} without syncs of the log"
    );
    assert!(lost > 0);
}
