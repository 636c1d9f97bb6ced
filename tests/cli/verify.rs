//! `verify`.

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs, io};

use partner_center_webhooks::chain::{Certificate, certificates_from_pem};
use partner_center_webhooks::testing::{Issuer, SignedRequest};
use rustls_pki_types::UnixTime;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::microsoft::{BODY, FOREIGN_ISSUER, ISSUER, SIGNER, sha256};
use crate::process::{Directory, Ended, run};

fn verify<S: AsRef<str>>(arguments: &[S]) -> Ended {
    let arguments: Vec<_> = arguments.iter().map(AsRef::as_ref).chain(["--json"]).collect();
    run("verify", &arguments)
}

/// Judges `callback`, as somebody who trusts `ISSUER` and has the certificate of `SIGNER`.
fn judge(callback: &SignedRequest, more: &[&str]) -> (Option<i32>, Value) {
    let directory = Directory::new();
    let certificate = directory.write("signing.cer", SIGNER.certificate());
    judge_with(&directory, callback, &[&["--certificate", &certificate], more].concat())
}

/// The same without a certificate.
fn judge_with(
    directory: &Directory,
    callback: &SignedRequest,
    more: &[&str],
) -> (Option<i32>, Value) {
    let headers = directory.write("headers.txt", headers(callback));
    let body = directory.write("body.json", &callback.body);
    let anchors = directory.write("anchors.pem", ISSUER.root_pem());
    let intermediates = directory.write("intermediates.pem", ISSUER.intermediate_pem());
    let arguments = [
        ["--headers", &headers],
        ["--body", &body],
        ["--anchors", &anchors],
        ["--intermediates", &intermediates],
    ];
    let ended = verify(&[arguments.as_flattened(), more].concat());
    (ended.code, object(&ended))
}

/// The one object on standard output.
fn object(ended: &Ended) -> Value {
    assert_eq!((&*ended.stderr, ended.stdout.lines().count()), ("", 1));
    serde_json::from_str(&ended.stdout).unwrap()
}

/// Headers as a proxy logs them.
fn headers(callback: &SignedRequest) -> String {
    let lines = callback.headers.iter();
    let lines = lines.map(|(name, value)| format!("{name}: {}\r\n", value.to_str().unwrap()));
    format!("POST /webhooks/callback HTTP/1.1\r\nHost: localhost\r\n{}", lines.collect::<String>())
}

fn genuine() -> SignedRequest {
    SIGNER.callback(BODY).unwrap()
}

fn signer() -> Value {
    let der = SIGNER.certificate();
    let certificate = Certificate::parse(der).unwrap();
    json!({
        "fingerprint": sha256(der),
        "subject": certificate.subject().excerpt().to_string(),
        "issuer": "C=US, O=Microsoft Corporation, CN=Throw-away TLS G2 RSA CA OCSP 02",
        "dns_names": ["pcnotifications-dispatch.microsoft.com"],
        "not_before": rfc3339(certificate.not_before()),
        "not_after": rfc3339(certificate.not_after()),
        "path": [
            "C=US, O=Microsoft Corporation, CN=Throw-away TLS G2 RSA CA OCSP 02",
            "C=US, O=Microsoft Corporation, CN=Throw-away TLS RSA Root G2",
        ],
    })
}

fn rfc3339(time: UnixTime) -> String {
    let time = OffsetDateTime::UNIX_EPOCH + Duration::from_secs(time.as_secs());
    time.format(&Rfc3339).unwrap()
}

fn genuine_report() -> Value {
    json!({
        "verdict": "genuine",
        "kind": null,
        "status": 200,
        "reason": null,
        "event": serde_json::from_str::<Value>(BODY).unwrap(),
        "digest": sha256(BODY),
        "signer": signer(),
    })
}

/// Asserts that `callback` is refused, and gives the reason.
#[track_caller]
fn refused(judged: (Option<i32>, Value), kind: &str, status: u16) -> String {
    let (code, mut report) = judged;
    // What could not be fetched is not refused for good.
    let expected = if kind == "source" { 3 } else { 1 };
    assert_eq!(code, Some(expected), "{report}");
    let reason = report["reason"].take();
    let hint = report.as_object_mut().unwrap().remove("hint");
    assert_eq!(hint.is_some(), kind == "location");
    let expected = json!({
        "verdict": "refused",
        "kind": kind,
        "status": status,
        "reason": null,
        "event": null,
        "digest": null,
        "signer": null,
    });
    assert_eq!(report, expected, "{reason}");
    reason.as_str().unwrap().to_owned()
}

#[test]
fn a_genuine_callback_is_told_with_its_event_and_its_signer() {
    assert_eq!(judge(&genuine(), &[]), (Some(0), genuine_report()));
    assert_eq!(judge(&genuine().in_signature_header(), &[]), (Some(0), genuine_report()));
}

#[test]
fn the_event_is_printed_as_it_was_received() {
    let directory = Directory::new();
    let arguments = [
        ("--headers", directory.write("headers.txt", headers(&genuine()))),
        ("--body", directory.write("body.json", BODY)),
        ("--certificate", directory.write("signing.pem", SIGNER.certificate_pem())),
        ("--intermediates", directory.write("intermediates.pem", ISSUER.intermediate_pem())),
        ("--anchors", directory.write("anchors.pem", ISSUER.root_pem())),
    ];
    let arguments: Vec<_> = arguments.iter().flat_map(|(flag, value)| [*flag, value]).collect();
    let ended = verify(&arguments);
    assert_eq!(ended.stdout.lines().count(), 1);
    let event = format!(r#""event":{}"#, BODY.replace('\n', " "));
    assert!(ended.stdout.contains(&event), "{}", ended.stdout);
}

#[test]
fn the_certificate_may_be_der_pem_or_base64() {
    let directory = Directory::new();
    let pem = SIGNER.certificate_pem();
    let base64: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    for (name, content) in [
        ("a.der", SIGNER.certificate().to_vec()),
        ("a.pem", pem.into_bytes()),
        ("a.txt", base64.into_bytes()),
    ] {
        let path = directory.write(name, content);
        let judged = judge_with(&directory, &genuine(), &["--certificate", &path]);
        assert_eq!(judged, (Some(0), genuine_report()), "{name}");
    }
}

#[test]
fn headers_may_be_captured_in_many_ways() {
    let directory = Directory::new();
    let good = headers(&genuine());
    let (_, without_request_line) = good.split_once("\r\n").unwrap();
    let certificate = directory.write("signing.cer", SIGNER.certificate());
    let anchors = directory.write("anchors.pem", ISSUER.root_pem());
    let intermediates = directory.write("intermediates.pem", ISSUER.intermediate_pem());
    let body = directory.write("body.json", BODY);
    for text in [
        good.clone(),
        good.replace("\r\n", "\n"),
        without_request_line.to_owned(),
        good.replace(": ", ":\t "),
        good.to_ascii_uppercase().lines().zip(good.lines()).fold(
            String::new(),
            |text, (upper, line)| {
                let (name, _) = upper.split_once(':').unwrap_or((line, ""));
                let (_, value) = line.split_once(':').unwrap_or((line, ""));
                text + name + if value.is_empty() { "" } else { ":" } + value + "\n"
            },
        ),
        format!("\r\n{good}\r\n{BODY}"),
    ] {
        let path = directory.write("headers.txt", &text);
        let arguments = [
            ["--headers", &path],
            ["--body", &body],
            ["--certificate", &certificate],
            ["--anchors", &anchors],
            ["--intermediates", &intermediates],
        ];
        let ended = verify(arguments.as_flattened());
        assert_eq!((ended.code, object(&ended)), (Some(0), genuine_report()), "{text}");
    }
}

#[test]
fn a_genuine_body_that_is_no_event_is_genuine() {
    let (code, report) = judge(&SIGNER.callback(r#"{"a":1}"#).unwrap(), &[]);
    let expected = json!({
        "verdict": "genuine",
        "kind": null,
        "status": 503,
        "reason": null,
        "event": null,
        "event_error": "the callback is genuine but its body is not an event: \
                        member `EventName` is missing (expected a non-empty string)",
        "digest": sha256(r#"{"a":1}"#),
        "signer": signer(),
    });
    assert_eq!((code, report), (Some(0), expected));
}

#[test]
fn each_stage_refuses_with_its_kind_and_its_reason() {
    let with = |name, value: &str| genuine().with_header(name, value.as_bytes()).unwrap();

    let sha1 = with("x-ms-signature-algorithm", "rsa-sha1");
    assert_eq!(
        refused(judge(&sha1, &[]), "envelope", 400),
        "signature algorithm `rsa-sha1` is not accepted (accepted: rsa-sha256, rsa-sha384, rsa-sha512)"
    );
    assert_eq!(
        refused(judge(&genuine().without_header("authorization"), &[]), "envelope", 401),
        "no signature: neither `authorization: Signature …` nor `x-ms-signature` is present; the request has a certificate \
         URL, so if this happens to all callbacks, a gateway or the hosting platform has removed `authorization`: set \
         `signatureTokenToMsSignatureHeader` in the registration to receive the signature in `x-ms-signature` \
         (`Registration::with_signature_token_to_ms_signature_header(true)` with `RegistrationClient::ensure`, which \
         keeps the other settings, or `partner-center register ensure --url URL --ms-signature`)"
    );
    // The URL is judged although nothing is fetched.
    let elsewhere =
        with("x-ms-certificate-url", "https://attacker.blob.core.windows.net/cert/a.cer");
    assert_eq!(
        refused(judge(&elsewhere, &[]), "location", 401),
        "certificate URL `https://attacker.blob.core.windows.net/cert/a.cer` refused: it is under none of the \
         allowed locations (`https://3psostorageacct.blob.core.windows.net/cert/`)"
    );
    let altered = BODY.replace("1.50", "1.51");
    assert_eq!(
        refused(judge(&genuine().with_body(altered.clone()), &[]), "signature", 401),
        format!(
            "the rsa-sha256 signature does not match the body ({} bytes, SHA-256 {}) under signing certificate {}: the \
             body was altered in transit (parsed and serialized again?), or it is not Partner Center's",
            altered.len(),
            sha256(&altered),
            sha256(SIGNER.certificate()),
        )
    );
    assert_eq!(
        refused(judge(&genuine().with_body(""), &[]), "body", 503),
        "the body is empty although the headers have a signature (expected the signed body): it was lost in transit; \
         deliver it again, and check the proxies and middleware in between"
    );
    assert_eq!(
        refused(judge(&genuine().with_body(" ".repeat(262_145)), &[]), "body", 413),
        "the body is longer than 262144 bytes"
    );
    // Without a certificate it is downloaded, which the tests' environment makes impossible.
    let reason = refused(judge_with(&Directory::new(), &genuine(), &[]), "source", 503);
    let start = "`https://3psostorageacct.blob.core.windows.net/cert/pcnotifications-dispatch.microsoft.com.cer` \
                 could not be downloaded: ";
    assert!(reason.starts_with(start), "{reason}");
}

#[test]
fn a_certificate_that_is_not_partner_centers_is_refused_by_the_chain() {
    let directory = Directory::new();
    let certificate = || ISSUER.signing_certificate();
    let other_service = certificate().dns_names(["metadata.azure.com"]).issue().unwrap();
    for (signer, reason) in [
        (FOREIGN_ISSUER.signer().unwrap(), "no path to a trust anchor is valid: "),
        (
            certificate().self_signed().unwrap(),
            "no path leads from the signing certificate to one of 1 ",
        ),
        (
            certificate().expired().issue().unwrap(),
            "the signing certificate has expired (the clock says ",
        ),
        (
            other_service.clone(),
            "the signing certificate is refused: none of its DNS names matches the signer name \
             `pcnotifications*.microsoft.com`; certificate: subject ",
        ),
    ] {
        let path = directory.write("a.cer", signer.certificate());
        let judged =
            judge_with(&directory, &signer.callback(BODY).unwrap(), &["--certificate", &path]);
        let found = refused(judged, "chain", 503);
        assert!(found.starts_with(reason), "{found}");
    }

    let path = directory.write("a.cer", other_service.certificate());
    let more = ["--certificate", &path, "--signer-name", "metadata.azure.com"];
    let (code, report) = judge_with(&directory, &other_service.callback(BODY).unwrap(), &more);
    assert_eq!((code, &report["signer"]["dns_names"]), (Some(0), &json!(["metadata.azure.com"])));
}

#[test]
fn the_time_can_be_another() {
    let end = OffsetDateTime::UNIX_EPOCH + Duration::from_secs(ISSUER.now().as_secs()) + 99 * DAY;
    let at = |time: OffsetDateTime| judge(&genuine(), &["--at", &time.format(&Rfc3339).unwrap()]);
    assert_eq!(at(end), (Some(0), genuine_report()));
    let reason = refused(at(end + Duration::from_secs(1)), "chain", 503);
    assert!(reason.starts_with("the signing certificate has expired (the clock says "), "{reason}");
    let reason = refused(at(end - 101 * DAY), "chain", 503);
    assert!(
        reason.starts_with("the signing certificate is not valid yet (the clock says "),
        "{reason}"
    );

    // An issuer of 2020, whose certificates have ended, judged as of then.
    let then = UnixTime::since_unix_epoch(Duration::from_secs(1_577_836_800));
    let issuer = Issuer::at(then).unwrap();
    let signer = issuer.signer().unwrap();
    let directory = Directory::new();
    let certificate = directory.write("then.cer", signer.certificate());
    let anchors = directory.write("then.pem", issuer.root_pem());
    let intermediates = directory.write("then-ca.pem", issuer.intermediate_pem());
    let mut arguments = vec![
        "--certificate",
        &certificate,
        "--anchors",
        &anchors,
        "--intermediates",
        &intermediates,
    ];
    let callback = signer.callback(BODY).unwrap();
    refused(judge_with(&directory, &callback, &arguments), "chain", 503);
    arguments.extend(["--at", "2020-01-01T02:00:00+02:00"]);
    assert_eq!(judge_with(&directory, &callback, &arguments).0, Some(0));
}

#[test]
fn a_line_break_that_an_editor_added_is_hinted_at() {
    for line_break in ["\n", "\r\n"] {
        let (code, report) = judge(&genuine().with_body(format!("{BODY}{line_break}")), &[]);
        assert_eq!((code, &report["kind"]), (Some(1), &json!("signature")));
        let hint = "without its last line break the body is genuine: an editor may have added it to the file";
        assert_eq!(report["hint"], json!(hint));
    }
    let (_, report) = judge(&genuine().with_body(BODY.replace("1.50", "1.51") + "\n"), &[]);
    assert_eq!(report.get("hint"), None);
}

#[test]
fn faults_of_the_command_line_and_of_files_end_with_exit_code_2() {
    let directory = Directory::new();
    let headers = directory.write("headers.txt", headers(&genuine()));
    let body = directory.write("body.json", BODY);
    let text = directory.write("text.txt", "Name?\n");
    let missing = directory.missing();
    let good = ["--headers", &headers, "--body", &body];
    let cases: &[(&[&str], &str)] = &[
        (&["--body", &body], "--request FILE is missing, or --headers FILE and --body FILE\n"),
        (&["--headers", &headers], "--body FILE is missing\n"),
        (&["--unknown"], "unexpected argument '--unknown' found\n"),
        (&["--body"], "a value is required for '--body <FILE>' but none was supplied\n"),
        (&["--headers", &missing, "--body", &body], &format!("--headers {missing}: ")),
        (
            &["--headers", &text, "--body", &body],
            &format!("--headers {text}: line 1 is not of the form `Name: value`\n"),
        ),
        (&["--headers", &headers, "--body", &missing], &format!("--body {missing}: ")),
        (
            &[&good[..], &["--certificate", &missing]].concat(),
            &format!("--certificate {missing}: "),
        ),
        (
            &[&good[..], &["--certificate", &text]].concat(),
            &format!("--certificate {text}: it is neither DER, PEM nor base64"),
        ),
        (
            &[&good[..], &["--intermediates", &text]].concat(),
            &format!("--intermediates {text}: the PEM text holds no `CERTIFICATE` block"),
        ),
        (
            &[&good[..], &["--anchors", &text]].concat(),
            &format!("--anchors {text}: the PEM text holds no `CERTIFICATE` block"),
        ),
        (
            &[&good[..], &["--signer-name", "a"]].concat(),
            "invalid value 'a' for '--signer-name <PATTERN>': `a` is not a signer name",
        ),
        (
            &[&good[..], &["--at", "yesterday"]].concat(),
            "invalid value 'yesterday' for '--at <TIME>': it is not a time (expected RFC 3339 since 1970",
        ),
        (
            &[&good[..], &["--at", "1969-12-31T23:59:59Z"]].concat(),
            "invalid value '1969-12-31T23:59:59Z' for '--at <TIME>': it is not a time",
        ),
        (&[&good[..], &["--offline"]].concat(), "--offline needs --certificate FILE\n"),
    ];
    for (arguments, message) in cases {
        let ended = verify(arguments);
        assert_eq!((ended.code, &*ended.stdout), (Some(2), ""), "{arguments:?}");
        let expected = format!("error: {message}");
        assert!(ended.stderr.starts_with(&expected), "{}", ended.stderr);
    }
}

#[test]
fn help_names_every_option() {
    let ended = run("verify", &["--help"]);
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""));
    for option in [
        "--headers <FILE>",
        "--body <FILE>",
        "--certificate <FILE>",
        "--intermediates <FILE>",
        "--anchors <FILE>",
        "--signer-name <PATTERN>",
        "--at <TIME>",
    ] {
        assert!(ended.stdout.contains(option), "{option}");
    }
}

#[test]
fn a_request_can_be_captured_whole() {
    let directory = Directory::new();
    let certificate = directory.write("signing.cer", SIGNER.certificate());
    let anchors = directory.write("anchors.pem", ISSUER.root_pem());
    let intermediates = directory.write("intermediates.pem", ISSUER.intermediate_pem());
    let trust = [
        ["--certificate", &certificate],
        ["--anchors", &anchors],
        ["--intermediates", &intermediates],
    ];
    let callback = genuine();
    let head = headers(&callback);
    let length = format!("content-length: {}\r\n", BODY.len());
    let pairs: Vec<_> = (callback.headers.iter())
        .map(|(name, value)| json!({"name": name.as_str(), "value": value.to_str().unwrap()}))
        .collect();
    let request = json!({"headers": pairs, "postData": {"text": BODY}});
    let other = json!({"request": {"headers": [{"name": ":authority", "value": "x"}]}});
    let trace: String = head.lines().map(|line| format!("> {line}\n")).collect();
    let trace = format!("* Connected to localhost\n{trace}> \n< HTTP/1.1 503\n< date: x\n");
    let body = directory.write("body.json", BODY);
    for (captured, more) in [
        (format!("{head}\r\n{BODY}"), &[][..]),
        (format!("{head}\r\n{BODY}").replace("\r\n", "\n"), &[]),
        (format!("{head}{length}\r\n{BODY}\n"), &[]),
        (trace, &["--body", &body]),
        (json!({"log": {"entries": [other, {"request": request}]}}).to_string(), &[]),
        (json!({"request": request}).to_string(), &[]),
        (request.to_string(), &[]),
    ] {
        let path = directory.write("request.txt", &captured);
        let arguments = [trust.as_flattened(), &["--request", &path], more].concat();
        let ended = verify(&arguments);
        assert_eq!((ended.code, object(&ended)), (Some(0), genuine_report()), "{captured}");
    }
    for (captured, message) in [
        (head.clone(), "--body FILE is missing\n  because: what was captured has no body\n"),
        (r#"{"log":{"entries":[]}}"#.to_owned(), "the HAR file has no request"),
        ("{}".to_owned(), "it is JSON, but not a HAR file: it has no `headers`"),
    ] {
        let path = directory.write("request.txt", &captured);
        let ended = verify(&[trust.as_flattened(), &["--request", &path]].concat());
        assert_eq!((ended.code, &*ended.stdout), (Some(2), ""));
        assert!(ended.stderr.contains(message), "{}", ended.stderr);
    }
}

#[test]
fn a_certificate_elsewhere_is_hinted_at() {
    let elsewhere = SIGNER.clone().with_certificate_url("http://127.0.0.1:4400/cert/a.cer");
    let (code, report) = judge(&elsewhere.callback(BODY).unwrap(), &[]);
    assert_eq!((code, &report["kind"]), (Some(1), &json!("location")));
    let hint = report["hint"].as_str().unwrap();
    assert!(hint.starts_with("apart from the certificate URL the callback is genuine"), "{hint}");
    let forged = elsewhere.callback(BODY).unwrap().with_body("{}");
    assert_eq!(judge(&forged, &[]).1.get("hint"), None);
    let allowed = ["--danger-certificate-location", "http://127.0.0.1:4400/cert"];
    assert_eq!(judge(&elsewhere.callback(BODY).unwrap(), &allowed).0, Some(0));
}

#[test]
fn people_read_the_verdict_first() {
    let directory = Directory::new();
    let certificate = directory.write("signing.cer", SIGNER.certificate());
    let anchors = directory.write("anchors.pem", ISSUER.root_pem());
    let intermediates = directory.write("intermediates.pem", ISSUER.intermediate_pem());
    let headers = directory.write("headers.txt", headers(&genuine()));
    let verify = |body: &str| {
        let body = directory.write("body.json", body);
        let arguments = [
            ["--certificate", &certificate],
            ["--anchors", &anchors],
            ["--intermediates", &intermediates],
            ["--headers", &headers],
            ["--body", &body],
        ];
        run("verify", arguments.as_flattened()).stdout
    };
    assert!(verify(BODY).starts_with("genuine: subscription-updated\n  status  200\n  digest  "));
    let refused = verify("{}");
    assert!(
        refused.starts_with("refused (signature): the rsa-sha256 signature does not match"),
        "{refused}"
    );
    assert!(refused.ends_with("\n  status  401\n"), "{refused}");
}

/// Bodies that Microsoft signed with real TLS certificates: Azure's answers to virtual machines that ask for their
/// attested data. They are what the signer name pin is for.
#[test]
fn what_microsoft_signed_for_another_service_is_genuine_for_its_name_only() {
    let shared = match env::var_os("PARTNER_CENTER_WEBHOOKS_SHARED") {
        Some(path) => PathBuf::from(path),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"),
    };
    let certificates = shared.join("certs");
    let Ok(vectors) = fs::read_dir(certificates.join("signed_json_vectors")) else {
        // Not through `eprintln!`, which the test harness keeps to itself.
        let _ = io::Write::write_all(
            &mut io::stderr(),
            format!("skipped: there are no recorded signatures in {}\n", shared.display())
                .as_bytes(),
        );
        return;
    };
    let directory = Directory::new();
    let mut intermediates = String::new();
    for folder in ["current", "expired"] {
        for file in fs::read_dir(certificates.join("intermediates").join(folder)).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "pem") {
                intermediates += &fs::read_to_string(path).unwrap();
            }
        }
    }
    let intermediates = directory.write("intermediates.pem", intermediates);
    let baltimore = certificates.join("roots/baltimore_cybertrust_root.pem");

    let mut count = 0;
    for vector in vectors {
        let vector = vector.unwrap().path();
        let file = |name: &str| vector.join(name).to_str().unwrap().to_owned();
        let signature = fs::read_to_string(vector.join("signature.b64")).unwrap();
        let headers = directory.write(
            "headers.txt",
            format!(
                "Authorization: Signature {}\nX-MS-Certificate-Url: https://3psostorageacct.blob.core.windows.net/cert/\
                 pcnotifications-dispatch.microsoft.com.cer\nX-MS-Signature-Algorithm: rsa-sha256\n",
                signature.trim_end()
            ),
        );
        let pem = certificates_from_pem(&fs::read(vector.join("leaf.pem")).unwrap()).unwrap();
        let certificate = Certificate::parse(&pem[0]).unwrap();
        let not_before = Duration::from_secs(certificate.not_before().as_secs());
        let at = rfc3339(UnixTime::since_unix_epoch(not_before + 2 * DAY));
        let (body, leaf) = (file("body.json"), file("leaf.cer"));
        let mut arguments = vec![
            "--headers",
            &headers,
            "--body",
            &body,
            "--certificate",
            &leaf,
            "--intermediates",
            &intermediates,
            "--at",
            &at,
        ];
        if vector.to_str().unwrap().contains("imds_2019")
            || vector.to_str().unwrap().contains("imds_20220103")
        {
            arguments.extend(["--anchors", baltimore.to_str().unwrap()]);
        }

        let reason = {
            let ended = verify(&arguments);
            refused((ended.code, object(&ended)), "chain", 503)
        };
        assert!(
            reason.contains(
                "none of its DNS names matches the signer name `pcnotifications*.microsoft.com`"
            ),
            "{reason}"
        );

        arguments.extend(["--signer-name", "metadata.azure.com"]);
        let ended = verify(&arguments);
        let report = object(&ended);
        assert_eq!(
            (ended.code, &report["verdict"]),
            (Some(0), &json!("genuine")),
            "{}: {report}",
            vector.display()
        );
        assert_eq!(
            report["event_error"],
            json!(
                "the callback is genuine but its body is not an event: member `EventName` is missing (expected a non-empty string)"
            )
        );
        count += 1;
    }
    assert!(count >= 6, "{count}");
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
