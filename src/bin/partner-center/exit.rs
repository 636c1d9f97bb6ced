//! The exit codes, which scripts rely on.

use std::process::ExitCode;

/// How the program ends. The codes are documented in `--help` and do not change.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Exit {
    /// Yes, or done.
    Yes,
    /// No: forged, untrusted, not delivered.
    No,
    /// The command line, the configuration or a file that they name is invalid.
    Usage,
    /// It could not be found out now: the network, a time limit, an outage.
    Unknown,
    /// Credentials are missing or were refused.
    Credentials,
    /// A bug in this program.
    Bug,
    /// Interrupted by a signal.
    Interrupted,
}

impl Exit {
    /// All of them.
    pub(crate) const ALL: [Self; 7] = [
        Self::Yes,
        Self::No,
        Self::Usage,
        Self::Unknown,
        Self::Credentials,
        Self::Bug,
        Self::Interrupted,
    ];

    /// The number that the process ends with.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Yes => 0,
            Self::No => 1,
            Self::Usage => 2,
            Self::Unknown => 3,
            Self::Credentials => 4,
            Self::Bug => 70,
            Self::Interrupted => 130,
        }
    }

    /// The meaning in words.
    pub(crate) const fn meaning(self) -> &'static str {
        match self {
            Self::Yes => "yes, or done",
            Self::No => "no: forged, untrusted, not delivered",
            Self::Usage => "the command line, the configuration or a file is invalid",
            Self::Unknown => "not known now: the network, a time limit, an outage",
            Self::Credentials => "credentials are missing or were refused",
            Self::Bug => "a bug in this program",
            Self::Interrupted => "interrupted by a signal",
        }
    }

    /// The table of all codes, for the help and the manual page.
    pub(crate) fn table() -> String {
        let lines = Self::ALL.map(|exit| format!("  {:>3}  {}\n", exit.code(), exit.meaning()));
        format!("Exit codes:\n{}", lines.concat())
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}
