//! `doctor`: examines everything that a callback depends on, part by part.

mod certificate;
mod clock;
mod network;
mod options;
mod part;
mod receiver;
mod registration;

use partner_center_webhooks::chain::certificate_to_pem;
use partner_center_webhooks::diagnosis::Examination;
use serde_json::{Value, json};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::options::files;
use crate::output::Out;
use options::PartName;
use part::Part;

pub(crate) use options::DoctorOptions;

pub(crate) async fn run(options: &DoctorOptions, out: Out) -> Result<Exit, Failure> {
    if options.offline && options.certificate.is_none() {
        return Err(Failure::usage("--offline needs --certificate FILE"));
    }
    let trust = options.trust.load().await?;
    let is_online = !options.offline && options.certificate.is_none();
    let mut parts = Vec::new();
    let mut examination = None;
    if options.wants(PartName::Certificate, true) {
        let examined = certificate::examine(options, &trust).await?;
        parts.push(certificate::part(&examined));
        examination = Some(examined);
    }
    if options.wants(PartName::Network, is_online) {
        parts.push(network::part(options.url(&trust).as_deref(), examination.as_ref()).await);
    }
    if options.wants(PartName::Clock, is_online) {
        parts.push(clock::part(options.url(&trust).as_deref(), &trust).await);
    }
    let has_account = options.account.is_configured() && !options.offline;
    if options.wants(PartName::Registration, has_account) {
        parts.push(registration::part(options, &trust).await);
    }
    if options.wants(PartName::Receiver, options.receiver.is_some()) {
        parts.push(receiver::part(options.receiver.as_deref()).await);
    }
    let saved = save(options, examination.as_ref())?;
    out.show(
        text(&parts, examination.as_ref(), saved.as_deref()),
        &object(&parts, examination.as_ref()),
    )?;
    Ok(Part::exit(&parts))
}

/// Writes the issuers if that is asked for. Returns what happened.
fn save(
    options: &DoctorOptions,
    examination: Option<&Examination>,
) -> Result<Option<String>, Failure> {
    let (Some(path), Some(examination)) = (&options.save_intermediates, examination) else {
        return Ok(None);
    };
    let issuers = examination.issuers();
    if issuers.is_empty() {
        let nothing = "Nothing was saved: no path over an intermediate is valid.";
        return Ok(Some(nothing.to_owned()));
    }
    let pem: String = issuers.iter().map(certificate_to_pem).collect();
    files::write("--save-intermediates", path, pem)?;
    Ok(Some(format!("Saved intermediates: {}.", issuers.len())))
}

fn text(parts: &[Part], examination: Option<&Examination>, saved: Option<&str>) -> String {
    let mut text = format!("{}\n", Part::verdict(parts));
    text.extend(parts.iter().map(ToString::to_string));
    if let Some(examination) = examination {
        text += &format!("\n{examination}");
    }
    if let Some(saved) = saved {
        text += &format!("\n{saved}\n");
    }
    text.truncate(text.trim_end().len());
    text
}

/// The object of the examination, and the parts.
fn object(parts: &[Part], examination: Option<&Examination>) -> Value {
    let mut object = examination.map_or_else(|| json!({}), Examination::to_json);
    if let Value::Object(members) = &mut object {
        let parts = parts.iter().map(Part::to_json).collect();
        members.insert("parts".to_owned(), Value::Array(parts));
    }
    object
}
