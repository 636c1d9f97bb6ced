//! A line of a script.

use std::str::FromStr;

use partner_center_webhooks::testing::TestKitError;
use partner_center_webhooks::testing::partner_center::Command;

/// A command of the emulator or of this program.
pub(super) enum Line {
    Emulator(Command),
    Help,
    Nothing,
    Quit,
    Wait,
}

impl Line {
    /// The commands of this program.
    pub(super) const HELP: &str = "\
wait                       wait until no delivery is in progress
help                       print this help
quit                       end the script
";
}

impl FromStr for Line {
    type Err = TestKitError;

    fn from_str(line: &str) -> Result<Self, TestKitError> {
        Ok(match line.trim() {
            "" => Self::Nothing,
            line if line.starts_with('#') => Self::Nothing,
            "help" => Self::Help,
            "quit" => Self::Quit,
            "wait" => Self::Wait,
            line => Self::Emulator(line.parse()?),
        })
    }
}
