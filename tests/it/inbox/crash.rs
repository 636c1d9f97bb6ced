//! Processes that are killed at any point lose nothing that was acknowledged, and double no effect.
//!
//! A child stores the callbacks whose numbers it reads, writes `stored N` after the commit, and handles them meanwhile. The effects go
//! to a table without a unique key, so that a second effect shows. The ledger of what was acknowledged is in the parent.
//!
//! `PARTNER_CENTER_CRASHES` is the number of kills of each run; default: 8.

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::num::NonZeroU32;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use partner_center_webhooks::inbox::postgres::{PostgresInbox, PostgresOptions};
use partner_center_webhooks::inbox::sqlite::{SqliteInbox, SqliteOptions};
use partner_center_webhooks::inbox::{
    Backoff, Claimed, Inbox, InboxError, InboxWorker, Outcome, State, Stored,
};

use crate::server::{self, Server};
use crate::support::{Folder, callback, count};

const LEASE: Duration = Duration::from_millis(700);

/// Either engine, with the table of effects.
#[derive(Clone, Debug)]
enum Engine {
    Postgres(PostgresInbox),
    Sqlite(SqliteInbox),
}

impl Engine {
    async fn open(place: &str) -> Result<Self, InboxError> {
        if place.starts_with("postgres:") {
            let options = PostgresOptions::new(place)?;
            return Ok(Self::Postgres(PostgresInbox::connect(options).await?));
        }
        let options = SqliteOptions::new(place).with_deadline(Duration::from_secs(20));
        Ok(Self::Sqlite(SqliteInbox::connect(options).await?))
    }

    async fn create_effects(&self) {
        let create = "create table effect (seq bigint, fence bigint, process bigint)";
        self.execute(create, None).await.unwrap();
    }

    fn inbox(&self) -> Arc<dyn Inbox> {
        match self.clone() {
            Self::Postgres(inbox) => Arc::new(inbox),
            Self::Sqlite(inbox) => Arc::new(inbox),
        }
    }

    /// The effect of a handler, with the completion in its transaction if `completes`.
    async fn effect(&self, claimed: &Claimed, completes: bool) -> Result<(), InboxError> {
        let insert = "insert into effect values ($1, $2, $3)";
        self.execute(insert, Some((claimed, completes))).await
    }

    async fn execute(
        &self,
        statement: &'static str,
        claimed: Option<(&Claimed, bool)>,
    ) -> Result<(), InboxError> {
        let query = sqlx::query(statement);
        let failed = |error: sqlx::Error| InboxError::unavailable(error);
        let process = i64::from(std::process::id());
        let numbers =
            claimed.map(|(it, _)| [it.token.seq() as i64, it.token.fence() as i64, process]);
        match self {
            Self::Sqlite(inbox) => {
                let mut transaction = inbox.begin().await?;
                if let Some((claimed, true)) = claimed {
                    transaction.complete(claimed.token).await?;
                    at("completed in the transaction");
                }
                let mut query = query;
                for number in numbers.into_iter().flatten() {
                    query = query.bind(number);
                }
                query.execute(transaction.connection()).await.map_err(failed)?;
                at("effect in the transaction");
                transaction.commit().await
            }
            Self::Postgres(inbox) => {
                let mut transaction = inbox.begin().await?;
                if let Some((claimed, true)) = claimed {
                    transaction.complete(claimed.token).await?;
                    at("completed in the transaction");
                }
                let mut query = sqlx::query(statement);
                for number in numbers.into_iter().flatten() {
                    query = query.bind(number);
                }
                query.execute(transaction.connection()).await.map_err(failed)?;
                at("effect in the transaction");
                transaction.commit().await
            }
        }
    }

    /// How many effects a process had on PostgreSQL, and how many all others.
    async fn shares(&self, process: i64) -> (i64, i64) {
        let Self::Postgres(inbox) = self else { panic!("{self:?}") };
        let mut transaction = inbox.begin().await.unwrap();
        let count = "select count(*) filter (where process = $1), count(*) filter (where process <> $1) from effect";
        let count = sqlx::query_as::<_, (i64, i64)>(count).bind(process);
        count.fetch_one(transaction.connection()).await.unwrap()
    }

    /// How many events have effects, and how many have more than one.
    async fn effects(&self) -> (i64, i64) {
        let count = "select count(*), coalesce(sum(case when n > 1 then 1 else 0 end), 0) from \
                     (select count(*) as n from effect group by seq) as e";
        match self {
            Self::Sqlite(inbox) => {
                let mut transaction = inbox.begin().await.unwrap();
                let count = sqlx::query_as::<_, (i64, i64)>(count);
                count.fetch_one(transaction.connection()).await.unwrap()
            }
            Self::Postgres(inbox) => {
                let mut transaction = inbox.begin().await.unwrap();
                let count = "select count(*)::bigint, coalesce(sum(case when n > 1 then 1 else 0 end), 0)::bigint from \
                             (select count(*) as n from effect group by seq) as e";
                let count = sqlx::query_as::<_, (i64, i64)>(count);
                count.fetch_one(transaction.connection()).await.unwrap()
            }
        }
    }
}

/// In the child, says where it is and waits to be killed, if this is where it is to die.
fn at(step: &str) {
    if std::env::var("PARTNER_CENTER_DIE_AT").is_ok_and(|wanted| wanted == step) {
        println!("at {step}");
        loop {
            std::thread::park();
        }
    }
}

fn worker(inbox: Arc<dyn Inbox>) -> InboxWorker {
    InboxWorker::new(inbox)
        .with_lease(LEASE)
        .with_poll(Duration::from_millis(50))
        .with_max_attempts(NonZeroU32::new(1000).unwrap())
        .with_backoff(Backoff::new([Duration::from_millis(20)]))
}

fn handler(engine: Engine, completes: bool) -> impl partner_center_webhooks::inbox::Handler {
    move |claimed: Claimed| {
        let engine = engine.clone();
        async move {
            at("claimed");
            // Some attempts fail.
            if (claimed.token.seq() + claimed.token.fence()).is_multiple_of(20) {
                return Ok(Outcome::retry("now and then"));
            }
            engine.effect(&claimed, completes).await?;
            at("committed");
            if !completes {
                tokio::time::sleep(Duration::from_millis(3)).await;
                return Ok(Outcome::Done);
            }
            Ok::<_, InboxError>(Outcome::Settled)
        }
    }
}

/// The child process. It is a test only so that this binary can be started as one.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "it is started by the tests of crashes"]
async fn child() {
    let Ok(place) = std::env::var("PARTNER_CENTER_CHILD") else { return };
    let completes = std::env::var_os("PARTNER_CENTER_SEPARATE").is_none();
    let engine = Engine::open(&place).await.unwrap();
    let inbox = engine.inbox();
    tokio::spawn(worker(inbox.clone()).run(handler(engine, completes), std::future::pending()));
    println!("ready");
    let (numbers, mut lines) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines() {
            numbers.send(line.unwrap().parse::<usize>().unwrap()).unwrap();
        }
    });
    while let Some(number) = lines.recv().await {
        let inbox = inbox.clone();
        tokio::spawn(async move {
            let callback = callback(number).await;
            at("verified");
            match inbox.store(&callback).await {
                Ok(_) => {
                    at("stored");
                    println!("stored {number}");
                }
                Err(error) => println!("refused {error}"),
            }
        });
    }
}

struct Process {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Process {
    fn start(place: &str, completes: bool, die_at: Option<&str>) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["crash::child", "--exact", "--ignored", "--nocapture", "--quiet"]);
        command.env("PARTNER_CENTER_CHILD", place);
        if !completes {
            command.env("PARTNER_CENTER_SEPARATE", "1");
        }
        if let Some(step) = die_at {
            command.env("PARTNER_CENTER_DIE_AT", step);
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut process = Self { child, input, output };
        process.until("ready");
        process
    }

    fn store(&mut self, number: usize) {
        writeln!(self.input, "{number}").unwrap();
    }

    /// The next line of the child's own.
    fn line(&mut self) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(self.output.read_line(&mut line).unwrap(), 0, "the child ended");
            // The first line of a test without a line feed.
            let line = line.trim().trim_start_matches("running 1 test").to_owned();
            if ["ready", "stored", "refused", "at "].iter().any(|start| line.starts_with(start)) {
                return line;
            }
        }
    }

    fn until(&mut self, wanted: &str) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let line = self.line();
            if line == wanted {
                return lines;
            }
            lines.push(line);
        }
    }

    /// SIGKILL. Returns what the child had said until then.
    fn kill(mut self) -> Vec<String> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let lines = self.output.lines().map_while(Result::ok);
        lines.map(|line| line.trim().to_owned()).collect()
    }
}

fn acknowledge(ledger: &mut HashSet<usize>, lines: &[String]) {
    for line in lines {
        if let Some(number) = line.strip_prefix("stored ").and_then(|it| it.parse().ok()) {
            ledger.insert(number);
        }
    }
}

fn kills() -> usize {
    let whole = std::env::var("PARTNER_CENTER_CRASHES").ok();
    whole.map_or(8, |kills| kills.parse().unwrap())
}

/// Handles what is left, and compares with the ledger. Returns how many events have more than one effect.
async fn settle(place: &str, completes: bool, ledger: &HashSet<usize>) -> i64 {
    let engine = Engine::open(place).await.unwrap();
    let inbox = engine.inbox();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = worker(inbox.clone()).with_concurrency(NonZeroU32::new(16).unwrap());
    let handler = handler(engine.clone(), completes);
    let running = tokio::spawn(running.run(handler, async { stopped.await.unwrap_or(()) }));
    let started = Instant::now();
    while inbox.stats().await.unwrap().pending > 0 {
        assert!(started.elapsed() < Duration::from_secs(120), "{:?}", inbox.stats().await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    stop.send(()).unwrap();
    running.await.unwrap();
    for number in ledger {
        let stored = inbox.store(&callback(*number).await).await;
        assert_eq!(stored, Ok(Stored::Duplicate), "callback {number} was acknowledged and is lost");
    }
    let done = count(&*inbox, State::Done).await;
    let (events, doubled) = engine.effects().await;
    assert_eq!(events, done as i64, "each event that is done has its effect, and no other has");
    doubled
}

/// Kills the child again and again while it stores and handles.
async fn survives(place: &str, completes: bool) -> i64 {
    Engine::open(place).await.unwrap().create_effects().await;
    let mut ledger = HashSet::new();
    let mut number = 0;
    for round in 0..kills() {
        let mut process = Process::start(place, completes, None);
        // A different moment in each round.
        let target = 40 + round * 37 % 101;
        for _ in 0..target + 60 {
            // A tenth is delivered again.
            process.store(if number % 10 == 9 { number - 9 } else { number });
            number += 1;
        }
        for _ in 0..target {
            let line = process.line();
            acknowledge(&mut ledger, &[line]);
        }
        acknowledge(&mut ledger, &process.kill());
    }
    let doubled = settle(place, completes, &ledger).await;
    println!(
        "{} kills: {} acknowledged, 0 lost, {doubled} with two effects",
        kills(),
        ledger.len()
    );
    doubled
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_survives_kills() {
    let folder = Folder::new();
    let place = folder.file();
    assert_eq!(survives(place.to_str().unwrap(), true).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_survives_kills() {
    let Some(url) = server::database().await else { return };
    assert_eq!(survives(&url, true).await, 0);
}

/// The same check sees doubles where the completion is apart from the effect: it can fail.
#[tokio::test(flavor = "multi_thread")]
async fn the_check_sees_doubles() {
    let folder = Folder::new();
    let doubled = survives(folder.file().to_str().unwrap(), false).await;
    assert!(doubled > 0);
}

/// Kills a child between each two steps.
async fn survives_at_each_step(place: &str) {
    Engine::open(place).await.unwrap().create_effects().await;
    let mut ledger = HashSet::new();
    let steps = [
        "verified",
        "stored",
        "claimed",
        "completed in the transaction",
        "effect in the transaction",
        "committed",
    ];
    for (number, step) in steps.iter().enumerate() {
        let mut process = Process::start(place, true, Some(step));
        process.store(number);
        let mut lines = process.until(&format!("at {step}"));
        lines.extend(process.kill());
        acknowledge(&mut ledger, &lines);
        // Partner Center delivers it again, since it may not have been acknowledged.
        let engine = Engine::open(place).await.unwrap();
        let again = engine.inbox().store(&callback(number).await).await.unwrap();
        let expected = if *step == "verified" { Stored::New } else { Stored::Duplicate };
        assert_eq!(again, expected, "{step}");
        ledger.insert(number);
        assert_eq!(settle(place, true, &ledger).await, 0, "{step}");
        assert_eq!(engine.effects().await, (number as i64 + 1, 0), "{step}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_survives_a_kill_at_each_step() {
    let folder = Folder::new();
    survives_at_each_step(folder.file().to_str().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_survives_a_kill_at_each_step() {
    let Some(url) = server::database().await else { return };
    survives_at_each_step(&url).await;
}

/// The server is restarted at once, as after a crash, while a child stores and handles.
#[tokio::test(flavor = "multi_thread")]
async fn postgres_survives_restarts_of_the_server() {
    let Some(server) = Server::start().or_else(server::skipped) else { return };
    let url = server.database().await;
    Engine::open(&url).await.unwrap().create_effects().await;
    let (mut ledger, mut number, mut refused) = (HashSet::new(), 0, 0);
    let mut process = Process::start(&url, true, None);
    for _ in 0..kills().div_ceil(4) {
        std::thread::scope(|scope| {
            let restarting = scope.spawn(|| server.command("restart"));
            // Stores go on for as long as it takes, and some time after that.
            let mut after = 0;
            while after < 20 {
                after += usize::from(restarting.is_finished());
                for _ in 0..8 {
                    process.store(number);
                    number += 1;
                }
                for _ in 0..8 {
                    let line = process.line();
                    refused += usize::from(line.starts_with("refused"));
                    acknowledge(&mut ledger, &[line]);
                }
            }
        });
    }
    acknowledge(&mut ledger, &process.kill());
    let doubled = settle(&url, true, &ledger).await;
    println!(
        "{} acknowledged, {refused} refused, 0 lost, {doubled} with two effects",
        ledger.len()
    );
    assert_eq!((doubled, ledger.len() + refused), (0, number));
}

/// Two processes on one server share the work; one of them is killed again and again. `PARTNER_CENTER_SHARED` is the number of
/// callbacks; default: 600.
#[tokio::test(flavor = "multi_thread")]
async fn two_processes_share_the_work_of_postgres() {
    const ROUNDS: usize = 12;
    let Some(url) = server::database().await else { return };
    let engine = Engine::open(&url).await.unwrap();
    engine.create_effects().await;
    let whole = std::env::var("PARTNER_CENTER_SHARED").ok();
    let count = whole.map_or(600, |count| count.parse::<usize>().unwrap());
    let mut ledger = HashSet::new();
    let mut steady = Process::start(&url, true, None);
    let started = Instant::now();
    for round in 0..ROUNDS {
        let mut killed = Process::start(&url, true, None);
        for number in (0..count).filter(|number| number % ROUNDS == round) {
            // Some wait in each process, but not all at once.
            match number % 3 {
                0 => killed.store(number),
                _ => steady.store(number),
            }
            if number % 3 != 0 {
                acknowledge(&mut ledger, &[steady.line()]);
            }
        }
        acknowledge(&mut ledger, &killed.kill());
    }
    let stored = started.elapsed();
    let inbox = engine.inbox();
    while inbox.stats().await.unwrap().pending > 0 {
        assert!(started.elapsed() < stored + Duration::from_secs(300), "{:?}", inbox.stats().await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let own = i64::from(steady.child.id());
    acknowledge(&mut ledger, &steady.kill());
    // What the killed ones had not stored is delivered again.
    for number in 0..count {
        inbox.store(&callback(number).await).await.unwrap();
        ledger.insert(number);
    }
    assert_eq!(settle(&url, true, &ledger).await, 0);
    let shares = engine.shares(own).await;
    println!(
        "{count} callbacks, {ROUNDS} kills in {stored:.1?}: all handled {:.1?} after the last one; {} by the process that was not \
         killed, {} by those that were",
        started.elapsed() - stored,
        shares.0,
        shares.1
    );
    assert_eq!(engine.effects().await, (count as i64, 0));
    assert!(shares.0 > 0 && shares.1 > 0, "{shares:?}");
}
