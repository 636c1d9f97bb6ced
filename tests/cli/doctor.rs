//! `doctor`.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use std::{env, fs, io};

use partner_center_webhooks::chain::{Certificate, certificates_from_pem};
use partner_center_webhooks::chain::{CertificateSummary, certificate_to_pem};
use partner_center_webhooks::testing::Signer;
use rustls_pki_types::UnixTime;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::http::serve;
use crate::microsoft::{FOREIGN_ISSUER, ISSUER, SIGNER, sha256};
use crate::process::{Directory, Ended, run};

const INTERMEDIATE: &str = "C=US, O=Microsoft Corporation, CN=Throw-away TLS G2 RSA CA OCSP 02";
const ROOT: &str = "C=US, O=Microsoft Corporation, CN=Throw-away TLS RSA Root G2";

/// What the examination of one certificate gave, for people and for machines.
struct Examined {
    code: Option<i32>,
    /// Its lines without indentation, joined.
    text: String,
    json: Value,
}

impl Examined {
    fn shows(&self, text: &str) {
        assert!(self.text.contains(text), "`{text}` is not in {}", self.text);
    }

    fn lacks(&self, text: &str) {
        assert!(!self.text.contains(text), "`{text}` is in {}", self.text);
    }

    /// The flags that are advised.
    fn flags(&self) -> Vec<&Value> {
        let advice = self.json["advice"].as_array().unwrap();
        advice.iter().map(|each| &each["flag"]).collect()
    }
}

/// Examines with these arguments, as text and as JSON.
fn examine(arguments: &[&str]) -> Examined {
    let text = run("doctor", arguments);
    let json = run("doctor", &[arguments, &["--json"]].concat());
    assert_eq!((&*text.stderr, &*json.stderr), ("", ""));
    assert_eq!(text.code, json.code);
    assert_eq!(json.stdout.lines().count(), 1);
    for line in text.stdout.lines() {
        // A URL can be copied from one line.
        let is_short = line.chars().count() <= 80 || line.contains("://");
        assert!(is_short || line.starts_with("  clock"), "too long: {line}");
        assert_eq!(line, line.trim_end());
    }
    let words: Vec<_> = text.stdout.split_whitespace().collect();
    Examined {
        code: text.code,
        text: words.join(" "),
        json: serde_json::from_str(&json.stdout).unwrap(),
    }
}

/// Examines the certificate of `signer` in a file, as somebody who trusts `ISSUER`.
fn examine_file(signer: &Signer, more: &[&str]) -> Examined {
    let directory = Directory::new();
    let certificate = directory.write("signing.cer", signer.certificate());
    let anchors = directory.write("anchors.pem", ISSUER.root_pem());
    let arguments = ["--certificate", &certificate, "--anchors", &anchors];
    examine(&[&arguments, more].concat())
}

/// The same with the intermediate.
fn examine_with_intermediate(signer: &Signer, more: &[&str]) -> Examined {
    let directory = Directory::new();
    let intermediates = directory.write("intermediates.pem", ISSUER.intermediate_pem());
    examine_file(signer, &[&["--intermediates", &*intermediates], more].concat())
}

#[test]
fn issuers_and_lists_are_fetched_from_where_they_may() {
    let published = Arc::new(OnceLock::<Vec<_>>::new());
    let pages = Arc::clone(&published);
    let host = serve(move |path| {
        let path = path.strip_prefix('/')?;
        let (_, page) = pages.get()?.iter().find(|(at, _): &&(String, _)| at == path)?;
        Some(Vec::clone(page))
    });
    let issuer = ISSUER.published_at(host.as_str()).unwrap();
    let signer = issuer.signer().unwrap();
    let from = issuer.now();
    let to = UnixTime::since_unix_epoch(Duration::from_secs(from.as_secs() + 86_400));
    let revoked = issuer.signing_certificate().valid(from, to).partition(1);
    let revoked = revoked.issue().unwrap();
    let revoking = issuer.with_revoked(revoked.certificate());
    published.set(revoking.publications().unwrap()).unwrap();
    let locations = ["--issuer-location", &host, "--revocation-list-location", &host];

    let examined = examine_file(&signer, &[]);
    assert_eq!(examined.code, Some(1));
    examined.shows("is under none of the allowed locations");
    assert_eq!(examined.json["verdict"], "refused");

    let saved = Directory::new();
    let file = saved.write("saved.pem", "");
    let required = ["--revocation", "required", "--save-intermediates", &file];
    let examined = examine_file(&signer, &[&locations, &required[..]].concat());
    assert_eq!(examined.code, Some(0), "{}", examined.text);
    assert_eq!(examined.json["verdict"], "trusted");
    assert_eq!(fs::read_to_string(&file).unwrap(), issuer.intermediate_pem());

    let examined = examine_file(&revoked, &locations);
    assert_eq!(examined.code, Some(1));
    examined.shows("is revoked");
}

#[test]
fn a_good_certificate_is_trusted() {
    // An hour after it was issued, so that the days that are left are always the same.
    let at = i64::try_from(ISSUER.now().as_secs()).unwrap() + 60 * 60;
    let at = OffsetDateTime::from_unix_timestamp(at).unwrap();
    let at = at.format(&Rfc3339).unwrap();
    let examined = examine_with_intermediate(&SIGNER, &["--at", &at]);
    assert_eq!(examined.code, Some(0));
    examined.shows("ok signing certificate from ");
    examined.shows("DNS names pcnotifications-dispatch.microsoft.com issuer ");
    examined.shows("key RSA, 2048 bits, exponent 65537");
    examined.shows("usages end entity; key usage with digitalSignature; for serverAuth");
    examined.shows("ok a DNS name `pcnotifications*.microsoft.com`");
    examined.shows("1 trust anchor, 1 configured intermediate. chain 1: ok - ");
    examined.shows(&format!("- {ROOT} (trust anchor)"));
    examined.shows("Revocation unknown ");
    examined.shows("Verdict TRUSTED until ");
    examined.shows("(98 days left)");
    examined.lacks("FAIL");
    examined.lacks("What would change it");

    let der = SIGNER.certificate();
    let summary = CertificateSummary::of(&Certificate::parse(der).unwrap());
    let json = &examined.json;
    assert_eq!(json["verdict"], "trusted");
    assert_eq!(json["reason"], Value::Null);
    assert_eq!(json["advice"], json!([]));
    assert_eq!(json["valid_until"], summary.not_after);
    assert_eq!(json["days_left"], 98);
    assert_eq!(json["certificate"]["sha256"], sha256(der));
    assert_eq!(json["certificate"]["dns_names"], json!(["pcnotifications-dispatch.microsoft.com"]));
    let refusals: Vec<_> = json["policies"].as_array().unwrap().iter().collect();
    assert_eq!(refusals.len(), 4);
    assert!(refusals.iter().all(|each| each["refusal"].is_null()));
    assert_eq!(json["candidates"].as_array().unwrap().len(), 1);
    assert_eq!(json["candidates"][0]["anchor"], ROOT);
    assert_eq!(json["candidates"][0]["certificates"][1]["subject"], INTERMEDIATE);
    assert_eq!(json["revocation"][0]["status"], "unknown");
    assert_eq!(json["expiries"].as_array().unwrap().len(), 2);
}

#[test]
fn a_missing_intermediate_is_named() {
    let examined = examine_file(&SIGNER, &[]);
    assert_eq!(examined.code, Some(1));
    examined.shows("1 trust anchor, 0 configured intermediates. chain 1: FAIL");
    examined.shows(&format!(
        "why: the issuer of the last certificate is neither known nor a trust anchor: {INTERMEDIATE}"
    ));
    examined.shows("Unknown: no path is valid.");
    examined.shows("REFUSED: no path leads from the signing certificate to one of 1 trust anchors");
    examined.shows(&format!("* configure the certificate of {INTERMEDIATE}"));
    examined.shows("flag: --intermediates FILE");
    examined.shows("builder: .intermediates(certificates_from_pem(&pem)?)");
    examined.shows("weakens: nothing: it is an untrusted link");

    assert_eq!(examined.json["verdict"], "refused");
    assert_eq!(examined.json["days_left"], Value::Null);
    assert_eq!(examined.flags(), ["--intermediates FILE", "--anchors FILE"]);
}

#[test]
fn an_unknown_root_is_told_from_a_missing_link() {
    let directory = Directory::new();
    let anchors = directory.write("anchors.pem", FOREIGN_ISSUER.root_pem());
    let all = ISSUER.intermediate_pem() + &ISSUER.root_pem();
    let intermediates = directory.write("intermediates.pem", all);
    let certificate = directory.write("signing.cer", SIGNER.certificate());
    let arguments = [
        ["--certificate", &certificate],
        ["--anchors", &anchors],
        ["--intermediates", &intermediates],
    ];
    let examined = examine(arguments.as_flattened());
    assert_eq!(examined.code, Some(1));
    // The foreign root has the same name, and another key.
    examined.shows("a certificate was not signed by the issuer that it names");
    assert_eq!(examined.json["candidates"][0]["anchor"], Value::Null);

    // Microsoft's roots have other names.
    let arguments = ["--certificate", &certificate];
    let examined = examine(&[&arguments, &["--intermediates", &*intermediates][..]].concat());
    assert_eq!(examined.code, Some(1));
    examined.shows("why: it ends with a self-issued certificate that is not a trust anchor");
    assert_eq!(examined.flags(), ["--anchors FILE"]);
    examined.shows("weakens: then that CA can issue signing certificates");
}

#[test]
fn a_wrong_name_is_refused_with_its_price() {
    let signer = ISSUER.signing_certificate();
    let signer = signer.dns_names(["metadata.azure.com"]).issue().unwrap();
    let examined = examine_with_intermediate(&signer, &[]);
    assert_eq!(examined.code, Some(1));
    examined.shows("FAIL a DNS name `pcnotifications*.microsoft.com` none of its DNS names");
    // The path is examined all the same.
    examined.shows("chain 1: ok");
    examined.shows("builder: .signer_name(\"metadata.azure.com\".parse()?)");
    examined.shows("weakens: everything that the holder of that name signs is accepted");
    assert_eq!(examined.flags(), ["--signer-name metadata.azure.com"]);
    assert_eq!(
        examined.json["policies"][3]["refusal"],
        "none of its DNS names matches the signer name `pcnotifications*.microsoft.com`"
    );
    assert_eq!(examined.json["revocation"].as_array().unwrap().len(), 2, "of the path");

    let advised = ["--signer-name", "metadata.azure.com"];
    assert_eq!(examine_with_intermediate(&signer, &advised).code, Some(0));
}

#[test]
fn what_is_behind_a_wrong_name_is_told_too() {
    let signer = ISSUER.signing_certificate().expired();
    let signer = signer.dns_names(["*.example"]).issue().unwrap();
    let examined = examine_with_intermediate(&signer, &[]);
    assert_eq!(examined.code, Some(1));
    // That name cannot be pinned.
    assert_eq!(examined.flags(), ["--signer-name NAME", "--at TIME"]);
}

#[test]
fn an_expired_certificate_is_not_blamed_on_its_issuer() {
    let signer = ISSUER.signing_certificate().expired().issue().unwrap();
    let examined = examine_with_intermediate(&signer, &[]);
    assert_eq!(examined.code, Some(1));
    examined.shows("(expired less than 1 day ago)");
    examined.shows("why: the signing certificate itself expired at ");
    examined.shows("REFUSED: the signing certificate has expired (the clock says ");
    examined.shows("* check the clock: it was ");
    examined.shows("for captured callbacks only, never in a receiver");
    assert_eq!(examined.json["certificate"]["days_left"], -1);
    assert_eq!(examined.flags(), ["--at TIME"]);

    let before = examined.json["certificate"]["not_before"].as_str().unwrap();
    let judged = examine_with_intermediate(&signer, &["--at", before]);
    assert_eq!(judged.code, Some(0));
    assert_eq!(judged.json["at"], *before);
}

#[test]
fn a_certificate_of_the_future_is_not_blamed_on_its_issuer() {
    let now = ISSUER.now();
    let at = |days: u64| {
        UnixTime::since_unix_epoch(Duration::from_secs(now.as_secs() + days * 24 * 60 * 60))
    };
    let signer = ISSUER.signing_certificate().valid(at(1), at(2));
    let examined = examine_with_intermediate(&signer.issue().unwrap(), &[]);
    assert_eq!(examined.code, Some(1));
    examined.shows("why: the signing certificate itself is not valid before ");
    assert_eq!(examined.flags(), ["--at TIME"]);
}

#[test]
fn revocation_that_is_required_is_advised_on() {
    let examined = examine_with_intermediate(&SIGNER, &["--revocation", "required"]);
    assert_eq!(examined.code, Some(1));
    examined.shows("REFUSED: no revocation list in force covers `");
    examined.shows("chain 1: ok");
    assert_eq!(examined.flags(), ["--revocation best-effort"]);

    let examined = examine_with_intermediate(&SIGNER, &["--revocation", "off"]);
    assert_eq!(examined.code, Some(0));
    assert_eq!(examined.json["revocation"][1]["status"], "not checked");
}

#[test]
fn long_and_wild_names_stay_within_the_lines() {
    let name = format!("{}.example", vec!["a".repeat(60); 3].join("."));
    let names = vec![name; 12];
    let signer = ISSUER.signing_certificate().dns_names(names);
    let examined = examine_with_intermediate(&signer.issue().unwrap(), &[]);
    examined.shows("and 2 more (the JSON has them)");
    assert_eq!(examined.json["certificate"]["dns_names"].as_array().unwrap().len(), 12);
}

#[test]
fn intermediates_can_be_saved() {
    let directory = Directory::new();
    let served =
        directory.write("served.pem", SIGNER.certificate_pem() + &ISSUER.intermediate_pem());
    let anchors = directory.write("anchors.pem", ISSUER.root_pem());
    let saved = directory.missing();
    let arguments =
        [["--certificate", &served], ["--anchors", &anchors], ["--save-intermediates", &saved]];
    let examined = examine(arguments.as_flattened());
    assert_eq!(examined.code, Some(0));
    examined.shows("the signing certificate, and 1 more");
    examined.shows("Saved intermediates: 1.");
    let pem = fs::read_to_string(&saved).unwrap();
    assert_eq!(pem, certificate_to_pem(ISSUER.intermediate()));
    let examined = examine_file(&SIGNER, &["--intermediates", &saved]);
    assert_eq!(examined.code, Some(0));

    fs::remove_file(&saved).unwrap();
    let examined = examine_file(&SIGNER, &["--save-intermediates", &saved]);
    examined.shows("Nothing was saved: no path over an intermediate is valid.");
    assert!(!Path::new(&saved).exists());
}

#[cfg(unix)]
#[test]
fn the_certificate_is_fetched_from_where_it_may() {
    let host = serve(|path| match path {
        "/cert/signing.cer" => Some(SIGNER.certificate().to_vec()),
        "/cert/page.cer" => Some(b"<html>".to_vec()),
        _ => None,
    });
    let directory = Directory::new();
    let anchors = directory.write("anchors.pem", ISSUER.root_pem());
    let intermediates = directory.write("intermediates.pem", ISSUER.intermediate_pem());
    let prefix = format!("{host}cert/");
    let of = |file: &str, more: &[&str]| {
        let url = format!("{prefix}{file}");
        let arguments = [
            ["--certificate-url", &url],
            ["--anchors", &anchors],
            ["--intermediates", &intermediates],
        ];
        examine(&[arguments.as_flattened(), more].concat())
    };
    let allowed = ["--danger-certificate-location", &*prefix];

    let examined = of("signing.cer", &allowed);
    assert_eq!(examined.code, Some(0));
    examined.shows(&format!("ok signing certificate from {prefix}signing.cer 1 certificate"));
    assert_eq!(
        examined.json["steps"],
        json!([{
            "what": "signing certificate",
            "of": null,
            "from": format!("{prefix}signing.cer"),
            "succeeded": true,
            "outcome": "1 certificate",
        }])
    );

    let examined = of("signing.cer", &[]);
    assert_eq!(examined.code, Some(1));
    examined.shows("it is under none of the allowed locations");
    assert_eq!(examined.json["certificate"], Value::Null);
    examined.shows(&format!(
        "builder: .certificate_location( CertificateLocation::default().danger_also_allow_loopback_http( \"{prefix}\", )?, )"
    ));
    assert_eq!(examined.flags(), [&format!("--danger-certificate-location {prefix}")]);

    let examined = of("missing.cer", &allowed);
    assert_eq!(examined.code, Some(3), "the host may be another one, or it may come");
    examined.shows("returned 404 (expected 200; the response may not be from the host itself");

    let examined = of("page.cer", &allowed);
    assert_eq!(examined.code, Some(1));
    examined.shows("does not serve a certificate: it is neither DER, PEM nor base64");
}

/// A URL shows the names of its query's members, wherever it comes from.
#[test]
fn secrets_in_urls_are_not_shown() {
    let directory = Directory::new();
    let good = directory.write("signing.cer", SIGNER.certificate());
    let url =
        |host: &str| format!("https://user:SECRET/SECRET@{host}.example/a.cer?sig=SECRET&SECRET");
    let signer = ISSUER.signing_certificate().issuer_urls([url("issuer")]);
    let signer = signer.revocation_list_urls([url("list")]).issue().unwrap();
    for examined in [
        examine_file(&signer, &[]),
        examine_file(&signer, &["--offline", "--revocation", "required"]),
        examine_with_intermediate(&signer, &["--revocation", "required"]),
        examine(&["--certificate-url", &url("certificate")]),
    ] {
        assert_eq!(examined.code, Some(1));
        examined.shows(".example/a.cer?sig=...&...");
        examined.lacks("SECRET");
        assert!(!examined.json.to_string().contains("SECRET"), "{}", examined.json);
    }
    for arguments in [
        ["--issuer-location", &url("issuer")],
        ["--revocation-list-location", &url("list")],
        ["--danger-certificate-location", &url("certificate")],
        ["--danger-certificate-location", "http://a.example/?SECRET"],
    ] {
        let ended = run("doctor", &[&["--certificate", &good], &arguments[..]].concat());
        assert_eq!(ended.code, Some(2));
        assert!(ended.stderr.contains(".example/"), "{}", ended.stderr);
        assert!(!ended.stderr.contains("SECRET"), "{}", ended.stderr);
    }
}

#[test]
fn without_arguments_the_documented_certificate_is_asked_for() {
    let examined = examine(&[]);
    assert_eq!(examined.code, Some(3), "it may be trusted: the network is missing");
    examined.shows("unknown: certificate: something could not be fetched; see the verdict below");
    assert_eq!(examined.json["parts"][0]["status"], "unknown");
    assert_eq!(
        examined.json["steps"][0]["from"],
        "https://3psostorageacct.blob.core.windows.net/cert/pcnotifications-dispatch.microsoft.com.cer"
    );
    examined.shows("could not be downloaded");
}

#[test]
fn faults_of_the_command_line_are_told_apart() {
    let directory = Directory::new();
    let good = directory.write("signing.cer", SIGNER.certificate());
    let missing = directory.missing();
    let rows: &[(&[&str], &str)] = &[
        (&["--offline"], "--offline needs --certificate FILE"),
        (
            &["--certificate", &good, "--certificate-url", "https://a.example/a.cer"],
            "the argument '--certificate <FILE>' cannot be used with '--certificate-url <URL>'",
        ),
        (&["--certificate", &missing], "--certificate "),
        (
            &["--revocation", "strict"],
            "invalid value 'strict' for '--revocation <MODE>'\n  because: expected one of: off, best-effort, required\n",
        ),
        (&["--issuer-location", "a"], "--issuer-location: `a/` cannot be an allowed URL prefix"),
        (&["--at", "noon"], "invalid value 'noon' for '--at <TIME>': it is not a time"),
        (&["--strange"], "unexpected argument '--strange' found\n"),
    ];
    for (arguments, said) in rows {
        let Ended { code, stdout, stderr } = run("doctor", arguments);
        assert_eq!((code, &*stdout), (Some(2), ""), "{arguments:?}");
        let start = format!("error: {said}");
        assert!(stderr.starts_with(&start), "{stderr}");
    }
}

#[test]
fn help_fits_and_names_every_flag() {
    let ended = run("doctor", &["--help"]);
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""));
    for line in ended.stdout.lines() {
        assert!(line.chars().count() <= 80, "too long: {line}");
    }
    for flag in [
        "--certificate",
        "--certificate-url",
        "--intermediates",
        "--anchors",
        "--signer-name",
        "--revocation",
        "--at",
        "--offline",
        "--issuer-location",
        "--revocation-list-location",
        "--danger-certificate-location",
        "--save-intermediates",
        "--json",
    ] {
        assert!(ended.stdout.contains(&format!("  {flag}")), "{flag}");
    }
}

/// Certificates that Microsoft issued to another of its services.
#[test]
fn real_certificates_are_examined() {
    let shared = match env::var_os("PARTNER_CENTER_WEBHOOKS_SHARED") {
        Some(path) => PathBuf::from(path),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"),
    };
    let certs = shared.join("certs");
    let vector =
        certs.join("signed_json_vectors/imds_20260515_microsoft_tls_g2_rsa_ca_ocsp_02/leaf.pem");
    let Ok(leaf) = fs::read(&vector) else {
        // Not through `eprintln!`, which the test harness keeps to itself.
        let skipped = format!("skipped: {} is absent\n", vector.display());
        let _ = io::Write::write_all(&mut io::stderr(), skipped.as_bytes());
        return;
    };
    let mut intermediates = String::new();
    for file in fs::read_dir(certs.join("intermediates/current")).unwrap() {
        intermediates += &fs::read_to_string(file.unwrap().path()).unwrap();
    }
    let directory = Directory::new();
    let intermediates = directory.write("intermediates.pem", intermediates);
    let leaf = certificates_from_pem(&leaf).unwrap();
    let begins = Certificate::parse(&leaf[0]).unwrap().not_before();
    let at = i64::try_from(begins.as_secs()).unwrap() + 2 * 24 * 60 * 60;
    let at = OffsetDateTime::from_unix_timestamp(at).unwrap();
    let at = at.format(&Rfc3339).unwrap();
    let arguments = [
        ["--certificate", vector.to_str().unwrap()],
        ["--at", &at],
        ["--signer-name", "metadata.azure.com"],
    ];
    let arguments = [arguments.as_flattened(), &["--offline"]].concat();

    let with = ["--intermediates", &*intermediates];
    let examined = examine(&[&*arguments, &with].concat());
    assert_eq!(examined.code, Some(0));
    examined.shows("chain 1: ok");
    examined.shows("CN=DigiCert Global Root G2 (trust anchor)");
    examined.shows(
        "fetching from certificate authorities is disabled: no HTTP client is configured for them",
    );
    assert_eq!(examined.json["verdict"], "trusted");
    assert_eq!(examined.json["days_left"], 178);

    let examined = examine(&arguments);
    assert_eq!(examined.code, Some(1));
    examined.shows(
        "skip issuer of C=US, ST=WA, L=Redmond, O=Microsoft Corporation, CN=metadata.azure.com",
    );
    assert_eq!(
        examined.json["steps"][1]["from"],
        "http://www.microsoft.com/pkiops/certs/Microsoft%20TLS%20G2%20RSA%20CA%20OCSP%2002.crt"
    );
    examined.shows("* without --offline, the issuer would be fetched weakens: nothing");
    examined.shows(
        "* configure the certificate of C=US, O=Microsoft Corporation, CN=Microsoft TLS G2 RSA CA OCSP 02 (it is at",
    );
    assert_eq!(
        examined.flags(),
        [&Value::Null, &json!("--intermediates FILE"), &json!("--anchors FILE")]
    );
}
