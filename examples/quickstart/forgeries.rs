//! Forged callbacks, and genuine ones that cannot be accepted.

use std::error::Error;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use partner_center_webhooks::envelope::{
    ALGORITHM_HEADER, AUTHORIZATION_HEADER, CERTIFICATE_URL_HEADER, SIGNATURE_HEADER,
};
use partner_center_webhooks::testing::partner_center::sample_event;
use partner_center_webhooks::testing::{Issuer, SignedRequest, Signer, TestKitError};
use partner_center_webhooks::{ErrorKind, EventName};

use crate::certificate_host::CertificateHost;
use crate::{BODY_LIMIT, Case, Outcome, Section, Verdict};

pub(crate) fn sections(
    issuer: &Issuer,
    signer: &Signer,
    host: &mut CertificateHost,
) -> Result<[Section; 5], Box<dyn Error>> {
    let genuine = signer.callback(sample_event(&EventName::SubscriptionUpdated))?;
    Ok([
        ("Forged: the body", bodies(&genuine)?),
        ("Forged: the signature headers", headers(&genuine)?),
        ("Forged: the certificate URL", locations(&genuine)?),
        ("Forged: the certificate", certificates(issuer, &genuine, host)?),
        ("Not forged, and not accepted", misfits(signer, &genuine, host)?),
    ])
}

/// A genuine signature, over another body.
fn bodies(genuine: &SignedRequest) -> Result<Vec<Case>, Box<dyn Error>> {
    let text = str::from_utf8(&genuine.body)?;
    let json: serde_json::Value = serde_json::from_str(text)?;
    let bodies = [
        ("another customer", text.replace("4b2a6e33", "4b2a6e34")),
        ("another event", text.replace("-updated", "-renewed")),
        ("parsed and written again", serde_json::to_string_pretty(&json)?),
        ("a line break at the end", format!("{text}\n")),
    ];
    let refused = |(what, body): (_, String)| {
        refused(what, genuine.clone().with_body(body), 401, ErrorKind::Signature)
    };
    Ok(bodies.map(refused).into())
}

fn headers(genuine: &SignedRequest) -> Result<Vec<Case>, Box<dyn Error>> {
    let with = |name, value: &[u8]| genuine.clone().with_header(name, value);
    let authorization = genuine.headers.get(AUTHORIZATION_HEADER);
    let signature = authorization.ok_or("no signature to forge")?.to_str()?;
    let base64 = signature.trim_start_matches("Signature ");
    let mut bytes = STANDARD.decode(base64)?;
    if let Some(byte) = bytes.get_mut(100) {
        *byte ^= 1;
    }
    let flipped = format!("Signature {}", STANDARD.encode(bytes));
    let mut doubled = genuine.clone();
    doubled.headers.append(ALGORITHM_HEADER, "rsa-sha256".parse()?);

    let envelope = |what, callback, status| refused(what, callback, status, ErrorKind::Envelope);
    Ok(vec![
        envelope("no signature", genuine.clone().without_header(AUTHORIZATION_HEADER), 401),
        envelope(
            "a bearer token in its place",
            with(AUTHORIZATION_HEADER, format!("Bearer {base64}").as_bytes())?,
            401,
        ),
        refused(
            "one bit of it flipped",
            with(AUTHORIZATION_HEADER, flipped.as_bytes())?,
            401,
            ErrorKind::Signature,
        ),
        envelope("two that differ", with(SIGNATURE_HEADER, flipped.as_bytes())?, 400),
        envelope(
            "cut short",
            with(AUTHORIZATION_HEADER, signature.get(..60).unwrap_or_default().as_bytes())?,
            400,
        ),
        refused(
            "algorithm `rsa-sha512`, signed with `rsa-sha256`",
            with(ALGORITHM_HEADER, b"rsa-sha512")?,
            401,
            ErrorKind::Signature,
        ),
        envelope("algorithm `rsa-sha1`", with(ALGORITHM_HEADER, b"rsa-sha1")?, 400),
        envelope("algorithm `none`", with(ALGORITHM_HEADER, b"none")?, 400),
        envelope("two algorithms", doubled, 400),
    ])
}

fn locations(genuine: &SignedRequest) -> Result<Vec<Case>, TestKitError> {
    let file = "/cert/pcnotifications-dispatch.microsoft.com.cer";
    let urls = [
        ("another host", format!("https://attacker.example{file}")),
        ("another storage account", format!("https://attacker.blob.core.windows.net{file}")),
        ("a longer host", format!("{MICROSOFT}.attacker.example{file}")),
        ("user info that looks like the host", format!("{MICROSOFT}@attacker.example{file}")),
        ("plain http", format!("{MICROSOFT}{file}").replace("https:", "http:")),
        ("another container", format!("{MICROSOFT}/attacker{file}")),
        ("a way up", format!("{MICROSOFT}/cert/../attacker/a.cer")),
        ("a query", format!("{MICROSOFT}{file}?sv=2026-01-01")),
    ];
    let refused = |(what, url): (&str, String)| {
        let callback = genuine.clone().with_header(CERTIFICATE_URL_HEADER, url.as_bytes())?;
        Ok(refused(what, callback, 401, ErrorKind::Location))
    };
    urls.into_iter().map(refused).collect()
}

/// Correctly signed, with a certificate that is not Partner Center's.
fn certificates(
    issuer: &Issuer,
    genuine: &SignedRequest,
    host: &mut CertificateHost,
) -> Result<Vec<Case>, TestKitError> {
    let certificate = || issuer.signing_certificate();
    let contoso = "CN=Contoso CA,O=Contoso Ltd,C=US";
    let signers = [
        ("right names, an unknown issuer", "foreign", Issuer::new()?.signer()?),
        ("right names, issued by itself", "self-signed", certificate().self_signed()?),
        (
            "issued by another organization",
            "contoso",
            issuer.with_intermediate_name(contoso)?.signer()?,
        ),
        (
            "Microsoft's, of another service",
            "metadata",
            certificate().dns_names(["metadata.azure.com"]).issue()?,
        ),
        ("expired", "expired", certificate().expired().issue()?),
        ("a CA's", "ca", certificate().certificate_authority().issue()?),
        (
            "for code signing",
            "code",
            certificate().purposes(Some(&["1.3.6.1.5.5.7.3.3"]))?.issue()?,
        ),
    ];
    let mut cases = Vec::new();
    for (what, name, signer) in signers {
        let callback = host.publish(name, signer).callback(genuine.body.clone())?;
        // 503, because it is served where Microsoft's own would be: a configuration error looks the same.
        cases.push(refused(what, callback, 503, ErrorKind::Chain));
    }
    Ok(cases)
}

fn misfits(
    signer: &Signer,
    genuine: &SignedRequest,
    host: &mut CertificateHost,
) -> Result<Vec<Case>, TestKitError> {
    host.serve("error-page", b"<html><title>Server busy</title></html>".to_vec());
    let from = |name: &str| {
        let elsewhere = signer.clone().with_certificate_url(host.url(name));
        elsewhere.callback(genuine.body.clone())
    };
    Ok(vec![
        refused("genuine, but not an event", signer.callback("[]")?, 503, ErrorKind::Event),
        refused("signed, but empty", signer.callback("")?, 503, ErrorKind::Body),
        refused(
            "a body over the limit",
            signer.callback(" ".repeat(BODY_LIMIT + 1))?,
            413,
            ErrorKind::Body,
        ),
        refused("a certificate that is not there", from("missing")?, 503, ErrorKind::Source),
        refused("an error page in its place", from("error-page")?, 503, ErrorKind::Source),
    ])
}

fn refused(what: &str, callback: SignedRequest, status: u16, kind: ErrorKind) -> Case {
    Case {
        what: what.to_owned(),
        callback,
        expected: Verdict { status, outcome: Outcome::Refusal(kind) },
    }
}

/// Where Microsoft serves the signing certificate.
const MICROSOFT: &str = "https://3psostorageacct.blob.core.windows.net";
