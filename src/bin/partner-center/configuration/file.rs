//! Configuration files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use toml::{Table, Value};

use super::names::{SECRETS, key};
use crate::failure::{Failure, similar};

/// The content of a file: values by flag.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) path: PathBuf,
    pub(crate) values: BTreeMap<String, Vec<String>>,
}

/// The file of the user. No file is taken from the current folder: a service must not change with the folder it is started in.
pub(crate) fn user_path() -> Option<PathBuf> {
    let folder = |name| env::var_os(name).filter(|path| !path.is_empty()).map(PathBuf::from);
    let config = folder("XDG_CONFIG_HOME").filter(|path| path.is_absolute());
    let config = config.or_else(|| Some(folder("HOME")?.join(".config")))?;
    Some(config.join("partner-center").join("config.toml"))
}

/// Reads `named`, which must exist, then the files of the user and of the system, which need not. The first one takes precedence.
pub(crate) fn read_all(named: Option<&Path>, flags: &[String]) -> Result<Vec<Layer>, Failure> {
    let usual = user_path().into_iter().chain([PathBuf::from(SYSTEM_PATH)]);
    let mut layers = Vec::new();
    for (path, is_named) in
        named.map(|path| (path.to_owned(), true)).into_iter().chain(usual.map(|path| (path, false)))
    {
        match fs::read_to_string(&path) {
            Ok(text) => layers.push(parse(path, &text, flags)?),
            Err(error) if !is_named && error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(Failure::file("--config", &path, error)),
        }
    }
    Ok(layers)
}

/// Parses a file. Keys that are not flags are errors.
pub(crate) fn parse(path: PathBuf, text: &str, flags: &[String]) -> Result<Layer, Failure> {
    let invalid = |problem: &str| Failure::usage(format_args!("{}: {problem}", path.display()));
    // Its whole text quotes the line, which may hold a secret.
    let malformed = |error: toml::de::Error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        invalid(&format!("line {}: {}", before.matches('\n').count() + 1, error.message()))
    };
    let table: Table = text.parse().map_err(malformed)?;
    let mut values = BTreeMap::new();
    let mut open: Vec<(String, Value)> = table.into_iter().collect();
    while let Some((name, value)) = open.pop() {
        let texts = match value {
            Value::Table(table) => {
                open.extend(table.into_iter().map(|(key, value)| (format!("{name}-{key}"), value)));
                continue;
            }
            Value::Array(values) => values.into_iter().map(text_of).collect(),
            value => text_of(value).map(|text| vec![text]),
        };
        let shown = key(&name, flags);
        if SECRETS.contains(&name.as_str()) {
            let problem = format!("`{shown}` is a secret, and secrets are not kept in this file");
            return Err(invalid(&problem).or_try(format_args!(
                "export {}, or name a file with `{shown}-file`",
                super::names::variable(&name)
            )));
        }
        if !flags.contains(&name) {
            let failure = invalid(&format!("`{shown}` is not a key"));
            let known = similar(&name, flags.iter().map(String::as_str));
            return Err(known.iter().fold(failure, |failure, flag| {
                failure.or_try(format_args!("`{}`", key(flag, flags)))
            }));
        }
        let texts = texts.ok_or_else(|| {
            invalid(&format!("`{shown}` is not text, a number, a truth value or a list of them"))
        })?;
        if values.insert(name, texts).is_some() {
            return Err(invalid(&format!("`{shown}` is there twice")));
        }
    }
    Ok(Layer { path, values })
}

fn text_of(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Integer(number) => Some(number.to_string()),
        Value::Boolean(flag) => Some(flag.to_string()),
        _ => None,
    }
}

pub(crate) const SYSTEM_PATH: &str = "/etc/partner-center/config.toml";
