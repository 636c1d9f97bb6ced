//! A receiver, while it runs.
#![expect(clippy::panic, reason = "the helpers of tests may fail like tests")]

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::process::{Ended, example};

/// A running receiver; killed if the test forgets it.
pub(crate) struct Running {
    child: Child,
    pub(crate) address: SocketAddr,
    stdout: Option<BufReader<ChildStdout>>,
    log: Arc<Mutex<String>>,
    log_reader: Option<JoinHandle<()>>,
}

impl Running {
    /// Starts it on a free port, and waits until it listens.
    pub(crate) fn start(name: &str, arguments: &[&str]) -> Self {
        Self::spawn(example(name).args(["--listen", "127.0.0.1:0"]).args(arguments))
    }

    /// Starts it as `command` says.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let writer = Arc::clone(&log);
        let log_reader = thread::spawn(move || {
            let mut line = String::new();
            while stderr.read_line(&mut line).unwrap() > 0 {
                writer.lock().unwrap().push_str(&line);
                line.clear();
            }
        });
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("listening on ");
        let Some(address) = address.and_then(|address| address.parse().ok()) else {
            panic!("the first line is `{line}`; standard error: {}", log.lock().unwrap());
        };
        Self { child, address, stdout: Some(stdout), log, log_reader: Some(log_reader) }
    }

    /// The next line of standard output.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.as_mut().unwrap().read_line(&mut line).unwrap();
        line
    }

    /// Nobody reads its standard output any more.
    pub(crate) fn close_stdout(&mut self) {
        self.stdout = None;
    }

    /// Standard error so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Waits until standard error holds `text`.
    pub(crate) fn wait_for_log(&self, text: &str) {
        wait_until(
            || self.log().contains(text).then_some(()),
            || format!("`{text}` is not in {}", self.log()),
        );
    }

    /// Sends a signal, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let sent =
            Command::new("kill").args([format!("-{name}"), self.child.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits until no connection is taken any more.
    pub(crate) fn wait_for_refusal(&self) {
        wait_until(
            || TcpStream::connect(self.address).err(),
            || "connections are still taken".to_owned(),
        );
    }

    /// Waits for the end. Gives the exit code, what is left of standard output, and all of standard
    /// error.
    pub(crate) fn end(mut self) -> Ended {
        let status = wait_until(
            || self.child.try_wait().unwrap(),
            || format!("still running; standard error: {}", self.log.lock().unwrap()),
        );
        let mut stdout = String::new();
        if let Some(mut rest) = self.stdout.take() {
            rest.read_to_string(&mut stdout).unwrap();
        }
        self.log_reader.take().unwrap().join().unwrap();
        Ended { code: status.code(), stdout, stderr: self.log() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn wait_until<T>(mut ready: impl FnMut() -> Option<T>, state: impl Fn() -> String) -> T {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if let Some(value) = ready() {
            return value;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("waited {PATIENCE:?}: {}", state());
}

/// How long a test waits for something that takes milliseconds, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(30);
