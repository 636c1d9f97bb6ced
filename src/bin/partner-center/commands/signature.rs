//! `signature`: the signatures of Standard Webhooks, with which events are handed on.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Subcommand;
use hmac::{Hmac, Mac as _};
use serde_json::json;
use sha2::Sha256;
use uuid::Uuid;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::options::files::{read, text};
use crate::output::Out;

#[derive(Debug, Subcommand)]
pub(crate) enum SignatureCommand {
    /// Print a new secret
    New,
    /// Print the three headers of a signed body
    Sign {
        /// A file with secrets, one per line; the first one signs first
        #[arg(long, value_name = "FILE")]
        secret_file: PathBuf,
        /// The body; `-` is standard input
        #[arg(long, value_name = "FILE")]
        body: PathBuf,
        /// The identifier of the message [default: a new one]
        #[arg(long, value_name = "ID")]
        id: Option<String>,
        /// The time in seconds since 1970 [default: now]
        #[arg(long, value_name = "SECONDS")]
        timestamp: Option<u64>,
    },
    /// Check the signature of a body
    #[command(after_help = "Exit code: 0 it is valid, 1 it is not.")]
    Verify {
        /// A file with secrets, one per line; one of them must fit
        #[arg(long, value_name = "FILE")]
        secret_file: PathBuf,
        /// The body; `-` is standard input
        #[arg(long, value_name = "FILE")]
        body: PathBuf,
        /// The header `webhook-id`
        #[arg(long, value_name = "ID")]
        id: String,
        /// The header `webhook-timestamp`
        #[arg(long, value_name = "SECONDS")]
        timestamp: u64,
        /// The header `webhook-signature`
        #[arg(long, value_name = "SIGNATURES")]
        signature: String,
    },
}

pub(crate) fn run(command: &SignatureCommand, out: Out) -> Result<Exit, Failure> {
    match command {
        SignatureCommand::New => {
            let secret = new_secret();
            out.show(&secret, &json!({ "secret": secret }))?;
            Ok(Exit::Yes)
        }
        SignatureCommand::Sign { secret_file, body, id, timestamp } => {
            let keys = keys(secret_file)?;
            let id = id.clone().unwrap_or_else(|| format!("msg_{}", Uuid::new_v4().simple()));
            let timestamp = timestamp.unwrap_or_else(now);
            let message = message(&id, timestamp, &read("--body", body)?);
            let signatures: Result<Vec<_>, Failure> =
                keys.iter().map(|key| Ok(signature(&mac(key, &message)?))).collect();
            let signatures = signatures?.join(" ");
            let text = format!(
                "webhook-id: {id}\nwebhook-timestamp: {timestamp}\nwebhook-signature: {signatures}"
            );
            let object = json!({
                "webhook-id": id,
                "webhook-timestamp": timestamp.to_string(),
                "webhook-signature": signatures,
            });
            out.show(text, &object)?;
            Ok(Exit::Yes)
        }
        SignatureCommand::Verify { secret_file, body, id, timestamp, signature } => {
            let keys = keys(secret_file)?;
            let message = message(id, *timestamp, &read("--body", body)?);
            let is_valid = is_valid(&keys, &message, signature)?;
            let word = if is_valid { "valid" } else { "invalid" };
            out.show(word, &json!({ "valid": is_valid }))?;
            Ok(if is_valid { Exit::Yes } else { Exit::No })
        }
    }
}

/// A new secret of 244 random bits.
pub(super) fn new_secret() -> String {
    let random = [Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()].concat();
    format!("{PREFIX}{}", STANDARD.encode(random))
}

fn is_valid(keys: &[Vec<u8>], message: &[u8], signatures: &str) -> Result<bool, Failure> {
    let given = signatures.split_whitespace().filter_map(|each| each.strip_prefix("v1,"));
    let given: Vec<_> = given.filter_map(|each| STANDARD.decode(each).ok()).collect();
    for key in keys {
        for each in &given {
            // In constant time.
            if mac(key, message)?.verify_slice(each).is_ok() {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// The secrets of a file.
fn keys(path: &std::path::Path) -> Result<Vec<Vec<u8>>, Failure> {
    let flag = "--secret-file";
    let text = text(flag, path)?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let keys: Option<Vec<Vec<u8>>> = lines
        .map(|line| {
            let key = STANDARD.decode(line.strip_prefix(PREFIX)?).ok()?;
            Some(key).filter(|key| !key.is_empty())
        })
        .collect();
    keys.filter(|keys| !keys.is_empty()).ok_or_else(|| {
        let expected = "expected a secret per line, `whsec_` and base64";
        Failure::file(flag, path, expected).or_try("partner-center signature new")
    })
}

fn message(id: &str, timestamp: u64, body: &[u8]) -> Vec<u8> {
    [format!("{id}.{timestamp}.").as_bytes(), body].concat()
}

fn mac(key: &[u8], message: &[u8]) -> Result<Hmac<Sha256>, Failure> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(Failure::usage)?;
    mac.update(message);
    Ok(mac)
}

fn signature(mac: &Hmac<Sha256>) -> String {
    format!("v1,{}", STANDARD.encode(mac.clone().finalize().into_bytes()))
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

const PREFIX: &str = "whsec_";
