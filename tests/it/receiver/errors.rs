//! Every message that an operator reads, word for word, with its response.

use std::error::Error as _;
use std::time::Duration;

use partner_center_webhooks::body::BodyError;
use partner_center_webhooks::body::typed::{BodyFormatError, FromVerifiedBody as _};
use partner_center_webhooks::duplicates::{DuplicateError, GuardError};
use partner_center_webhooks::envelope::EnvelopeError;
use partner_center_webhooks::event::Event;
use partner_center_webhooks::http_client::HttpClientError;
use partner_center_webhooks::signature::BodyDigest;
use partner_center_webhooks::signers::{FetchError, Unavailable};
use partner_center_webhooks::source::{
    BundleError, CertificateLocation, SourceError, StatusRefusal,
};
use partner_center_webhooks::{Error, ErrorKind, Excerpt, Verdict};

#[track_caller]
fn says(error: impl Into<Error>, kind: ErrorKind, status: u16, retry: Option<u64>, message: &str) {
    let error = error.into();
    assert_eq!(error.to_string(), message);
    assert_eq!((error.kind(), error.status().as_u16()), (kind, status), "{message}");
    let verdict = match status {
        200 => Verdict::Handled,
        503 => Verdict::Undecided,
        _ => Verdict::Forged,
    };
    assert_eq!(error.verdict(), verdict, "{message}");
    assert_eq!(error.retry_after(), retry.map(Duration::from_secs), "{message}");
}

#[test]
fn a_late_fetch_names_all_that_may_be_late() {
    let late = FetchError::Late {
        url: Excerpt::of_url("https://a.example/a.cer"),
        patience: Duration::from_secs(5),
    };
    says(
        Unavailable::new(late, Duration::from_secs(5)),
        ErrorKind::Source,
        503,
        Some(5),
        "the certificate at `https://a.example/a.cer`, or an issuer's certificate or a list that its chain needs from port 80 of a \
         certificate authority, is still being fetched after 5s, the longest that a callback waits; the fetch goes on",
    );
}

#[test]
fn bodies() {
    says(BodyError::Empty, ErrorKind::Body, 400, None, "the body is empty");
    says(
        BodyError::TooLong { limit: 9 },
        ErrorKind::Body,
        413,
        None,
        "the body is longer than 9 bytes",
    );
    says(
        BodyError::Unreadable,
        ErrorKind::Body,
        503,
        Some(10),
        "the body could not be read to its end",
    );
    says(
        BodyError::CutShort { announced: 9, received: 4 },
        ErrorKind::Body,
        503,
        Some(10),
        "the body has 4 bytes (expected 9, as `Content-Length` announced): it was truncated in transit; deliver it again, and \
         check the proxies and middleware in between",
    );
    says(
        BodyError::Lost,
        ErrorKind::Body,
        503,
        Some(10),
        "the body is empty although the headers have a signature (expected the signed body): it was lost in transit; deliver \
         it again, and check the proxies and middleware in between",
    );
}

#[test]
fn envelopes() {
    let header = "authorization";
    let kind = ErrorKind::Envelope;
    let says =
        |error: EnvelopeError, status, message: &str| says(error, kind, status, None, message);
    says(
        EnvelopeError::ConflictingSignatures,
        400,
        "headers `authorization` and `x-ms-signature` hold different signatures",
    );
    says(
        EnvelopeError::Duplicate { header },
        400,
        "header `authorization` is present more than once",
    );
    says(EnvelopeError::Missing { header }, 400, "header `authorization` is missing");
    for certificate_url_present in [false, true] {
        let remedy = |done| match certificate_url_present {
            true => crate::envelope::remedy(done),
            false => String::new(),
        };
        let missing = EnvelopeError::MissingSignature { certificate_url_present };
        let text =
            "no signature: neither `authorization: Signature …` nor `x-ms-signature` is present";
        says(missing, 401, &(text.to_owned() + &remedy("removed")));
        let scheme = |header| EnvelopeError::UnsupportedScheme { header, certificate_url_present };
        let text = "header `authorization` does not use the scheme `Signature`";
        says(scheme(header), 401, &(text.to_owned() + &remedy("replaced")));
        let text = "header `x-ms-signature` does not use the scheme `Signature`";
        says(scheme("x-ms-signature"), 401, text);
    }
    says(
        EnvelopeError::SignatureLength { header, found: 4 },
        400,
        "the signature in header `authorization` has 4 characters of base64 (expected 344 to 1368)",
    );
    let character = |found| EnvelopeError::Base64Character { header, offset: 7, found };
    let form = |problem| EnvelopeError::Base64Form { header, problem };
    for (error, words) in [
        (character(b'_'), "`_` at offset 7"),
        (character(b'\n'), r"`\n` at offset 7"),
        (form("it is cut short"), "it is cut short"),
        (form("its padding is wrong"), "its padding is wrong"),
        (
            form("its last character has spare bits that are not zero"),
            "its last character has spare bits that are not zero",
        ),
    ] {
        says(
            error,
            400,
            &format!("the signature in header `authorization` is not standard base64: {words}"),
        );
    }
}

#[test]
fn locations() {
    let refused = |url: &str| CertificateLocation::default().check(url).unwrap_err();
    let kind = ErrorKind::Location;
    says(
        refused("https://evil.example/\u{1b}[31m"),
        kind,
        401,
        None,
        r"certificate URL `https://evil.example/\x1b[31m` refused: `\x1b` at offset 21 is not allowed in it",
    );
    says(
        refused("https://3psostorageacct.blob.core.windows.net/cert/a.pem"),
        kind,
        401,
        None,
        "certificate URL `https://3psostorageacct.blob.core.windows.net/cert/a.pem` refused: its file name is not \
         `<name>.cer` with a name of letters, digits, `.`, `_` and `-`",
    );
    let long = "x".repeat(5000);
    says(
        refused(&long),
        kind,
        401,
        None,
        &format!(
            "certificate URL `{}… (5000 bytes)` refused: it has 5000 bytes (expected at most 512)",
            &long[..120]
        ),
    );
    let none = CertificateLocation::none().check("https://a.example/a.cer").unwrap_err();
    says(
        none,
        kind,
        401,
        None,
        "certificate URL `https://a.example/a.cer` refused: it is under none of the allowed locations (there are none)",
    );
}

#[test]
fn sources() {
    let url = || Excerpt::of("https://host.example/a.cer");
    let says = |error: SourceError, message| {
        says(
            Unavailable::new(FetchError::Source(error), Duration::from_millis(9_001)),
            ErrorKind::Source,
            503,
            Some(10),
            message,
        )
    };
    says(
        SourceError::Status(Box::new(StatusRefusal::new("https://host.example/a.cer", 404))),
        "`https://host.example/a.cer` returned 404 (expected 200; the response may not be from the host itself: look for a \
         proxy or a firewall in between)",
    );
    says(
        SourceError::Http {
            url: url(),
            error: HttpClientError::Timeout { deadline: Duration::from_secs(5) },
        },
        "`https://host.example/a.cer` could not be downloaded: no complete response within 5s",
    );
    says(
        SourceError::NotACertificate { url: url(), error: BundleError::TooMany },
        "`https://host.example/a.cer` does not serve a certificate: it contains more than 5 certificates",
    );
    self::says(
        Unavailable::new(
            FetchError::Quota { url: url(), per_minute: std::num::NonZeroU32::MIN },
            Duration::from_secs(60),
        ),
        ErrorKind::Source,
        503,
        Some(60),
        "`https://host.example/a.cer` was not fetched: no signer at this URL was ever verified, and the quota of 1 downloads \
         a minute for such URLs is used up; if genuine callbacks name it, configure it with `warm_up_url`",
    );
}

#[test]
fn events() {
    let error = Event::from_slice(b"[]").unwrap_err();
    let words = error.to_string();
    let message = format!("the callback is genuine but its body is not an event: {words}");
    says(error, ErrorKind::Event, 503, Some(300), &message);
}

#[test]
fn formats() {
    let error = String::from_verified_body(b"a\xff"[..].into()).unwrap_err();
    says(
        error,
        ErrorKind::Format,
        503,
        Some(300),
        "the callback is genuine but its body does not fit the handler's type: invalid utf-8 sequence of 1 bytes from index 1",
    );
    // Quotations from readers are cut to an excerpt.
    let error = BodyFormatError::new(format_args!("line\n{}", "x".repeat(500)));
    let quoted = "x".repeat(115);
    says(
        error,
        ErrorKind::Format,
        503,
        Some(300),
        &format!(
            "the callback is genuine but its body does not fit the handler's type: line\\n{quoted}… (505 bytes)"
        ),
    );
}

#[test]
fn duplicates() {
    let digest = BodyDigest::from_bytes([0xab; 32]);
    let hex = "ab".repeat(32);
    let kind = ErrorKind::Duplicate;
    says(
        DuplicateError::Done { digest },
        kind,
        200,
        None,
        &format!("callback {hex} was handled before"),
    );
    says(
        DuplicateError::in_progress(digest, Some(Duration::from_millis(41_001))),
        kind,
        503,
        Some(42),
        &format!("callback {hex} is being handled by another attempt (deliver it again in 42s)"),
    );
    let error = GuardError::new("no route\nto host");
    says(
        DuplicateError::Unknown { digest, error },
        kind,
        503,
        Some(30),
        &format!(
            "it is unknown whether callback {hex} was handled before: the duplicate guard failed: no route\\nto host"
        ),
    );
}

#[test]
fn kinds_have_names() {
    let kinds = [
        (ErrorKind::Body, "body"),
        (ErrorKind::Chain, "chain"),
        (ErrorKind::Duplicate, "duplicate"),
        (ErrorKind::Envelope, "envelope"),
        (ErrorKind::Event, "event"),
        (ErrorKind::Format, "format"),
        (ErrorKind::Location, "location"),
        (ErrorKind::Signature, "signature"),
        (ErrorKind::Source, "source"),
        (ErrorKind::Stale, "stale"),
    ];
    for (kind, name) in kinds {
        assert_eq!((kind.as_str(), kind.to_string().as_str()), (name, name));
    }
}

#[test]
fn verdicts_have_names() {
    let verdicts = [
        (Verdict::Forged, "forged"),
        (Verdict::Handled, "handled"),
        (Verdict::Undecided, "undecided"),
    ];
    for (verdict, name) in verdicts {
        assert_eq!((verdict.as_str(), verdict.to_string().as_str()), (name, name));
    }
}

#[test]
fn causes_are_kept() {
    let cause = std::io::Error::other("cable pulled\nlevel=error");
    let error = FetchError::Source(SourceError::Http {
        url: Excerpt::of("u"),
        error: HttpClientError::Transport(std::sync::Arc::new(cause)),
    });
    let error: Error = Unavailable::new(error, Duration::ZERO).into();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(1)));
    assert_eq!(
        error.to_string(),
        r"`u` could not be downloaded: the connection failed: cable pulled\nlevel=error"
    );
    assert!(error.source().is_none(), "reports that print sources do not repeat the cause");
    let Error::Source(Unavailable { error, .. }) = error else {
        panic!("{error:?}");
    };
    let FetchError::Source(SourceError::Http { error, .. }) = *error else {
        panic!("{error:?}");
    };
    assert_eq!(error.source().unwrap().to_string(), "cable pulled\nlevel=error");
}

#[test]
fn excerpts_are_bounded_and_escaped() {
    assert_eq!(Excerpt::of("").to_string(), "");
    assert_eq!(Excerpt::of("\r\n\t\"\\\u{202e}").to_string(), r#"\r\n\t\"\\\xe2\x80\xae"#);
    let text = Excerpt::of(vec![0xff; 1_000_000]).to_string();
    assert_eq!(text, format!("{}… (1000000 bytes)", r"\xff".repeat(120)));
    assert_eq!(Excerpt::of("x".repeat(120)).to_string(), "x".repeat(120));
}
