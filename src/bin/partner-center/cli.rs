//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::commands::config::ConfigCommand;
use crate::commands::demo::DemoOptions;
use crate::commands::doctor::DoctorOptions;
use crate::commands::emulate::EmulateOptions;
use crate::commands::event_grid::EventGridCommand;
use crate::commands::health::HealthOptions;
use crate::commands::receive::ReceiveOptions;
use crate::commands::register::RegisterOptions;
use crate::commands::signature::SignatureCommand;
use crate::commands::verify::VerifyOptions;
use crate::exit::Exit;
use crate::logs::LogOptions;

/// Microsoft Partner Center's webhooks: receive, verify, emulate, register and repair
#[derive(Debug, Parser)]
#[command(
    name = "partner-center",
    version,
    term_width = 80,
    disable_help_subcommand = true,
    before_help = EXAMPLES,
    after_help = Exit::table(),
    infer_subcommands = false,
    propagate_version = true,
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) global: GlobalOptions,
}

/// The options of all commands.
#[derive(Args, Debug)]
pub(crate) struct GlobalOptions {
    /// Write JSON to standard output: one object, or one per line
    #[arg(long, global = true, help_heading = "Output")]
    pub(crate) json: bool,
    /// Read this configuration file before those of the user and of the system
    #[arg(long, global = true, value_name = "FILE", help_heading = "Output")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) log: LogOptions,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run everything once on this machine: every event, every forgery, a verdict
    Demo(DemoOptions),
    /// Run a Partner Center on this machine, or drive a running one
    Emulate(Box<EmulateOptions>),
    /// Verify callbacks, and write each event as one line
    Receive(Box<ReceiveOptions>),
    /// Ask a running receiver whether it is ready
    Health(HealthOptions),
    /// Examine the signing certificate and everything on its way
    Doctor(Box<DoctorOptions>),
    /// Judge a captured callback
    Verify(Box<VerifyOptions>),
    /// Show and change the registration at Partner Center
    Register(Box<RegisterOptions>),
    /// Publish to Azure Event Grid's Partner Events
    #[command(subcommand)]
    EventGrid(EventGridCommand),
    /// Create, sign and verify the signatures of Standard Webhooks
    #[command(subcommand)]
    Signature(SignatureCommand),
    /// Show, check and begin the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print the completions of a shell
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
}

const EXAMPLES: &str = "\
Examples:
  partner-center demo         try it, without account and network
  partner-center emulate      run a Partner Center on this machine
  partner-center receive --danger-trust-emulator http://127.0.0.1:4400 --print";

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::ffi::OsString;
    use std::path::PathBuf;

    use clap::{Arg, ArgAction, CommandFactory as _};

    use super::*;
    use crate::configuration::file;
    use crate::configuration::names::{UNCONFIGURED, flags, key, variable};
    use crate::configuration::resolve::{Origin, Sources};

    /// Every command without subcommands, or with optional ones, by its words.
    fn leaves(
        command: &clap::Command,
        path: &[String],
        found: &mut Vec<(Vec<String>, clap::Command)>,
    ) {
        if !command.is_subcommand_required_set() {
            found.push((path.to_vec(), command.clone()));
        }
        for subcommand in command.get_subcommands() {
            leaves(subcommand, &[path, &[subcommand.get_name().to_owned()]].concat(), found);
        }
    }

    fn all() -> Vec<(Vec<String>, clap::Command)> {
        let mut command = Cli::command();
        command.build();
        let mut found = Vec::new();
        leaves(&command, &["partner-center".to_owned()], &mut found);
        found.retain(|(path, _)| path.len() > 1);
        found
    }

    fn configurable(command: &clap::Command) -> Vec<(String, Arg)> {
        let args = command
            .get_arguments()
            .filter_map(|arg| Some((arg.get_long()?.to_owned(), arg.clone())));
        args.filter(|(flag, _)| !UNCONFIGURED.contains(&flag.as_str())).collect()
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
        let mut seen: BTreeMap<String, (bool, bool)> = BTreeMap::new();
        for (path, command) in all() {
            for (flag, arg) in configurable(&command) {
                let action = arg.get_action();
                let kind = (action.takes_values(), matches!(action, ArgAction::Append));
                let first = seen.entry(flag.clone()).or_insert(kind);
                assert_eq!(*first, kind, "--{flag} of {path:?} is of another kind elsewhere");
                assert!(arg.get_help().is_some(), "--{flag} of {path:?} has no help");
            }
        }
        assert!(seen.len() > 40, "{}", seen.len());
    }

    #[test]
    fn every_flag_has_its_variable_and_its_key_and_they_work() {
        let flags = flags(&Cli::command());
        for (path, command) in all() {
            for (flag, arg) in configurable(&command) {
                let value = if arg.get_action().takes_values() { "value" } else { "1" };
                let expected = match arg.get_action() {
                    ArgAction::SetTrue | ArgAction::Count => format!("--{flag}"),
                    _ => format!("--{flag}={value}"),
                };
                let name = variable(&flag);
                let environment = |asked: &str| (asked == name).then(|| OsString::from(value));
                let nothing = |_: &str| None;
                let text = format!("{} = \"{value}\"", key(&flag, &flags));
                let layer = file::parse(PathBuf::from("file"), &text, &flags).unwrap();
                let layers = [layer];
                let complete = |sources: Sources<'_>, given: &[&str]| {
                    let arguments = path.iter().map(String::as_str).chain(given.iter().copied());
                    let arguments = arguments.map(OsString::from).collect();
                    sources.complete(&mut Cli::command(), arguments).unwrap()
                };

                let by_variable = Sources { environment: &environment, layers: &[], flags: &flags };
                let (arguments, settings) = complete(by_variable, &[]);
                assert_eq!(arguments[path.len()..], [expected.as_str()], "{path:?} {name}");
                assert_eq!(settings[0].origin, Origin::Environment(name.clone()));

                let by_file = Sources { environment: &nothing, layers: &layers, flags: &flags };
                let (arguments, _) = complete(by_file, &[]);
                assert_eq!(arguments[path.len()..], [expected.as_str()], "{path:?} {text}");

                let both = Sources { environment: &environment, layers: &layers, flags: &flags };
                let (_, settings) = complete(both, &[]);
                assert_eq!(
                    settings[0].origin,
                    Origin::Environment(name.clone()),
                    "before the file"
                );

                let both = Sources { environment: &environment, layers: &layers, flags: &flags };
                let given = format!("--{flag}=given");
                let (arguments, settings) = complete(both, &[&given]);
                assert_eq!(arguments[path.len()..], [given.as_str()], "before both");
                assert!(settings.is_empty());
            }
        }
    }

    /// A value that `arg` takes. A new kind of value needs a line here.
    fn sample(path: &[String], arg: &Arg) -> String {
        if let Some(value) = arg.get_possible_values().first() {
            return value.get_name().to_owned();
        }
        let name = arg.get_value_names().and_then(|names| names.first());
        let value = match name.map_or("", |name| name.as_str()) {
            "ADDR" => "127.0.0.1:0",
            "CHANNEL" | "CUSTOMERS" | "FILE" | "DIR" | "TENANT" | "ID" | "SCOPE" => "a",
            "DURATION" => "30s",
            "MEMBER=VALUE" => "a=b",
            "N" | "SECONDS" => "7",
            "NAME" => "invoice-ready",
            "PATH" => "/callback",
            "PATTERN" => "a.example",
            "SIGNATURES" => "v1,MTIz",
            "TIME" => "2026-08-01T12:00:00Z",
            "URL" | "URL-PREFIX" => "http://127.0.0.1:4400",
            other => panic!("{path:?}: no value for {other}"),
        };
        value.to_owned()
    }

    /// Each option of each command takes a valid value from its variable, and refuses none that it takes as a flag.
    #[test]
    fn a_value_from_a_variable_is_parsed_as_that_of_the_flag() {
        let mut cli = Cli::command();
        let flags = flags(&cli);
        let mut refused = Vec::new();
        for (path, command) in all() {
            for (flag, arg) in configurable(&command) {
                let takes_values = arg.get_action().takes_values();
                let value = if takes_values { sample(&path, &arg) } else { "1".to_owned() };
                let name = variable(&flag);
                let environment = |asked: &str| (asked == name).then(|| OsString::from(&value));
                let sources = Sources { environment: &environment, layers: &[], flags: &flags };
                let arguments: Vec<_> = path.iter().map(OsString::from).collect();
                let given = match takes_values {
                    true => format!("--{flag}={value}"),
                    false => format!("--{flag}"),
                };
                let by_flag: Vec<OsString> =
                    arguments.iter().cloned().chain([OsString::from(given)]).collect();
                let (by_variable, _) = sources.complete(&mut cli, arguments).unwrap();
                assert_eq!(by_variable, by_flag);
                if let Err(error) = cli.try_get_matches_from_mut(by_variable) {
                    let missing = [
                        clap::error::ErrorKind::MissingRequiredArgument,
                        clap::error::ErrorKind::MissingSubcommand,
                    ];
                    if !missing.contains(&error.kind()) {
                        refused.push(format!("{path:?} {name}: {error}"));
                    }
                }
            }
        }
        assert!(refused.is_empty(), "{}", refused.concat());
    }

    #[test]
    fn the_rule_for_names_gives_each_flag_its_own() {
        let flags = flags(&Cli::command());
        let variables: std::collections::BTreeSet<_> =
            flags.iter().map(|flag| variable(flag)).collect();
        assert_eq!(variables.len(), flags.len());
        for (flag, name, path) in [
            ("signer-name", "PARTNER_CENTER_SIGNER_NAME", "signer.name"),
            ("anchors", "PARTNER_CENTER_ANCHORS", "anchors"),
            // `revocation` is a flag, and cannot be a table, too.
            (
                "revocation-list-location",
                "PARTNER_CENTER_REVOCATION_LIST_LOCATION",
                "revocation-list-location",
            ),
        ] {
            assert_eq!((variable(flag), key(flag, &flags)), (name.to_owned(), path.to_owned()));
        }
    }

    #[test]
    fn what_conflicts_with_the_command_line_stays_out() {
        let flags = flags(&Cli::command());
        let environment = |name: &str| {
            (name == "PARTNER_CENTER_BASE_URL" || name == "PARTNER_CENTER_ANCHORS")
                .then(|| OsString::from("value"))
        };
        let complete = |words: &[&str]| {
            let sources = Sources { environment: &environment, layers: &[], flags: &flags };
            let arguments = words.iter().map(OsString::from).collect();
            let (arguments, _) = sources.complete(&mut Cli::command(), arguments).unwrap();
            arguments[words.len()..].to_vec()
        };
        let trusting =
            ["partner-center", "receive", "--danger-trust-emulator", "http://127.0.0.1:1"];
        assert_eq!(complete(&trusting), [""; 0]);
        assert_eq!(
            complete(&["partner-center", "receive"]),
            ["--base-url=value", "--anchors=value"]
        );
        assert_eq!(
            complete(&["partner-center", "receive", "--cloud", "china"]),
            ["--anchors=value"]
        );
    }

    #[test]
    fn values_of_options_are_not_taken_for_commands() {
        let flags = flags(&Cli::command());
        let environment = |name: &str| (name == "PARTNER_CENTER_AT").then(|| OsString::from("t"));
        let complete = |words: &[&str]| {
            let sources = Sources { environment: &environment, layers: &[], flags: &flags };
            let arguments = words.iter().map(OsString::from).collect();
            sources.complete(&mut Cli::command(), arguments).unwrap().0
        };
        let arguments = complete(&["partner-center", "--config", "verify", "doctor", "--", "x"]);
        assert_eq!(arguments[3..], ["doctor", "--at=t", "--", "x"]);
        assert_eq!(complete(&["partner-center", "man", "--config", "verify"]).len(), 4);
    }
}
