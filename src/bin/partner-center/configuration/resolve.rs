//! Completes a command line with variables and files.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, Command};

use super::file::Layer;
use super::names::{UNCONFIGURED, key, variable};
use crate::failure::Failure;

/// The value of an option that was not on the command line.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) flag: String,
    pub(crate) values: Vec<String>,
    pub(crate) origin: Origin,
}

/// Where a value comes from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Origin {
    Environment(String),
    File { path: PathBuf, key: String },
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::File { path, key } => write!(f, "`{key}` in {}", path.display()),
        }
    }
}

/// Reads variables and files.
pub(crate) struct Sources<'s> {
    pub(crate) environment: &'s dyn Fn(&str) -> Option<OsString>,
    pub(crate) layers: &'s [Layer],
    pub(crate) flags: &'s [String],
}

impl Sources<'_> {
    /// The value of `flag`, from the source with the highest precedence. Lists replace each other.
    pub(crate) fn setting(&self, flag: &str, is_list: bool) -> Result<Option<Setting>, Failure> {
        let name = variable(flag);
        let setting = |values, origin| Some(Setting { flag: flag.to_owned(), values, origin });
        if let Some(value) = (self.environment)(&name).filter(|value| !value.is_empty()) {
            let not_unicode = |_| Failure::usage(format_args!("{name} is not Unicode"));
            let value = value.into_string().map_err(not_unicode)?;
            let values = match is_list {
                true => value.split(',').map(|part| part.trim().to_owned()).collect(),
                false => vec![value],
            };
            return Ok(setting(values, Origin::Environment(name)));
        }
        Ok(self.layers.iter().find_map(|layer| {
            let values = layer.values.get(flag)?.clone();
            let key = key(flag, self.flags);
            setting(values, Origin::File { path: layer.path.clone(), key })
        }))
    }

    /// Adds the configured options to `arguments`, whose first one is the name of the program.
    ///
    /// What conflicts with an option on the command line stays out.
    pub(crate) fn complete(
        &self,
        command: &mut Command,
        arguments: Vec<OsString>,
    ) -> Result<(Vec<OsString>, Vec<Setting>), Failure> {
        command.build();
        let (leaf, given) = leaf(command, &arguments);
        let mut settings = Vec::new();
        let mut added = Vec::new();
        for arg in leaf.get_arguments() {
            let Some(flag) = arg.get_long().filter(|flag| !UNCONFIGURED.contains(flag)) else {
                continue;
            };
            let aliases = arg.get_all_aliases().unwrap_or_default();
            let others = conflicts(leaf, arg);
            let is_given = |given: &String| {
                given == flag || aliases.contains(&given.as_str()) || others.contains(given)
            };
            if given.iter().any(is_given) {
                continue;
            }
            let is_list = matches!(arg.get_action(), ArgAction::Append);
            if let Some(setting) = self.setting(flag, is_list)? {
                added.extend(as_arguments(arg, &setting)?);
                settings.push(setting);
            }
        }
        let end = arguments.iter().position(|argument| argument == "--");
        let mut whole = arguments;
        let rest = end.map(|end| whole.split_off(end)).unwrap_or_default();
        whole.extend(added);
        whole.extend(rest);
        Ok((whole, settings))
    }
}

/// The flags that conflict with `arg`, whichever of the two says so.
fn conflicts(command: &Command, arg: &Arg) -> Vec<String> {
    let own = command.get_arg_conflicts_with(arg);
    let longs = own.into_iter().filter_map(Arg::get_long).map(str::to_owned);
    let others = command.get_arguments().filter(|other| {
        let theirs = command.get_arg_conflicts_with(other);
        theirs.iter().any(|each| each.get_id() == arg.get_id())
    });
    longs.chain(others.filter_map(Arg::get_long).map(str::to_owned)).collect()
}

fn as_arguments(arg: &Arg, setting: &Setting) -> Result<Vec<OsString>, Failure> {
    let Setting { flag, values, origin } = setting;
    let value = || values.first().map(String::as_str).unwrap_or_default();
    let invalid = |expected: &str| {
        Failure::usage(format_args!("--{flag} `{}`: expected {expected}", value().escape_debug()))
            .because(format_args!("it is set by {origin}"))
    };
    Ok(match arg.get_action() {
        ArgAction::SetTrue => match value() {
            "1" | "true" | "yes" => vec![format!("--{flag}").into()],
            "0" | "false" | "no" => Vec::new(),
            _ => return Err(invalid("true or false")),
        },
        ArgAction::Count => {
            let times: u8 = value().parse().map_err(|_| invalid("a number"))?;
            (0..times).map(|_| format!("--{flag}").into()).collect()
        }
        _ => values.iter().map(|value| format!("--{flag}={value}").into()).collect(),
    })
}

/// The subcommand that `arguments` name, and the flags among them.
fn leaf<'c>(command: &'c Command, arguments: &[OsString]) -> (&'c Command, Vec<String>) {
    let mut leaf = command;
    let mut given = Vec::new();
    let mut words = arguments.iter().skip(1).map(OsString::as_os_str);
    while let Some(word) = words.next() {
        if word == "--" {
            break;
        }
        let Some(text) = word.to_str() else {
            continue;
        };
        if let Some(flag) = text.strip_prefix("--") {
            let (flag, value) = flag.split_once('=').map_or((flag, None), |(f, v)| (f, Some(v)));
            given.push(flag.to_owned());
            let mut args = leaf.get_arguments();
            let arg = args.find(|arg| {
                let aliases = arg.get_all_aliases().unwrap_or_default();
                arg.get_long() == Some(flag) || aliases.contains(&flag)
            });
            if value.is_none() && arg.is_some_and(|arg| arg.get_action().takes_values()) {
                words.next();
            }
        } else if let Some(short) = text.strip_prefix('-') {
            let of = |short| leaf.get_arguments().find(|arg| arg.get_short() == Some(short));
            let longs = short.chars().filter_map(|short| of(short)?.get_long());
            given.extend(longs.map(str::to_owned));
        } else if let Some(next) = leaf.find_subcommand(text) {
            leaf = next;
        }
    }
    (leaf, given)
}

/// The value of `--config` on the command line or in its variable.
pub(crate) fn config_path(
    arguments: &[OsString],
    environment: &dyn Fn(&str) -> Option<OsString>,
) -> Option<PathBuf> {
    let mut words = arguments.iter().map(OsString::as_os_str).take_while(|word| *word != "--");
    while let Some(word) = words.next() {
        if word == "--config" {
            return words.next().map(PathBuf::from);
        }
        let value = word.to_str().and_then(|word| word.strip_prefix("--config="));
        if let Some(value) = value {
            return Some(PathBuf::from(value));
        }
    }
    let from_environment = environment("PARTNER_CENTER_CONFIG");
    from_environment.filter(|path| !path.is_empty()).map(|path| owned(&path))
}

fn owned(path: &OsStr) -> PathBuf {
    Path::new(path).to_owned()
}
