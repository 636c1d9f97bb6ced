//! The options of `doctor`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::options::account::AccountOptions;
use crate::options::trust::{Trust, TrustOptions};
use crate::values::Instant;

/// Examines the signing certificate step by step, then the network, the clock, the registration and a running receiver
#[derive(Args, Debug)]
#[command(
    after_help = "A signing certificate of another name is refused, and examined to the end all the same: its issuers \
                  are fetched, where a receiver would stop.\n\nExit code: 0 all is well, 1 something is wrong, 3 it \
                  could not be found out, 2 the command line or a file is invalid."
)]
pub(crate) struct DoctorOptions {
    /// The signing certificate (DER, PEM or base64); in PEM its issuers may follow
    #[arg(long, value_name = "FILE", conflicts_with = "certificate_url")]
    pub(super) certificate: Option<PathBuf>,
    /// Fetch the signing certificate from here, instead of where Microsoft documents it
    #[arg(long, value_name = "URL")]
    pub(super) certificate_url: Option<String>,
    /// Judge as of this time (RFC 3339), instead of now
    #[arg(long, value_name = "TIME")]
    pub(super) at: Option<Instant>,
    /// Fetch nothing; needs --certificate
    #[arg(long)]
    pub(super) offline: bool,
    /// Write the issuers on the valid path, as PEM, for --intermediates
    #[arg(long, value_name = "FILE")]
    pub(super) save_intermediates: Option<PathBuf>,
    /// Examine these parts only
    #[arg(long, value_enum, value_name = "PART")]
    only: Vec<PartName>,
    /// Where a running receiver responds to its operators, for example http://127.0.0.1:9464
    #[arg(long, value_name = "URL")]
    pub(super) receiver: Option<String>,
    /// The path of callbacks
    #[arg(long, value_name = "PATH", default_value = crate::values::CALLBACK_PATH)]
    pub(super) path: String,
    #[command(flatten)]
    pub(super) trust: TrustOptions,
    #[command(flatten)]
    pub(super) account: AccountOptions,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(super) enum PartName {
    Certificate,
    Network,
    Clock,
    Registration,
    Receiver,
}

impl DoctorOptions {
    /// Whether a part is examined. Parts without a subject are left out, unless they are asked for by name.
    pub(super) fn wants(&self, part: PartName, is_usual: bool) -> bool {
        match self.only.is_empty() {
            true => is_usual,
            false => self.only.contains(&part),
        }
    }

    /// The URL of the signing certificate.
    pub(super) fn url(&self, trust: &Trust) -> Option<String> {
        self.certificate_url.clone().or_else(|| match &trust.emulator {
            Some(emulator) => Some(emulator.certificate_url().to_owned()),
            None => trust.certificate_url(),
        })
    }
}
