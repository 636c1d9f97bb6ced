//! A line of standard input.

use std::str::FromStr;

use partner_center_webhooks::testing::TestKitError;
use partner_center_webhooks::testing::partner_center::Command;

/// A command of the emulator or of this program.
pub(crate) enum Line {
    Emulator(Command),
    Help,
    Nothing,
    Quit,
    Wait,
}

impl Line {
    /// The commands of this program.
    pub(crate) const HELP: &str = "\
wait                       wait until no delivery is in progress
help                       print this help
quit                       exit once no delivery is in progress, as at the end of standard input

Exit code 1: cannot listen; or, with --command, a command failed, a delivery was given up, or a forged callback was
accepted. Exit code 2: invalid command line.

Services in any language: GET /emulator returns the configuration as JSON, POST /emulator/commands runs a command.
";
}

impl FromStr for Line {
    type Err = TestKitError;

    fn from_str(line: &str) -> Result<Self, TestKitError> {
        Ok(match line.trim() {
            "" => Self::Nothing,
            "help" => Self::Help,
            "quit" => Self::Quit,
            "wait" => Self::Wait,
            line => Self::Emulator(line.parse()?),
        })
    }
}
