//! CloudEvents: parsing and serialization, each case beside its refused twins.

use partner_center_webhooks::event_grid::{CloudEvent, CloudEventError};
use partner_center_webhooks::receiver::ReceiverBuilder;
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::support::{EVENT, ISSUER, NOW, Scripted, chain};

const LEAST: &str = r#"{"specversion":"1.0","id":"1","source":"/a","type":"b"}"#;

fn parse(json: &str) -> Result<CloudEvent, CloudEventError> {
    CloudEvent::from_slice(json.as_bytes())
}

/// `LEAST` with more members.
fn with(members: &str) -> String {
    LEAST.replace('}', &format!(",{members}}}"))
}

fn serialized(event: &CloudEvent) -> Result<Value, String> {
    serde_json::to_value(event).map_err(|error| error.to_string())
}

/// A delivery of Event Grid: the documented sample, with additions seen in practice.
#[test]
fn events_of_event_grid_are_parsed() {
    let event = parse(
        r##"{
            "id": "e4e8b7c3-8d5a-4f0f-9a4b-0c4e5b5a6f7d",
            "source": "/subscriptions/s/resourceGroups/r",
            "specversion": "1.0",
            "type": "Microsoft.Resources.ResourceWriteSuccess",
            "dataschema": "#",
            "subject": "/subscriptions/s/resourceGroups/r/providers/p",
            "time": "2026-11-21T01:02:03.1234567Z",
            "traceparent": null,
            "datacontenttype": null,
            "partnerextension": {"a": 1},
            "data": {"claims": {}, "number": 1.50, "big": 123456789012345678901234567890}
        }"##,
    )
    .unwrap();
    assert_eq!(event.data_schema(), Some("#"));
    assert_eq!(event.time_text(), Some("2026-11-21T01:02:03.1234567Z"));
    assert_eq!(event.time().unwrap().nanosecond(), 123_456_700);
    assert_eq!(event.data_content_type(), None);
    assert_eq!(
        event.json().unwrap().get(),
        r#"{"claims": {}, "number": 1.50, "big": 123456789012345678901234567890}"#
    );
    let extensions: Vec<_> = event.extensions().map(|(name, _)| name).collect();
    assert_eq!(extensions, ["partnerextension"]);
    assert_eq!(
        event.check().unwrap_err().to_string(),
        r#"attribute `partnerextension` is `{\"a\": 1}` (expected a boolean, an integer of 32 bits, or text without control characters)"#
    );
}

#[test]
fn round_trips_drop_placeholders() {
    let read_in = with(
        r##""time":"2026-11-21T01:02:03.1234567Z","dataschema":"#","subject":null,"region":"west","count":7,"data":{"b": 1.50, "a":[ ]}"##,
    );
    let text = serde_json::to_string(&parse(&read_in).unwrap()).unwrap();
    assert_eq!(
        text,
        r#"{"specversion":"1.0","id":"1","source":"/a","type":"b","time":"2026-11-21T01:02:03.1234567Z","region":"west","count":7,"data":{"b": 1.50, "a":[ ]}}"#
    );
    assert_eq!(parse(&text).unwrap(), parse(&read_in).unwrap());

    let bytes = parse(&with(r#""data_base64":"AP8Q","datacontenttype":"a/b""#)).unwrap();
    assert_eq!(bytes.bytes(), Some(&[0, 255, 16][..]));
    assert_eq!(bytes.json().map(|json| json.get()), None);
    assert_eq!(serialized(&bytes).unwrap()["data_base64"], "AP8Q");
    // Also without padding.
    let unpadded = parse(&with(r#""data_base64":"AA""#)).unwrap();
    assert_eq!(serialized(&unpadded).unwrap()["data_base64"], "AA==");
}

#[test]
fn invalid_events_are_refused() {
    for (json, message) in [
        ("", "the event is not JSON: EOF while parsing a value at line 1 column 0"),
        ("[]", "the event is an array (expected an object)"),
        ("1", "the event is a number (expected an object)"),
        (r#"{"id":"1","source":"/a"}"#, "attribute `type` is missing"),
        (r#"{"id":"","source":"/a","type":"b"}"#, "attribute `id` is missing"),
        (r#"{"id":null,"source":"/a","type":"b"}"#, "attribute `id` is missing"),
        (
            r#"{"id":1,"source":"/a","type":"b"}"#,
            "attribute `id` is `1` (expected non-empty text without control characters)",
        ),
        (
            r#"{"specversion":"0.3","id":"1","source":"/a","type":"b"}"#,
            "attribute `specversion` is `0.3` (expected 1.0)",
        ),
        (r#"{"id":"1","id":"2","source":"/a","type":"b"}"#, "member `id` occurs more than once"),
        (
            &with(r#""data":1,"data_base64":"AA==""#),
            "`data` and `data_base64` are both present (expected at most one)",
        ),
        (&with(r#""data_base64":"%""#), r#"attribute `data_base64` is `\"%\"` (expected base64)"#),
        (&format!("{LEAST}x"), "the event is not JSON: trailing characters at line 1 column 56"),
    ] {
        assert_eq!(parse(json).unwrap_err().to_string(), message, "{json}");
        assert!(serde_json::from_str::<CloudEvent>(json).is_err(), "{json}");
    }
    // The dead-letter sample has no version. Null data beside `data_base64` does not count.
    assert!(parse(r#"{"id":"1","source":"/a","type":"b"}"#).is_ok());
    assert!(parse(&with(r#""data":null,"data_base64":"AA==""#)).is_ok());
}

#[test]
fn batches_and_single_events() {
    let ids = |json: &str| {
        let events = CloudEvent::batch_from_slice(json.as_bytes());
        events.map(|events| events.iter().map(|it| it.id().to_owned()).collect::<Vec<_>>())
    };
    assert_eq!(ids(LEAST).unwrap(), ["1"]);
    assert_eq!(ids(&format!(" [{LEAST}, {LEAST} ] ")).unwrap(), ["1", "1"]);
    assert_eq!(ids("[]").unwrap(), [""; 0]);
    assert!(ids(&format!("[{LEAST},1]")).is_err());
    assert!(ids("null").is_err());
    let by_serde: Vec<CloudEvent> = serde_json::from_str(&format!("[{LEAST}]")).unwrap();
    assert_eq!(by_serde[0].source(), "/a");
}

#[test]
fn nonconforming_events_are_parsed_but_not_serialized() {
    for members in [
        r#""dataschema":"/relative""#,
        r#""time":"yesterday""#,
        r#""datacontenttype":"json""#,
        r#""subject":"a\nb""#,
        r#""Region":"west""#,
        r#""my_extension":1"#,
        r#""ext":1.5"#,
        r#""ext":[]"#,
    ] {
        let event = parse(&with(members)).unwrap();
        let reason = event.check().unwrap_err().to_string();
        assert_eq!(serialized(&event).unwrap_err(), reason, "{members}");
    }
    let event = parse(&with(r#""Region":"west""#)).unwrap();
    assert_eq!(
        event.check().unwrap_err().to_string(),
        "`Region` is not an extension name (expected lower-case letters and digits, and not an attribute of CloudEvents)"
    );
    assert_eq!(parse(&with(r#""time":"yesterday""#)).unwrap().time(), None);
}

/// Nested arrays with this number of levels.
fn nested(levels: usize) -> String {
    format!("{}{}", "[".repeat(levels), "]".repeat(levels))
}

#[test]
fn data_that_parsers_would_refuse_is_not_serialized() {
    let of = |levels| parse(&with(&format!(r#""data":{}"#, nested(levels)))).unwrap();
    of(125).check().unwrap();
    for levels in [126, 400_000] {
        let event = of(levels);
        assert_eq!(event.check(), Err(CloudEventError::TooDeep));
        assert_eq!(
            serialized(&event).unwrap_err(),
            "the data is nested too deeply (expected at most 125 levels)"
        );
    }
    // Brackets in a string are not levels.
    let event = CloudEvent::new("/a", "b").unwrap();
    event.with_json(&nested(200)).unwrap().check().unwrap();
}

#[test]
fn setters_check() {
    let event = || CloudEvent::new("/a", "b").unwrap();
    assert!(event().with_id("").is_err());
    assert!(event().with_source("a b").is_err());
    assert!(event().with_subject("\u{1}").is_err());
    assert!(event().with_data_schema("#").is_err());
    assert!(event().with_bytes("nothing", []).is_err());
    assert!(event().with_extension("id", "x").is_err());
    assert!(event().with_extension("ok", "\n").is_err());
    assert!(event().with_time(time::PrimitiveDateTime::MIN.assume_utc()).is_err());
    let event = event()
        .with_extension("ok", "one")
        .and_then(|event| event.with_extension("ok", true))
        .and_then(|event| event.with_time(OffsetDateTime::UNIX_EPOCH))
        .unwrap();
    assert_eq!(event.extension("ok").unwrap().get(), "true");
    let mut json = serialized(&event).unwrap();
    assert_eq!(json["id"].as_str().unwrap().len(), 36);
    json["id"] = "1".into();
    assert_eq!(
        json,
        json!({"specversion": "1.0", "id": "1", "source": "/a", "type": "b", "time": "1970-01-01T00:00:00Z", "ok": true})
    );
    assert_ne!(CloudEvent::new("/a", "b").unwrap().id(), CloudEvent::new("/a", "b").unwrap().id());
}

#[tokio::test]
async fn repeated_callbacks_convert_to_one_event() {
    let signer = ISSUER.signer().unwrap();
    let receiver =
        ReceiverBuilder::new(chain(), Scripted::serving(&signer)).clock(|| NOW).build().unwrap();
    let event_of = async |body: &str| {
        let callback = signer.callback(body.to_owned()).unwrap();
        let received = receiver.receive(&callback.headers, &callback.body).await;
        CloudEvent::from(&received.unwrap())
    };
    let event = event_of(EVENT).await;
    let signed = signer.callback(EVENT).unwrap();
    let received = receiver.receive(&signed.headers, &signed.body).await.unwrap();
    assert_eq!(event.id(), received.digest().to_string());
    assert_eq!(event.json().unwrap().get(), EVENT, "byte for byte");
    assert_eq!(event, event_of(EVENT).await);
    event.check().unwrap();
    let mut json = serialized(&event).unwrap();
    let members = json.as_object_mut().unwrap();
    members.remove("data");
    members.remove("id");
    assert_eq!(
        json,
        json!({
            "specversion": "1.0",
            "source": "https://api.partnercenter.microsoft.com/webhooks/v1",
            "type": "Microsoft.PartnerCenter.test-created",
            "subject": "http://api.partnercenter.microsoft.com/webhooks/v1/registration/validationEvents/c0bfd694-3075-4ec5-9a3c-733d3a890a1f",
            "time": "2017-11-16T16:19:06.3520276+00:00",
            "datacontenttype": "application/json",
        })
    );
    // Missing or invalid values are omitted; a date without an offset is UTC.
    for (body, subject, time) in [
        (r#"{"EventName":"Brand-New"}"#, None, None),
        (r#" {"EventName":"x","ResourceUri":"","ResourceChangeUtcDate":"soon"} "#, None, None),
        (
            r#"{"EventName":"x","ResourceUri":"u\n","ResourceChangeUtcDate":"2026-11-21T00:00:00.1234567"}"#,
            None,
            Some("2026-11-21T00:00:00.1234567Z"),
        ),
        (
            r#"{"EventName":"x","ResourceUri":"u","ResourceChangeUtcDate":"2026-11-21 01:00:00+01:00"}"#,
            Some("u"),
            Some("2026-11-21T00:00:00Z"),
        ),
    ] {
        let event = event_of(body).await;
        event.check().unwrap();
        assert_eq!((event.subject(), event.time_text()), (subject, time), "{body}");
        assert_eq!(event.json().unwrap().get(), body.trim());
    }
}
