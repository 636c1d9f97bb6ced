//! Documents that are derived from the command line: completions, and the manual page.

use clap::Command;
use clap_complete::Shell;
use serde_json::json;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Out, bytes, line};

pub(crate) fn completions(shell: Shell, mut command: Command, out: Out) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "partner-center", &mut script);
    document("completions", &script, out)
}

pub(crate) fn manual(command: &Command, out: Out) -> Result<Exit, Failure> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    document("manual", &page, out)
}

fn document(name: &str, content: &[u8], out: Out) -> Result<Exit, Failure> {
    match out.is_json() {
        true => line(json!({ name: String::from_utf8_lossy(content) }))?,
        false => bytes(content)?,
    }
    Ok(Exit::Yes)
}
