//! A PostgreSQL for tests: the one that an environment variable names, or a private one that ends with this process.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use partner_center_webhooks::inbox::postgres::{PostgresInbox, PostgresOptions};
use sqlx::{Connection as _, PgConnection};

use crate::support::Folder;

/// A server of our own. Tests that stop it have one for themselves.
pub(crate) struct Server {
    folder: Folder,
    running: Mutex<Running>,
}

struct Running {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Server {
    /// `None` if there is no PostgreSQL here. Then the test says so, unless it runs in CI, where there must be one.
    pub(crate) fn start() -> Option<Self> {
        let folder = Folder::new();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/inbox/postgres.sh");
        let mut process = Command::new("setsid")
            .arg("sh")
            .arg(script)
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = process.stdin.take().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let mut running = Running { process, input, output };
        if running.answer() == "ready" {
            return Some(Self { folder, running: Mutex::new(running) });
        }
        let status = running.process.wait().unwrap();
        assert_eq!(status.code(), Some(ABSENT), "PostgreSQL is installed and does not start");
        None
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn admin_url(&self) -> String {
        format!("postgres://inbox@localhost/postgres?host={}", self.folder.path().display())
    }

    /// Sends a command, and waits for its end.
    pub(crate) fn command(&self, line: &str) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(running.input, "{line}").unwrap();
        let answer = running.answer();
        assert_eq!(answer, if line == "stop" { "stopped" } else { "ready" });
    }

    pub(crate) async fn database(&self) -> String {
        create_database(&self.admin_url()).await
    }
}

impl Running {
    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }
}

/// The exit status of the script where PostgreSQL is not installed.
const ABSENT: i32 = 77;

/// The URL of a new database; `None` if the test is to be skipped.
pub(crate) async fn database() -> Option<String> {
    static SHARED: OnceLock<Option<Server>> = OnceLock::new();
    if let Ok(url) = std::env::var("PARTNER_CENTER_TEST_POSTGRES") {
        return Some(create_database(&url).await);
    }
    let server = tokio::task::spawn_blocking(|| SHARED.get_or_init(Server::start));
    match server.await.unwrap() {
        Some(server) => Some(server.database().await),
        None => skipped(),
    }
}

pub(crate) fn skipped<T>() -> Option<T> {
    assert!(std::env::var_os("CI").is_none(), "CI has no PostgreSQL");
    println!("SKIPPED: there is no PostgreSQL (install it, or set PARTNER_CENTER_TEST_POSTGRES)");
    None
}

async fn create_database(admin: &str) -> String {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("inbox_{}_{number}", std::process::id());
    let mut connection = PgConnection::connect(admin).await.unwrap();
    let create = sqlx::AssertSqlSafe(format!("create database {name} template template0"));
    sqlx::raw_sql(create).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    admin.replacen("/postgres?", &format!("/{name}?"), 1)
}

/// An inbox in a new database.
pub(crate) async fn inbox() -> Option<PostgresInbox> {
    let url = database().await?;
    Some(PostgresInbox::connect(PostgresOptions::new(&url).unwrap()).await.unwrap())
}
