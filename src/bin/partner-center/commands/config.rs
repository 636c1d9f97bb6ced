//! `config`: shows, checks and begins the configuration.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, Args as _, Command, FromArgMatches as _, Subcommand};
use serde_json::{Value, json};

use super::signature;
use crate::complaint;
use crate::configuration::file::{Layer, user_path};
use crate::configuration::names::{SECRETS, UNCONFIGURED, key, variable};
use crate::configuration::resolve::{Setting, Sources};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::options::files::replace_secret;
use crate::options::trust::TrustOptions;
use crate::output::{Out, note};

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print each value that is set, and where it comes from
    Show,
    /// Read all files and certificates, and connect to nothing
    Check,
    /// Print every option with its variable and its key
    Options,
    /// Write a commented configuration file
    Init {
        /// Where to write it, instead of the user's folder for configuration
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Also write a new secret for the signatures of Standard Webhooks: deliver.secret, beside the file
        #[arg(long)]
        with_secret: bool,
        /// Replace a file that is there
        #[arg(long)]
        force: bool,
    },
}

pub(crate) fn run(
    command: &ConfigCommand,
    out: Out,
    cli: &Command,
    layers: &[Layer],
    flags: &[String],
) -> Result<Exit, Failure> {
    let environment = |name: &str| env::var_os(name);
    let sources = Sources { environment: &environment, layers, flags };
    let known = known(cli);
    match command {
        ConfigCommand::Show => show(&sources, &known, out),
        ConfigCommand::Check => check(&sources, &known, out),
        ConfigCommand::Options => options(&known, flags, out),
        ConfigCommand::Init { output, with_secret, force } => {
            let path = init(output.clone(), *force, &known, flags)?;
            let secret = with_secret.then(|| new_secret(&path, *force)).transpose()?;
            let path = path.display().to_string();
            let secret = secret.map(|path| path.display().to_string());
            let lines = secret.iter().fold(path.clone(), |lines, path| format!("{lines}\n{path}"));
            out.show(lines, &json!({ "path": path, "secret_file": secret }))?;
            Ok(Exit::Yes)
        }
    }
}

/// All options by flag.
fn known(command: &Command) -> BTreeMap<String, Arg> {
    let mut known = BTreeMap::new();
    let mut open = vec![command];
    while let Some(command) = open.pop() {
        open.extend(command.get_subcommands());
        for arg in command.get_arguments() {
            if let Some(flag) = arg.get_long().filter(|flag| !UNCONFIGURED.contains(flag)) {
                known.insert(flag.to_owned(), arg.clone());
            }
        }
    }
    known
}

fn settings(sources: &Sources<'_>, known: &BTreeMap<String, Arg>) -> Result<Vec<Setting>, Failure> {
    let mut settings = Vec::new();
    for (flag, arg) in known {
        let is_list = matches!(arg.get_action(), ArgAction::Append);
        settings.extend(sources.setting(flag, is_list)?);
    }
    Ok(settings)
}

fn show(sources: &Sources<'_>, known: &BTreeMap<String, Arg>, out: Out) -> Result<Exit, Failure> {
    let mut lines = Vec::new();
    let mut members = serde_json::Map::new();
    let mut shown = |name: &str, value: Value, origin: &str| {
        let key = key(name, sources.flags);
        lines.push(format!("{key} = {value}  # {origin}\n"));
        members.insert(key, json!({ "value": value, "origin": origin }));
    };
    let set = settings(sources, known)?;
    for (flag, arg) in known {
        let setting = set.iter().find(|setting| setting.flag == *flag);
        let is_list = matches!(arg.get_action(), ArgAction::Append);
        if let Some(setting) = setting {
            let value = match (is_list, setting.values.as_slice()) {
                (false, [value]) => json!(value),
                (_, values) => json!(values),
            };
            shown(flag, value, &setting.origin.to_string());
            continue;
        }
        let defaults = arg.get_default_values();
        if let (true, Some(value)) = (arg.get_action().takes_values(), defaults.first()) {
            shown(flag, json!(value.to_string_lossy()), "default");
        }
    }
    for name in SECRETS {
        let variable = variable(name);
        if (sources.environment)(&variable).is_some_and(|value| !value.is_empty()) {
            shown(name, json!("(secret)"), &format!("environment {variable}"));
        }
    }
    out.show(lines.concat().trim_end(), &Value::Object(members))?;
    Ok(Exit::Yes)
}

/// Parses what is set as if it were on the command line of each command that takes it.
fn check(sources: &Sources<'_>, known: &BTreeMap<String, Arg>, out: Out) -> Result<Exit, Failure> {
    let set = settings(sources, known)?;
    for setting in &set {
        let Some(arg) = known.get(&setting.flag).filter(|arg| arg.get_action().takes_values())
        else {
            continue;
        };
        let values = setting.values.iter().map(|value| format!("--{}={value}", setting.flag));
        // Alone, because its command may need more.
        let alone = Arg::new(&setting.flag).long(&setting.flag).value_name("VALUE");
        let alone = alone.action(arg.get_action().clone());
        let alone = alone.value_parser(arg.get_value_parser().clone());
        let alone = Command::new("partner-center").no_binary_name(true).arg(alone);
        if let Err(error) = alone.try_get_matches_from(values) {
            return Err(complaint::failure(&error, &set, &[]));
        }
    }
    let trust = TrustOptions::augment_args(Command::new("partner-center").no_binary_name(true));
    let names: Vec<_> = trust.get_arguments().filter_map(Arg::get_long).collect();
    let of_trust = set.iter().filter(|setting| names.contains(&setting.flag.as_str()));
    let values = of_trust.flat_map(|setting| {
        setting.values.iter().map(|value| format!("--{}={value}", setting.flag))
    });
    let values: Vec<_> = values.collect();
    let matches = trust.clone().try_get_matches_from(values);
    let options = matches.and_then(|matches| TrustOptions::from_arg_matches(&matches));
    let options = options.map_err(|error| complaint::failure(&error, &set, &[]))?;
    options.check_files()?;
    let files: Vec<_> =
        sources.layers.iter().map(|layer| layer.path.display().to_string()).collect();
    let text = format!("the configuration is valid: {} files, {} values", files.len(), set.len());
    out.show(text, &json!({ "valid": true, "files": files, "values": set.len() }))?;
    Ok(Exit::Yes)
}

fn options(known: &BTreeMap<String, Arg>, flags: &[String], out: Out) -> Result<Exit, Failure> {
    let rows = known.iter().map(|(flag, arg)| {
        json!({
            "flag": format!("--{flag}"),
            "variable": variable(flag),
            "key": key(flag, flags),
            "takes_value": arg.get_action().takes_values(),
            "is_list": matches!(arg.get_action(), ArgAction::Append),
            "help": help(arg),
        })
    });
    let rows: Vec<Value> = rows.collect();
    let text = |name: &'static str, row: &Value| {
        row.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let lines = rows.iter().map(|row| {
        format!("{:<42} {:<56} {}\n", text("flag", row), text("variable", row), text("key", row))
    });
    let lines: String = lines.collect();
    out.show(lines.trim_end(), &Value::Array(rows))?;
    Ok(Exit::Yes)
}

fn help(arg: &Arg) -> String {
    arg.get_help().map(ToString::to_string).unwrap_or_default()
}

fn init(
    output: Option<PathBuf>,
    force: bool,
    known: &BTreeMap<String, Arg>,
    flags: &[String],
) -> Result<PathBuf, Failure> {
    let path = output.or_else(user_path).ok_or_else(|| {
        Failure::usage(
            "there is no folder for configuration: neither XDG_CONFIG_HOME nor HOME is set",
        )
        .or_try("partner-center config init --output FILE")
    })?;
    if path.exists() && !force {
        return Err(Failure::usage(format_args!("{} is there already", path.display()))
            .or_try("partner-center config init --force"));
    }
    let mut text = "# The configuration of `partner-center`. A flag takes precedence, then its variable, then this file.\n".to_owned();
    for (flag, arg) in known.iter().filter(|(_, arg)| arg.get_help_heading().is_some()) {
        let value = match arg.get_action() {
            ArgAction::Append => "[\"…\"]",
            ArgAction::SetTrue => "true",
            ArgAction::Count => "1",
            _ => "\"…\"",
        };
        let (help, key) = (help(arg), key(flag, flags));
        text += &format!("\n# {help}\n# {key} = {value}\n");
    }
    let written = match path.parent() {
        Some(folder) => fs::create_dir_all(folder).and_then(|()| fs::write(&path, text)),
        None => fs::write(&path, text),
    };
    written.map_err(|error| Failure::file("--output", &path, error))?;
    note(format_args!("wrote {}", path.display()));
    Ok(path)
}

/// Writes a secret beside the file at `path`, for its owner alone.
fn new_secret(path: &Path, force: bool) -> Result<PathBuf, Failure> {
    let file = path.with_file_name("deliver.secret");
    if file.exists() && !force {
        // An application may know the one that is there.
        return Err(Failure::usage(format_args!("{} is there already", file.display()))
            .or_try("partner-center config init --with-secret --force"));
    }
    replace_secret(&file, format!("{}\n", signature::new_secret()).as_bytes())
        .map_err(|error| Failure::file("--with-secret", &file, error))?;
    note(format_args!("wrote {}: give the secret to your application", file.display()));
    Ok(file)
}
