//! The rule for names.

use clap::Command;

/// The variable of a flag.
pub(crate) fn variable(flag: &str) -> String {
    format!("PARTNER_CENTER_{}", flag.to_ascii_uppercase().replace('-', "_"))
}

/// The key of a flag in a file, such as `signer.name`. The first word is the table, unless it is a flag itself.
pub(crate) fn key(flag: &str, flags: &[String]) -> String {
    match flag.split_once('-') {
        Some((table, rest)) if !flags.iter().any(|flag| flag == table) => {
            format!("{table}.{rest}")
        }
        _ => flag.to_owned(),
    }
}

/// All flags of a command and its subcommands that can be configured, sorted.
pub(crate) fn flags(command: &Command) -> Vec<String> {
    let mut flags = Vec::new();
    collect(command, &mut flags);
    flags.sort();
    flags.dedup();
    flags
}

fn collect(command: &Command, flags: &mut Vec<String>) {
    let own = command.get_arguments().filter_map(clap::Arg::get_long);
    flags.extend(own.filter(|flag| !UNCONFIGURED.contains(flag)).map(str::to_owned));
    command.get_subcommands().for_each(|command| collect(command, flags));
}

/// Flags that have neither variable nor key. `--config` has a variable.
pub(crate) const UNCONFIGURED: [&str; 3] = ["config", "help", "version"];

/// Secrets, which are variables, and never flags or keys.
pub(crate) const SECRETS: [&str; 4] =
    ["access-token", "client-secret", "graph-token", "referrals-token"];
