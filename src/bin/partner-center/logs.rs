//! Logs, on standard error.

use std::env;
use std::io::{self, IsTerminal as _};

use clap::{Args, ValueEnum};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt};

use crate::failure::Failure;

/// What is logged.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct LogOptions {
    /// Log errors only
    #[arg(long, short, global = true, conflicts_with = "verbose", help_heading = "Output")]
    quiet: bool,
    /// Log more; twice for everything
    #[arg(long, short, global = true, action = clap::ArgAction::Count, help_heading = "Output")]
    verbose: u8,
    /// The format of log lines
    #[arg(long, global = true, value_enum, default_value_t, help_heading = "Output")]
    log_format: LogFormat,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum LogFormat {
    /// For people
    #[default]
    Text,
    /// One JSON object per line
    Json,
}

impl LogOptions {
    /// Starts logging. `usual` is the level without options; `RUST_LOG` takes precedence over all of them.
    pub(crate) fn start(self, usual: LevelFilter) -> Result<(), Failure> {
        let level = match (self.quiet, self.verbose) {
            (true, _) => usual.min(LevelFilter::ERROR),
            (false, 0) => usual,
            (false, 1) => LevelFilter::DEBUG,
            (false, _) => LevelFilter::TRACE,
        };
        let targets = match env::var("RUST_LOG").ok().filter(|filter| !filter.is_empty()) {
            Some(filter) => filter
                .parse()
                .map_err(|error| Failure::usage(format_args!("RUST_LOG={filter}: {error}")))?,
            // What other crates log is for those who ask for it by name.
            None => Targets::new()
                .with_target("partner_center", level)
                .with_target("partner_center_webhooks", level),
        };
        let lines = fmt::layer().with_writer(io::stderr);
        let layer = match self.log_format {
            LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).boxed(),
            LogFormat::Json => lines.json().boxed(),
        };
        tracing_subscriber::registry().with(layer.with_filter(targets)).init();
        Ok(())
    }
}
