//! The command line, and the files that it names.

use std::path::Path;

use http::{HeaderMap, HeaderName, HeaderValue};
use lexopt::Arg::{Long, Short};
use partner_center_webhooks::Receiver;
use partner_center_webhooks::source::CertificateBundle;

use crate::arguments::{about, parsed};
use crate::instant::Instant;
use crate::pem::{anchors, certificates, file};

/// What the command line asks for.
pub(crate) struct Options {
    pub(crate) receiver: Receiver,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Options {
    pub(crate) const HELP: &str = "\
Verify a captured callback of Microsoft Partner Center.

Usage: verify_callback --headers FILE --body FILE [OPTIONS]

  --headers FILE        the request's headers, `Name: value` a line; a request line before them is skipped,
                        and so is whatever follows the first blank line
  --body FILE           the request's body, byte for byte as it arrived
  --certificate FILE    the signing certificate (DER, PEM or base64); no network is used then.
                        Default: download it from the URL in the headers, if that is allowed
  --intermediates FILE  PEM with CA certificates between the signing certificate and an anchor; repeatable.
                        With --certificate all of them are needed; otherwise missing ones are fetched
  --anchors FILE        PEM with the certificates to trust, instead of the roots of Microsoft's TLS CAs
  --signer-name PATTERN the DNS name of the signing certificate, instead of `pcnotifications*.microsoft.com`
  --at TIME             verify as of this time (RFC 3339, as in 2026-08-01T12:00:00Z), instead of now
  --help                print this

Prints one JSON object:
  verdict      `genuine` if Partner Center signed the body, else `refused`
  kind         which stage refused: envelope, location, source, chain, signature or body; null if genuine
  status       the HTTP status of a receiver's response
  reason       why it is refused; null if genuine
  event        the event, as received; null if refused, or if the genuine body is not an event
  event_error  why a genuine body is not an event (a receiver responds with 503); else absent
  digest       SHA-256 of the body, which identifies repeated deliveries; null if refused
  signer       the signing certificate; null if refused
  hint         what may have happened to the body file; else absent

Exit code: 0 genuine, 1 refused, 2 an error in the command line or in a file.
";

    /// Reads the command line, and the files that it names; `None` if it asks for help.
    pub(crate) fn parse(mut parser: lexopt::Parser) -> Result<Option<Self>, lexopt::Error> {
        let mut receiver = Receiver::builder();
        let (mut headers, mut body) = (None, None);
        while let Some(argument) = parser.next()? {
            match argument {
                Long("headers") => headers = Some(captured_headers(parser.value()?.as_ref())?),
                Long("body") => body = Some(file("--body", parser.value()?)?),
                Long("certificate") => {
                    let bundle = certificate(parser.value()?.as_ref())?;
                    receiver = receiver.certificate_source(bundle).danger_without_authorities();
                }
                Long("intermediates") => {
                    receiver =
                        receiver.intermediates(certificates("--intermediates", parser.value()?)?);
                }
                Long("anchors") => {
                    receiver = receiver.anchors(anchors("--anchors", parser.value()?)?);
                }
                Long("signer-name") => {
                    receiver = receiver.signer_name(parsed("--signer-name", &mut parser)?);
                }
                Long("at") => {
                    let Instant(time) = parsed("--at", &mut parser)?;
                    receiver = receiver.clock(move || time);
                }
                Short('h') | Long("help") => return Ok(None),
                other => return Err(other.unexpected()),
            }
        }
        Ok(Some(Self {
            headers: headers.ok_or("--headers FILE is missing")?,
            body: body.ok_or("--body FILE is missing")?,
            receiver: receiver.build().map_err(|error| error.to_string())?,
        }))
    }
}

fn certificate(path: &Path) -> Result<CertificateBundle, String> {
    CertificateBundle::from_bytes(&file("--certificate", path)?)
        .map_err(about("--certificate", path.display()))
}

/// The headers of a request as it was captured, with its request line or without.
fn captured_headers(path: &Path) -> Result<HeaderMap, String> {
    let bytes = file("--headers", path)?;
    let lines = bytes
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .zip(1..)
        .skip_while(|(line, _)| line.is_empty() || is_request_line(line))
        .take_while(|(line, _)| !line.is_empty());
    let mut headers = HeaderMap::new();
    for (line, number) in lines {
        let (name, value) = header(line).ok_or_else(|| {
            let path = path.display();
            format!("--headers {path}: line {number} is not of the form `Name: value`")
        })?;
        headers.append(name, value);
    }
    Ok(headers)
}

/// Whether `line` is a request line, such as `POST /webhooks/callback HTTP/1.1`.
fn is_request_line(line: &[u8]) -> bool {
    let mut words = line.split(|byte| *byte == b' ');
    words.next().is_some_and(|method| !method.contains(&b':'))
        && words.next_back().is_some_and(|version| version.starts_with(b"HTTP/"))
}

fn header(line: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = (line.get(..colon)?, line.get(colon..)?.get(1..)?);
    Some((HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value.trim_ascii()).ok()?))
}
