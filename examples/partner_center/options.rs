//! The command line.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use lexopt::Arg::{Long, Short};

use crate::arguments::parsed;
use crate::order::Order;

/// What the command line asks for.
pub(crate) struct Options {
    pub(crate) listen: SocketAddr,
    pub(crate) base_url: Option<String>,
    pub(crate) write_anchors: Option<PathBuf>,
    pub(crate) write_environment: Option<PathBuf>,
    pub(crate) write_intermediates: Option<PathBuf>,
    pub(crate) attempts: u32,
    pub(crate) first_pause: Duration,
    pub(crate) orders: Vec<Order>,
    pub(crate) stays: bool,
}

impl Options {
    pub(crate) const HELP: &str = "\
A Partner Center on your desk: registration API, tokens, certificates, and signed callbacks to your service.

Usage: partner_center [OPTIONS]

  --listen ADDR               where to listen. Default: a free port of 127.0.0.1
  --base-url URL              how services reach it, if not at that address, as in http://host.docker.internal:4000
  --write-anchors FILE        write the root to trust, as PEM
  --write-intermediates FILE  write the CA certificate below it, as PEM, for services that fetch none
  --write-environment FILE    write what a service has to be told, as PARTNER_CENTER_…=… a line
  --attempts N                how often an event is tried before it is given up. Default: 10, as documented
  --first-pause MILLISECONDS  the pause after the first failed attempt; it doubles after each. Default: 1000. How long
                              Partner Center really waits is not documented
  --command LINE              do this instead of reading standard input; repeatable, in order
  --stay                      go on after the last command, until a signal
  --help                      print this

Standard output: where it listens, and what a service has to be told; then a line for each attempt to deliver, and for
each command.

Everything is throw-away: tenant, secrets and keys are new each time. A receiver asks for a rotated certificate at most
once in five seconds, and refuses until then what was signed with it; Partner Center tries again, and so does this.

Commands, one a line on standard input:

";

    /// Reads the command line; nothing if it asks for help.
    pub(crate) fn parse(mut parser: lexopt::Parser) -> Result<Option<Self>, lexopt::Error> {
        let mut options = Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            base_url: None,
            write_anchors: None,
            write_environment: None,
            write_intermediates: None,
            attempts: 10,
            first_pause: Duration::from_secs(1),
            orders: Vec::new(),
            stays: false,
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
                Long("command") => options.orders.push(parsed("--command", &mut parser)?),
                Long("stay") => options.stays = true,
                Short('h') | Long("help") => return Ok(None),
                other => return Err(other.unexpected()),
            }
        }
        Ok(Some(options))
    }
}
