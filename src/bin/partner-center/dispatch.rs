//! Reads the command line and runs what it asks for.

use std::env;
use std::ffi::OsString;

use clap::{CommandFactory as _, FromArgMatches as _};
use tokio::runtime::{Builder, Runtime};
use tracing_subscriber::filter::LevelFilter;

use crate::cli::{Cli, Command};
use crate::commands;
use crate::complaint;
use crate::configuration::file::{self, Layer};
use crate::configuration::names;
use crate::configuration::resolve::{Sources, config_path};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Out, line, note};

/// Runs the program.
pub(crate) fn run() -> Exit {
    match parse_and_run(with_help_flag(env::args_os().collect())) {
        Ok(exit) => exit,
        Err(failure) => {
            if failure.exit() != Exit::Yes {
                note(&failure);
            }
            failure.exit()
        }
    }
}

/// `help` before or behind a command asks for its help, as `--help` does.
fn with_help_flag(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let word = |place: usize| arguments.get(place).and_then(|word| word.to_str()).unwrap_or("-");
    let place = match (word(1), word(2)) {
        ("help", _) => Some(1),
        (first, "help") if !first.starts_with('-') => Some(2),
        _ => None,
    };
    if let Some(place) = place {
        arguments.remove(place);
        arguments.push("--help".into());
    }
    arguments
}

fn parse_and_run(arguments: Vec<OsString>) -> Result<Exit, Failure> {
    let environment = |name: &str| env::var_os(name);
    let mut command = Cli::command();
    let flags = names::flags(&command);
    let layers = match complaint::wants_text(&arguments) {
        // Help is there for those whose file is broken, too.
        true => Vec::new(),
        false => file::read_all(config_path(&arguments, &environment).as_deref(), &flags)?,
    };
    let sources = Sources { environment: &environment, layers: &layers, flags: &flags };
    let (completed, settings) = sources.complete(&mut command, arguments.clone())?;
    let parsed = Cli::command().try_get_matches_from(completed);
    let parsed = parsed.and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) if !error.use_stderr() => {
            return line(error.to_string().trim_end()).map(|()| Exit::Yes);
        }
        Err(error) => return Err(complaint::failure(&error, &settings, &arguments)),
    };
    let out = Out::new(cli.global.json);
    let usual = match &cli.command {
        Command::Receive(_) => LevelFilter::INFO,
        Command::EventGrid(command) if command.is_server() => LevelFilter::INFO,
        // What matters is in the output.
        _ => LevelFilter::OFF,
    };
    cli.global.log.start(usual)?;
    execute(cli.command, out, &layers, &flags)
}

fn execute(
    command: Command,
    out: Out,
    layers: &[Layer],
    flags: &[String],
) -> Result<Exit, Failure> {
    match command {
        Command::Demo(options) => one_shot(commands::demo::run(&options, out)),
        Command::Emulate(options) if options.is_server() => {
            // On a single thread, the output of a command precedes that of its delivery.
            runtime()?.block_on(commands::emulate::run(&options, out))
        }
        Command::Emulate(options) => one_shot(commands::emulate::run(&options, out)),
        Command::Receive(options) => server_runtime()?.block_on(commands::receive::run(&options)),
        Command::EventGrid(command) if command.is_server() => {
            server_runtime()?.block_on(commands::event_grid::run(&command, out))
        }
        Command::EventGrid(command) => one_shot(commands::event_grid::run(&command, out)),
        Command::Health(options) => one_shot(commands::health::run(&options, out)),
        Command::Register(options) => one_shot(commands::register::run(&options, out)),
        Command::Signature(command) => commands::signature::run(&command, out),
        Command::Doctor(options) => one_shot(commands::doctor::run(&options, out)),
        Command::Verify(options) => one_shot(commands::verify::run(&options, out)),
        Command::Config(command) => {
            let cli = Cli::command();
            commands::config::run(&command, out, &cli, layers, flags)
        }
        Command::Completions { shell } => {
            commands::documents::completions(shell, Cli::command(), out)
        }
        Command::Man => commands::documents::manual(&Cli::command(), out),
    }
}

/// Runs a command that an interruption ends.
fn one_shot(command: impl Future<Output = Result<Exit, Failure>>) -> Result<Exit, Failure> {
    runtime()?.block_on(async {
        tokio::select! {
            outcome = command => outcome,
            interrupted = tokio::signal::ctrl_c() => match interrupted {
                Ok(()) => Ok(Exit::Interrupted),
                Err(error) => Err(Failure::unknown(format_args!("signals: {error}"))),
            },
        }
    })
}

fn runtime() -> Result<Runtime, Failure> {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure::unknown(format_args!("the runtime: {error}")))
}

/// A runtime with a thread per core.
fn server_runtime() -> Result<Runtime, Failure> {
    let runtime = Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| Failure::unknown(format_args!("the runtime: {error}")))
}
