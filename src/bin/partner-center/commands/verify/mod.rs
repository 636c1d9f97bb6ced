//! `verify`: judges a captured callback.

mod capture;
mod report;

use std::path::{Path, PathBuf};

use clap::Args;
use http::{HeaderMap, HeaderValue};
use partner_center_webhooks::envelope::CERTIFICATE_URL_HEADER;
use partner_center_webhooks::source::CertificateBundle;
use partner_center_webhooks::{Error, ErrorKind, Receiver};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::options::files::read;
use crate::options::trust::{Trust, TrustOptions};
use crate::output::{Out, line, one_line};
use crate::values::Instant;
use capture::Captured;
use report::Report;

/// Judges whether Partner Center signed a captured callback, and if not, why not
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct VerifyOptions {
    /// The whole request: as it was sent, a `curl -v` trace, or a HAR file; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "headers")]
    request: Option<PathBuf>,
    /// The request's headers, `Name: value` a line; a request line before them is skipped, and so is everything after the first
    /// blank line
    #[arg(long, value_name = "FILE")]
    headers: Option<PathBuf>,
    /// The request's body, byte for byte as it was received
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,
    /// The signing certificate (DER, PEM or base64); nothing is fetched then
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// Judge as of this time (RFC 3339), instead of now
    #[arg(long, value_name = "TIME")]
    at: Option<Instant>,
    /// Fetch nothing; needs --certificate
    #[arg(long)]
    offline: bool,
    #[command(flatten)]
    trust: TrustOptions,
}

const HELP: &str = "\
With --json, one object:
  verdict      `genuine` if Partner Center signed the body, else `refused`
  kind         which stage refused: envelope, location, source, chain,
               signature or body; null if genuine
  status       the HTTP status that a receiver responds with
  reason       why it is refused; null if genuine
  event        the event, as received; null if refused, or if the body is
               genuine and not an event
  event_error  why a genuine body is not an event (a receiver responds with
               503); else absent
  digest       SHA-256 of the body, the same for repeated deliveries; null if
               refused
  signer       the signing certificate; null if refused
  hint         what may have happened to the request; else absent

Exit code: 0 genuine, 1 refused, 3 it could not be found out (the certificate
was not reached), 2 the command line or a file is invalid.";

pub(crate) async fn run(options: &VerifyOptions, out: Out) -> Result<Exit, Failure> {
    let captured = captured(options)?;
    if options.offline && options.certificate.is_none() {
        return Err(Failure::usage("--offline needs --certificate FILE"));
    }
    let trust = options.trust.load().await?;
    let receiver = receiver(options, &trust)?;
    let (report, exit) = judge(&receiver, &captured, options).await;
    match out.is_json() {
        true => line(one_line(&report).map_err(Failure::unknown)?)?,
        false => line(&report)?,
    }
    Ok(exit)
}

fn captured(options: &VerifyOptions) -> Result<Captured, Failure> {
    let body = options.body.as_deref().map(|path| read("--body", path)).transpose()?;
    let (flag, path) = match (&options.request, &options.headers) {
        (Some(path), _) => ("--request", path),
        (None, Some(path)) => ("--headers", path),
        (None, None) => {
            return Err(Failure::usage(
                "--request FILE is missing, or --headers FILE and --body FILE",
            )
            .or_try("partner-center verify --help"));
        }
    };
    let bytes = read(flag, path)?;
    let invalid = |error: String| Failure::file(flag, path, error);
    let mut captured = match flag {
        "--request" => Captured::request(&bytes).map_err(invalid)?,
        _ => Captured { headers: capture::headers(&bytes).map_err(invalid)?, body: None },
    };
    if let Some(body) = body {
        captured.body = Some(body);
    }
    match captured.body {
        Some(_) => Ok(captured),
        None => Err(Failure::usage("--body FILE is missing")
            .because("what was captured has no body")
            .or_try("partner-center verify --help")),
    }
}

fn receiver(options: &VerifyOptions, trust: &Trust) -> Result<Receiver, Failure> {
    let mut builder = trust.receiver();
    if let Some(path) = &options.certificate {
        builder = builder.certificate_source(certificate(path)?).danger_without_authorities();
    }
    if let Some(Instant(time)) = options.at {
        builder = builder.clock(move || time);
    }
    builder.build().map_err(Failure::unknown)
}

fn certificate(path: &Path) -> Result<CertificateBundle, Failure> {
    let bytes = read("--certificate", path)?;
    CertificateBundle::from_bytes(&bytes)
        .map_err(|error| Failure::file("--certificate", path, error))
}

async fn judge(
    receiver: &Receiver,
    captured: &Captured,
    options: &VerifyOptions,
) -> (Report, Exit) {
    let Captured { headers, body } = captured;
    let body = body.as_deref().unwrap_or_default();
    match receiver.verify(headers, body).await {
        Ok(body) => (Report::genuine(&body), Exit::Yes),
        Err(error) => {
            let mut report = Report::refused(&error);
            report.hint = match error.kind() {
                ErrorKind::Signature => line_break(receiver, headers, body).await,
                ErrorKind::Location if options.certificate.is_some() => {
                    elsewhere(receiver, headers, body).await
                }
                _ => None,
            };
            (report, exit(&error))
        }
    }
}

/// Whether the callback is refused, or the certificate was not reached.
fn exit(error: &Error) -> Exit {
    match error.kind() {
        ErrorKind::Source => Exit::Unknown,
        ErrorKind::Signature if error.status().is_server_error() => Exit::Unknown,
        _ => Exit::No,
    }
}

/// Tries the body without its last line break.
async fn line_break(receiver: &Receiver, headers: &HeaderMap, body: &[u8]) -> Option<&'static str> {
    let shorter = body.strip_suffix(b"\n")?;
    let shorter = shorter.strip_suffix(b"\r").unwrap_or(shorter);
    let verified = receiver.verify(headers, shorter).await;
    verified.is_ok().then_some(
        "without its last line break the body is genuine: an editor may have added it to the file",
    )
}

/// Tries the callback with the documented certificate URL.
async fn elsewhere(receiver: &Receiver, headers: &HeaderMap, body: &[u8]) -> Option<&'static str> {
    let location = partner_center_webhooks::source::CertificateLocation::default();
    let documented = location.documented_urls().next()?;
    let mut headers = headers.clone();
    let url = HeaderValue::from_str(documented.as_str()).ok()?;
    headers.insert(CERTIFICATE_URL_HEADER, url);
    let verified = receiver.verify(&headers, body).await;
    verified.is_ok().then_some(
        "apart from the certificate URL the callback is genuine under the certificate of --certificate; to allow that URL, use \
         --danger-certificate-location or --danger-trust-emulator",
    )
}
