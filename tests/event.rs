//! Every known event is read as documented and written byte for byte; other bodies are refused with the reason; no
//! input panics.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "the helpers of tests may fail like tests"
)]

use std::error::Error;
use std::fs;
use std::path::Path;
use std::str::Utf8Error;

use partner_center_webhooks::event::{AuditId, EventError, Id, OtherEventName, Resource};
use partner_center_webhooks::{Event, EventName};

const DELIVERED_TRANSFER: &str = r#"Transfer { customer: Id("4cfba01c-47d4-4b91-9559-740129e7352b"), transfer: Some(Id("bf8c56ab-7094-4429-847e-73f019e4ab7c")) }"#;

#[test]
fn every_documented_name_has_a_vector_which_reads_as_its_resource() {
    for name in EventName::ALL {
        let body = vector(name);
        let event = read(&body);
        assert_eq!(event.name(), name);
        assert_eq!(resource(&event), documented_resource(name), "{name}");
        assert!(event.resource_change_utc_date().is_some(), "{name}");
        assert_eq!(event.extra().count(), 0, "{name}: an unknown member; add it to `MEMBERS`");
        assert_given_back(&event, &body);
    }
    let files = fs::read_dir(vectors()).unwrap();
    assert_eq!(files.count(), EventName::ALL.len() + 1, "one vector a name, and the README");
}

/// The resource of each vector in its debug form: one line each.
#[track_caller]
fn documented_resource(name: &EventName) -> &'static str {
    match name.as_str() {
        "azure-fraud-event-detected" => {
            r#"FraudEvents { subscription: Some(Id("{subscriptionId}")), status: Some(Id("{eventStatus}")) }"#
        }
        "complete-transfer" | "fail-transfer" => {
            r#"Transfer { customer: Id("{customer_id}"), transfer: Some(Id("{transfer_id}")) }"#
        }
        "create-transfer" | "update-transfer" => DELIVERED_TRANSFER,
        "indirect-reseller-relationship-accepted-by-customer" => {
            r#"Customer { customer: Id("{CustomerId}") }"#
        }
        "invoice-ready" => r#"Invoice { invoice: Id("{InvoiceId}") }"#,
        "reseller-relationship-accepted-by-customer" => {
            r#"Customer { customer: Id("4b2a6e33-8791-4386-bd2b-0d55baf25039") }"#
        }
        "test-created" => {
            r#"ValidationEvent { correlation: Some(Id("c0bfd694-3075-4ec5-9a3c-733d3a890a1f")) }"#
        }
        "usagerecords-thresholdExceeded" => "UsageRecords",
        name if name.contains("referral-") => r#"Referral { referral: Id("{ReferralID}") }"#,
        name if name.starts_with("dap-") => "Absent",
        name if name.starts_with("granular-admin-access-assignment-") => {
            r#"GranularAdminAccessAssignment { relationship: Id("{RelationshipID}"), assignment: Id("{AssignmentID}") }"#
        }
        name if name.starts_with("granular-admin-relationship-") => {
            r#"GranularAdminRelationship { relationship: Id("{RelationshipID}") }"#
        }
        name if name.starts_with("new-commerce-migration-") => {
            r#"NewCommerceMigration { customer: Id("{CustomerId}"), migration: Id("{MigrationId}") }"#
        }
        name if name.starts_with("subscription-") => {
            r#"Subscription { customer: Id("{CustomerId}"), subscription: Id("{SubscriptionId}") }"#
        }
        name => panic!("say here what `{name}` points to"),
    }
}

#[test]
fn the_readme_says_where_each_vector_comes_from() {
    let readme = fs::read_to_string(vectors().join("README.md")).unwrap();
    let rows: Vec<_> =
        readme.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let names: Vec<_> = EventName::ALL.iter().map(EventName::as_str).collect();
    assert_eq!(rows, names);
}

#[test]
fn the_sample_delivery_is_195_bytes() {
    let body = r#"{"EventName":"test-created","ResourceUri":"http://localhost:16722/v1/webhooks/registration/test","ResourceName":"test","AuditUri":null,"ResourceChangeUtcDate":"2017-11-16T16:19:06.3520276+00:00"}"#;
    assert_eq!(body.len(), 195);
    let event = read(body);
    assert_eq!(event.name(), &EventName::TestCreated);
    assert_eq!(event.resource_uri(), Some("http://localhost:16722/v1/webhooks/registration/test"));
    assert_eq!(event.resource_name(), Some("test"));
    assert_eq!(event.audit_uri(), None);
    assert_eq!(event.audit_id(), None);
    assert_eq!(event.resource(), Resource::ValidationEvent { correlation: None });
    assert_eq!(
        event.resource_change_utc_date().unwrap().to_string(),
        "2017-11-16 16:19:06.3520276 +00:00:00"
    );
    assert_given_back(&event, body);
}

#[test]
fn only_the_name_is_required() {
    for body in [
        r#"{"EventName":"invoice-ready"}"#,
        r#" { "eventname" : "INVOICE-ready" } "#,
        r#"{"EventName":"invoice-ready","ResourceUri":null,"ResourceName":null,"AuditUri":null,"ResourceChangeUtcDate":null}"#,
        r#"{"EventName":"invoice-ready","ResourceUri":1,"ResourceName":{},"AuditUri":[],"AuditUrl":false,"ResourceChangeUtcDate":"\ud800"}"#,
    ] {
        let event = read(body);
        assert_eq!(event.name(), &EventName::InvoiceReady);
        assert_eq!(event.resource_uri(), None);
        assert_eq!(event.resource_name(), None);
        assert_eq!(event.audit_uri(), None);
        assert_eq!(event.resource_change_utc_date(), None);
        assert_eq!(event.resource_change_utc_date_text(), None);
        assert_eq!(event.resource(), Resource::Absent);
        assert_eq!(event.extra().count(), 0);
        assert_given_back(&event, body.trim());
    }
    for (body, message) in [
        ("{}", "member `EventName` is missing (expected a non-empty string)"),
        (r#"{"Event":"x"}"#, "member `EventName` is missing (expected a non-empty string)"),
        (r#"{"EventName":null}"#, "member `EventName` is null (expected a non-empty string)"),
        (
            r#"{"EventName":""}"#,
            "member `EventName` is an empty string (expected a non-empty string)",
        ),
        (r#"{"eventName":3}"#, "member `EventName` is a number (expected a non-empty string)"),
        (r#"{"EventName":["x"]}"#, "member `EventName` is an array (expected a non-empty string)"),
        (r#"{"EventName":{}}"#, "member `EventName` is an object (expected a non-empty string)"),
        (r#"{"EventName":true}"#, "member `EventName` is a boolean (expected a non-empty string)"),
        (
            r#"{"EventName":"\udc00"}"#,
            "member `EventName` is a string with half a surrogate pair (expected a non-empty string)",
        ),
    ] {
        assert_eq!(refused(body), message, "{body}");
    }
}

#[test]
fn members_match_in_any_case_and_order() {
    let body = r#"{"RESOURCENAME":"test","auditUri":"a","resourceChangeUtcDate":"d","x":0,"resourceuri":"u","EVENTNAME":"Test-Created"}"#;
    let event = read(body);
    assert_eq!(event.name(), &EventName::TestCreated);
    assert_eq!(event.resource_uri(), Some("u"));
    assert_eq!(event.resource_name(), Some("test"));
    assert_eq!(event.audit_uri(), Some("a"));
    assert_eq!(event.resource_change_utc_date_text(), Some("d"));
    assert_eq!(extra(&event), [("x", "0")]);
    assert_given_back(&event, body);
}

#[test]
fn the_audit_uri_may_be_spelt_audit_url() {
    for (members, audit_uri) in [
        (r#""AuditUrl":"l""#, Some("l")),
        (r#""AUDITURL":"l""#, Some("l")),
        (r#""AuditUrl":"l","AuditUri":"i""#, Some("i")),
        (r#""AuditUri":"i","AuditUrl":"l""#, Some("i")),
        (r#""AuditUri":null,"AuditUrl":"l""#, Some("l")),
        (r#""AuditUri":7,"AuditUrl":"l""#, Some("l")),
        (r#""AuditUri":"i","AuditUrl":null"#, Some("i")),
        (r#""AuditUri":null,"AuditUrl":null"#, None),
        (r#""Audit":"x""#, None),
    ] {
        let body = format!(r#"{{"EventName":"x",{members}}}"#);
        let event = read(&body);
        assert_eq!(event.audit_uri(), audit_uri, "{body}");
        assert_given_back(&event, &body);
    }
}

#[test]
fn no_member_may_occur_twice() {
    for (body, member) in [
        (r#"{"EventName":"x","EventName":"x"}"#, "EventName"),
        (r#"{"EventName":"x","eventName":"y"}"#, "eventName"),
        (r#"{"EventName":"x","\u0045ventName":"y"}"#, "EventName"),
        (r#"{"EventName":"x","ResourceUri":null,"RESOURCEURI":"u"}"#, "RESOURCEURI"),
        (r#"{"EventName":"x","AuditUrl":"a","AuditURL":"b"}"#, "AuditURL"),
        (r#"{"EventName":"x","Other":1,"Other":1}"#, "Other"),
        (r#"{"EventName":"x","a\nb":1,"a\nb":2}"#, r"a\nb"),
        (r#"{"a":1,"a":2}"#, "a"),
    ] {
        assert_eq!(refused(body), format!("member `{member}` occurs more than once"), "{body}");
    }
    let long = "m".repeat(300);
    let message = refused(&format!(r#"{{"EventName":"x","{long}":1,"{long}":2}}"#));
    assert_eq!(message, format!("member `{}… (300 bytes)` occurs more than once", "m".repeat(120)));

    // The accepted twins: unknown members differ by case, and values are not inspected.
    let event = read(r#"{"EventName":"x","other":1,"Other":2,"o":{"a":1,"a":2}}"#);
    assert_eq!(extra(&event), [("other", "1"), ("Other", "2"), ("o", r#"{"a":1,"a":2}"#)]);
}

#[test]
fn unknown_names_and_members_are_kept_as_they_are() {
    let body = "{\"Added\" : [ 1.0, 1e400 ,-0],\"Big\":123456789012345678901234567890.10,\"EventName\":\"Brand-\\u006eew\",\n\"$serde_json::private::RawValue\":\"1\",\"\":\"\\u00e4\\/\\ud800\"}";
    let event = read(body);
    assert!(matches!(event.name(), EventName::Other(_)));
    assert_eq!(event.name().as_str(), "Brand-new");
    assert_eq!(
        extra(&event),
        [
            ("Added", "[ 1.0, 1e400 ,-0]"),
            ("Big", "123456789012345678901234567890.10"),
            ("$serde_json::private::RawValue", "\"1\""),
            ("", r#""\u00e4\/\ud800""#),
        ]
    );
    assert_given_back(&event, body);
}

/// Some of Microsoft's services write one. It is not part of the JSON, so the event does not write it.
#[test]
fn a_byte_order_mark_is_skipped_once() {
    let body = r#"{"EventName":"invoice-ready"}"#;
    let marked = format!("\u{feff}{body}");
    assert_eq!(read(&marked), read(body));
    assert_given_back(&read(&marked), body);
    let twice = "body is not JSON: expected value (line 1, column 1)";
    assert_eq!(refused(&format!("\u{feff}{marked}")), twice);
    assert_eq!(
        refused(&format!(" {marked}")),
        "body is not JSON: expected value (line 1, column 2)"
    );
}

#[test]
fn a_known_name_keeps_its_spelling_in_the_event() {
    let body = r#"{"EventName":"SUBSCRIPTION-Updated"}"#;
    let event = read(body);
    assert_eq!(event.name(), &EventName::SubscriptionUpdated);
    assert_eq!(event.name().as_str(), "subscription-updated");
    assert_given_back(&event, body);
}

#[test]
fn dates_of_every_length_are_read_in_utc() {
    for row in [
        "2017-11-16T16:19:06.3520276+00:00 = 2017-11-16 16:19:06.3520276",
        "2018-02-17T00:05:39.5485487+00:00 = 2018-02-17 0:05:39.5485487",
        "2023-10-18T00:26:24.0159088+00:00 = 2023-10-18 0:26:24.0159088",
        "2024-12-12T14:44:18.627854+00:00 = 2024-12-12 14:44:18.627854",
        "2024-12-12T14:44:18.62785+00:00 = 2024-12-12 14:44:18.62785",
        "2024-12-12T14:44:18.6278+00:00 = 2024-12-12 14:44:18.6278",
        "2024-12-12T14:44:18.627Z = 2024-12-12 14:44:18.627",
        "2021-12-08T00:25:45.69 = 2021-12-08 0:25:45.69",
        "2024-12-12T14:44:18.6z = 2024-12-12 14:44:18.6",
        "2024-12-12T14:44:18+00:00 = 2024-12-12 14:44:18.0",
        "2024-12-12T14:44:18 = 2024-12-12 14:44:18.0",
        "2017-12-08T21:39:48.2386997 = 2017-12-08 21:39:48.2386997",
        "2017-12-08T21:39:48.123456789Z = 2017-12-08 21:39:48.123456789",
        "2017-12-08T23:39:48+02:00 = 2017-12-08 21:39:48.0",
        "9999-12-31T23:59:59.9970000 = 9999-12-31 23:59:59.997",
        "9999-12-31T23:59:59-01:00 = None",
        "2024-12-12T14:44:18.+00:00 = None",
        "2024-12-12T14:44:18+0000 = None",
        "2024-02-30T14:44:18Z = None",
        "2024-12-12 = None",
        "12/12/2024 14:44:18 = None",
        "2024-12-12T14:44:18ZZ = None",
        " 2024-12-12T14:44:18Z = None",
        "/Date(1734014658627)/ = None",
        " = None",
    ] {
        let (text, expected) = row.split_once(" = ").unwrap();
        let body = format!(r#"{{"EventName":"x","ResourceChangeUtcDate":"{text}"}}"#);
        let event = read(&body);
        let date = event.resource_change_utc_date();
        let shown =
            date.map_or_else(|| "None".into(), |date| format!("{} {}", date.date(), date.time()));
        assert_eq!(shown, expected, "{text}");
        assert_eq!(event.resource_change_utc_date_text(), Some(text));
        assert_given_back(&event, &body);
    }
}

#[test]
fn an_audit_id_has_the_date_of_its_event() {
    for name in [EventName::ResellerRelationshipAcceptedByCustomer, EventName::CreateTransfer] {
        let event = read(&vector(&name));
        let audit_id = event.audit_id().unwrap();
        assert_eq!(Some(audit_id.date()), event.resource_change_utc_date(), "{name}");
        assert!(event.audit_uri().unwrap().ends_with(audit_id.as_str()));
    }
    // The twin: a placeholder is not an audit id, and stays in the URI.
    let event = read(&vector(&EventName::SubscriptionUpdated));
    assert_eq!(event.audit_id(), None);
    assert_eq!(
        event.audit_uri(),
        Some("https://api.partnercenter.microsoft.com/v1/auditrecords/{AuditId}")
    );
}

#[test]
fn a_transfer_is_found_in_the_audit_id_of_the_same_customer() {
    let body = vector(&EventName::CreateTransfer);
    let without_id =
        r#"Transfer { customer: Id("4cfba01c-47d4-4b91-9559-740129e7352b"), transfer: None }"#;
    for (from, to, expected) in [
        ("", "", DELIVERED_TRANSFER),
        // An unknown event is a transfer by its resource name; either of the two is enough.
        ("create-transfer", "cancel-transfer", DELIVERED_TRANSFER),
        ("\"Transfer\"", "null", DELIVERED_TRANSFER),
        ("\"AuditUri\"", "\"Audit\"", without_id),
        ("_bf8c56ab-7094-4429-847e-73f019e4ab7c", "", without_id),
        ("_4cfba01c", "_5cfba01c", without_id),
        ("v1/customers", "v1/partners", "Unknown"),
    ] {
        assert_eq!(resource(&read(&body.replacen(from, to, 1))), expected, "{from} -> {to}");
    }
    let other = body.replace("create-transfer", "x").replace("\"Transfer\"", "\"Customer\"");
    let customer = r#"Customer { customer: Id("4cfba01c-47d4-4b91-9559-740129e7352b") }"#;
    assert_eq!(resource(&read(&other)), customer);
}

#[test]
fn all_ids_must_name_the_same_customer() {
    let one = "4b2a6e33-8791-4386-bd2b-0d55baf25039";
    let other = "5b2a6e33-8791-4386-bd2b-0d55baf25039";
    let audit = |tenant| {
        format!(
            "https://a.example/60d5c4bb-f78a-4200-a002-953d7cc1f5f8_{tenant}_x_638331855840159088"
        )
    };
    let of = |path: &str| format!("https://api.partnercenter.microsoft.com/{path}");
    let upper = one.to_uppercase();
    for (resource, audit, customer) in [
        (of(&format!("v1/customers/{one}")), "null".to_owned(), Some(one)),
        (
            of(&format!("webhooks/v1/customers/{upper}/subscriptions/a")),
            "null".to_owned(),
            Some(one),
        ),
        (of(&format!("v1/customers/{one}/transfers/a")), audit(one), Some(one)),
        (of(&format!("v1/customers/{one}/migrations/newcommerce/a")), audit(&upper), Some(one)),
        ("null".to_owned(), audit(one), Some(one)),
        (of("granularAdminRelationships/a"), audit(one), Some(one)),
        (of("v1/brand-new/a"), audit(one), Some(one)),
        (of(&format!("v1/customers/{upper}/unheard-of/a")), audit(one), Some(one)),
        // Different customers give none, even if one of them is not a tenant.
        (of(&format!("v1/customers/{one}")), audit(other), None),
        (of("v1/customers/fabrikam"), audit(one), None),
        (of(&format!("v1/customers/{one}/unheard-of/a")), audit(other), None),
        (of(&format!("v1/CUSTOMERS/%34{}", &one[1..])), audit(other), None),
        // Resources of the partner, or of all customers, have no customer.
        (of("v1/invoices/G1"), audit(one), None),
        (of("engagements/v1/referrals/a"), audit(one), None),
        (of("v1/customers/usagerecords"), audit(one), None),
        (of("v1/customers/fabrikam"), "null".to_owned(), None),
        (of(&format!("v1/customers/{one}/unheard-of/a")), "null".to_owned(), Some(one)),
        (of(&format!("webhooks/v1/Customers/{upper}/relationships")), "null".to_owned(), Some(one)),
        (of(&format!("v1/customers/{one}/usagesummary")), audit(one), Some(one)),
        (of(&format!("v1/customers/{one}/usagesummary")), audit(other), None),
        (of("v1/customers/fabrikam/unheard-of/a"), "null".to_owned(), None),
        (of("v1/customers/usagerecords"), "null".to_owned(), None),
        (of("v1/invoices/G1"), "null".to_owned(), None),
    ] {
        let body =
            format!(r#"{{"EventName":"x","ResourceUri":"{resource}","AuditUri":"{audit}"}}"#);
        let found = read(&body).customer_tenant().map(|tenant| tenant.to_string());
        assert_eq!(found.as_deref(), customer, "{body}");
    }
    for (uri, url, customer) in [
        (audit(one), audit(other), None),
        (audit(other), audit(one), None),
        (audit(one), audit(&upper), Some(one)),
        (audit(one), "null".to_owned(), Some(one)),
        ("null".to_owned(), audit(one), Some(one)),
    ] {
        let body = format!(r#"{{"EventName":"x","AuditUrl":"{url}","AuditUri":"{uri}"}}"#);
        let found = read(&body).customer_tenant().map(|tenant| tenant.to_string());
        assert_eq!(found.as_deref(), customer, "{body}");
    }
}

#[test]
fn a_body_that_is_not_one_object_in_utf_8_is_refused() {
    for (body, found) in [
        (&b""[..], "is empty"),
        (b" \r\n\t", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"\xef\xbb\xbf[]", "is an array"),
        (br#"[{"EventName":"x"}]"#, "is an array"),
        (br#""EventName""#, "is a string"),
        (b"null", "is null"),
        (b" 12.5 ", "is a number"),
        (b"false", "is a boolean"),
    ] {
        let error = Event::from_slice(body).unwrap_err();
        assert_eq!(error.to_string(), format!("body {found} (expected a JSON object)"));
        assert_eq!(error.clone(), error);
    }
    for (body, encoding) in [(&b"\xff\xfe{\0}\0"[..], "UTF-16"), (b"\xfe\xff\0{\0}", "UTF-16")] {
        let expected = "(expected a JSON object in UTF-8)";
        let message = format!("body starts with a {encoding} byte order mark {expected}");
        assert_eq!(Event::from_slice(body).unwrap_err().to_string(), message);
    }
    let error = Event::from_slice(b"{\"EventName\":\"\xe4\"}").unwrap_err();
    assert_eq!(error.to_string(), "body is not UTF-8 after byte 14");
    assert!(error.source().unwrap().is::<Utf8Error>());
}

#[test]
fn a_body_that_is_not_json_is_refused_with_the_position() {
    for (body, line, column, reason) in [
        ("EventName=x", 1, 1, "expected value"),
        ("{'EventName':'x'}", 1, 2, "key must be a string"),
        ("{\0}\0", 1, 2, "key must be a string"),
        ("{\"EventName\":\"x\"}\n{}", 2, 1, "trailing characters"),
        ("{\"EventName\":\"x\"}\0", 1, 18, "trailing characters"),
        (r#"{"EventName":"x"#, 1, 15, "EOF while parsing a string"),
        (r#"{"EventName":"x""#, 1, 16, "EOF while parsing an object"),
        (r#"{"EventName":"x",}"#, 1, 18, "key must be a string"),
        (r#"{"EventName" "x"}"#, 1, 14, "expected `:`"),
        (" {\n \"\\ud800\":1}", 2, 9, "unexpected end of hex escape"),
    ] {
        let message = format!("body is not JSON: {reason} (line {line}, column {column})");
        assert_eq!(refused(body), message, "{body}");
    }
}

#[test]
fn nesting_is_limited_as_in_serde_json() {
    let nested = |member: &str, levels: usize| {
        let (open, close) = (r#"[{"a":"#.repeat(levels), "}]".repeat(levels));
        format!(r#"{{"EventName":"x","{member}":[{open}0{close}]}}"#)
    };
    for member in ["Added", "ResourceUri", "AuditUrl"] {
        // 1 event, 1 array, 2 × 62: 126 levels. With another pair 128, one too many.
        assert!(Event::from_slice(nested(member, 62).as_bytes()).is_ok());
        for levels in [63, 10_000] {
            let message = format!(
                "member `{member}` is nested too deeply (expected at most 127 levels, the event included)"
            );
            assert_eq!(refused(&nested(member, levels)), message);
        }
    }
    for levels in 120..132 {
        let body =
            format!(r#"{{"EventName":"x","a":{}{}}}"#, "[".repeat(levels), "]".repeat(levels));
        let is_read_by_serde_json = serde_json::from_str::<serde_json::Value>(&body).is_ok();
        assert_eq!(Event::from_slice(body.as_bytes()).is_ok(), is_read_by_serde_json, "{levels}");
    }
    assert_eq!(refused(&nested("EventName", 63)).get(..18), Some("member `EventName`"));
    let array = "[".repeat(10_000) + &"]".repeat(10_000);
    assert_eq!(refused(&array), "body is an array (expected a JSON object)");
    let object = r#"{"a":"#.repeat(10_000) + "0" + &"}".repeat(10_000);
    assert_eq!(
        refused(&object),
        "member `a` is nested too deeply (expected at most 127 levels, the event included)"
    );
    let open = "[".repeat(10_000);
    assert_eq!(refused(&open), "body is not JSON: EOF while parsing a list (line 1, column 10000)");
}

#[test]
fn an_event_can_be_part_of_other_json() {
    let body = r#"{"EventName":"x", "Price":1.50}"#;
    let events: Vec<Event> = serde_json::from_str(&format!("[{body},{body}]")).unwrap();
    assert_eq!(events, [read(body), read(body)]);
    assert_eq!(serde_json::to_string(&events).unwrap(), format!("[{body},{body}]"));
    assert_eq!(serde_json::from_reader::<_, Event>(body.as_bytes()).unwrap(), read(body));

    let value = serde_json::from_str::<serde_json::Value>(r#"{"EventName":"x"}"#).unwrap();
    assert_eq!(serde_json::from_value::<Event>(value).unwrap(), read(r#"{"EventName":"x"}"#));

    let error = serde_json::from_str::<Vec<Event>>(r#"[{"EventName":1}]"#).unwrap_err();
    assert_eq!(
        error.to_string(),
        "member `EventName` is a number (expected a non-empty string) at line 1 column 17"
    );
    assert_ne!(read(body), read(&body.replace("1.50", "1.5")));
}

#[test]
fn debug_shows_the_text_on_one_line() {
    assert_eq!(
        format!("{:?}", read("{\"EventName\":\n\"x\"}")),
        r#"Event("{\"EventName\":\n\"x\"}")"#
    );
}

#[test]
fn no_truncation_and_no_changed_byte_panics() {
    for name in EventName::ALL {
        let body = vector(name).into_bytes();
        for end in 0..body.len() {
            assert!(Event::from_slice(&body[..end]).is_err(), "{name} cut to {end} bytes");
        }
        let telling = b"\0 \"\\/{}[]:,_?0\x80\xff";
        for (at, byte) in (0..body.len()).flat_map(|at| telling.iter().map(move |byte| (at, *byte)))
        {
            try_changed(&body, at, byte);
        }
    }
    let body = vector(&EventName::CreateTransfer).into_bytes();
    for (at, byte) in (0..body.len()).flat_map(|at| (0..=u8::MAX).map(move |byte| (at, byte))) {
        try_changed(&body, at, byte);
    }
}

fn try_changed(body: &[u8], at: usize, byte: u8) {
    let mut changed = body.to_vec();
    changed[at] = byte;
    if let Ok(event) = Event::from_slice(&changed) {
        let _ = (event.resource(), event.audit_id(), event.resource_change_utc_date());
        assert_given_back(&event, str::from_utf8(&changed).unwrap().trim());
    }
}

#[test]
fn everything_can_be_sent_to_another_thread() {
    fn is_send_and_sync<T: std::fmt::Debug + Send + Sync + 'static>() {}
    is_send_and_sync::<(AuditId, Event, EventError, EventName)>();
    is_send_and_sync::<(Id, OtherEventName, Resource)>();
}

fn vectors() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/events"))
}

#[track_caller]
fn vector(name: &EventName) -> String {
    let file = vectors().join(format!("{name}.json"));
    fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

#[track_caller]
fn read(body: &str) -> Event {
    body.parse().unwrap()
}

#[track_caller]
fn refused(body: &str) -> String {
    body.parse::<Event>().unwrap_err().to_string()
}

#[track_caller]
fn assert_given_back(event: &Event, body: &str) {
    assert_eq!(event.as_json().get(), body);
    assert_eq!(serde_json::to_string(event).unwrap(), body);
}

fn extra(event: &Event) -> Vec<(&str, &str)> {
    event.extra().map(|(name, value)| (name, value.get())).collect()
}

fn resource(event: &Event) -> String {
    format!("{:?}", event.resource())
}
