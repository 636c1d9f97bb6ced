//! A line of standard input.

use std::str::FromStr;

use partner_center_webhooks::testing::partner_center::{Command, CommandError};

/// What shall be done: by the emulator, or by this program.
pub(crate) enum Order {
    Emulator(Command),
    Help,
    Nothing,
    Quit,
    Wait,
}

impl Order {
    /// What the emulator itself does not know.
    pub(crate) const HELP: &str = "\
wait                       wait until no delivery is under way
help                       print this
quit                       end, when no delivery is under way; so does the end of standard input

Exit code 1: cannot listen; or, with --command, a command failed, an event was given up, or a forged callback was answered
with success. 2: a fault of the command line.

Services in any language: GET /emulator tells all of this as JSON, POST /emulator/commands takes a command.
";
}

impl FromStr for Order {
    type Err = CommandError;

    fn from_str(line: &str) -> Result<Self, CommandError> {
        Ok(match line.trim() {
            "" => Self::Nothing,
            "help" => Self::Help,
            "quit" => Self::Quit,
            "wait" => Self::Wait,
            line => Self::Emulator(line.parse()?),
        })
    }
}
