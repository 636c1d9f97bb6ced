//! The command line.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use lexopt::Arg::{Long, Short};

use crate::arguments::parsed;
use crate::line::Line;

/// The parsed command line.
pub(crate) struct Options {
    pub(crate) listen: SocketAddr,
    pub(crate) base_url: Option<String>,
    pub(crate) write_anchors: Option<PathBuf>,
    pub(crate) write_environment: Option<PathBuf>,
    pub(crate) write_intermediates: Option<PathBuf>,
    pub(crate) attempts: u32,
    pub(crate) first_pause: Duration,
    pub(crate) lines: Vec<Line>,
    pub(crate) keeps_running: bool,
}

impl Options {
    pub(crate) const HELP: &str = "\
A local Partner Center: registration API, tokens, certificates, and signed callbacks to your service.

Usage: partner_center [OPTIONS]

  --listen ADDR               the address to listen on. Default: a free port of 127.0.0.1
  --base-url URL              the base URL for services, such as http://host.docker.internal:4000. Default: that address
  --write-anchors FILE        write the trust anchor as PEM
  --write-intermediates FILE  write the CA certificate below it as PEM, for services that do not fetch it
  --write-environment FILE    write the configuration of a service, as lines PARTNER_CENTER_…=…
  --attempts N                the number of attempts before a delivery is given up. Default: 10, as documented
  --first-pause MILLISECONDS  the pause after the first failed attempt; it doubles after each. Default: 1000. The real
                              pauses are not documented
  --command LINE              run this command instead of reading standard input; repeatable
  --stay                      keep running after the last command, until a signal
  --help                      print this help

Standard output: the address and the configuration of a service; then a line for each attempt and each command.

Tenant, secrets and keys are new for each run. A receiver fetches a rotated certificate at most once in five seconds, and refuses
callbacks signed with it until then; Partner Center retries, and so does this program.

Commands, one per line of standard input:

";

    /// Parses the command line; `None` if it asks for help.
    pub(crate) fn parse(mut parser: lexopt::Parser) -> Result<Option<Self>, lexopt::Error> {
        let mut options = Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            base_url: None,
            write_anchors: None,
            write_environment: None,
            write_intermediates: None,
            attempts: 10,
            first_pause: Duration::from_secs(1),
            lines: Vec::new(),
            keeps_running: false,
        };
        while let Some(argument) = parser.next()? {
            match argument {
                Long("listen") => options.listen = parsed("--listen", &mut parser)?,
                Long("base-url") => options.base_url = Some(parsed("--base-url", &mut parser)?),
                Long("write-anchors") => options.write_anchors = Some(parser.value()?.into()),
                Long("write-environment") => {
                    options.write_environment = Some(parser.value()?.into());
                }
                Long("write-intermediates") => {
                    options.write_intermediates = Some(parser.value()?.into());
                }
                Long("attempts") => options.attempts = parsed("--attempts", &mut parser)?,
                Long("first-pause") => {
                    let milliseconds = parsed("--first-pause", &mut parser)?;
                    options.first_pause = Duration::from_millis(milliseconds);
                }
                Long("command") => options.lines.push(parsed("--command", &mut parser)?),
                Long("stay") => options.keeps_running = true,
                Short('h') | Long("help") => return Ok(None),
                other => return Err(other.unexpected()),
            }
        }
        Ok(Some(options))
    }
}
