//! A cause that the service names comes before general advice, and decides about retries.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use partner_center_webhooks::event_grid::manage::{PartnerNamespace, ResourceId};
use partner_center_webhooks::registration::RegistrationClient;
use partner_center_webhooks::token::{
    AccessToken, Application, ClientCredentials, RefreshToken, SecretString, TokenError,
    TokenProvider, TokenRequest,
};

use super::{Peer, http, json, quick, response};

#[tokio::test]
async fn partner_centers_codes_have_their_own_advice() {
    for (status, code, advice) in [
        ("401 Unauthorized", "900421", "sign in with it and consent again"),
        ("401 Unauthorized", "10001", "sign in with it and consent again"),
        ("401 Unauthorized", "900420", "has another audience"),
        ("403 Forbidden", "900329", "needs the token of a user"),
        ("403 Forbidden", "900309", "conditional access policy"),
        ("403 Forbidden", "20002", "the customer has no relationship with this partner"),
        ("401 Unauthorized", "20002", "the customer has no relationship with this partner"),
        ("403 Forbidden", "1002", "lacks a role"),
        ("400 Bad Request", "2000", "correct the request"),
        ("400 Bad Request", "3000", "correct the request"),
    ] {
        let body = format!(
            r#"{{"code":"{code}","description":"In its own words.","data":[],"source":"PartnerFD"}}"#
        );
        let peer = Peer::saying([json(status, &body)]).await;
        let error = peer.registration().get().await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains(&format!(", code {code}: In its own words. (")), "{text}");
        assert!(text.contains(advice), "{text}");
        assert!(!text.contains("check that it is from a tenant that is enrolled"), "{text}");
        assert!(!error.is_transient(), "{text}");
    }
    // The twins: no cause, or an unknown one, where the message of the service comes without advice.
    let general = "check that it is from a tenant that is enrolled in Partner Center";
    for (body, is_general) in [("", true), (r#"{"code":"123456","description":"New."}"#, false)] {
        let peer = Peer::saying([json("401 Unauthorized", body)]).await;
        let text = peer.registration().get().await.unwrap_err().to_string();
        assert_eq!(text.contains(general), is_general, "{text}");
    }
}

const GRANT: &str = r#"{"token_type":"Bearer","expires_in":3600,"access_token":"an-access-token","refresh_token":"rt"}"#;

/// The requests to the API and to Entra, and the saved refresh tokens, of one call that is refused with `body`.
async fn counts(body: &str) -> (usize, usize, usize) {
    let api = Peer::saying([json("401 Unauthorized", body)]).await;
    let number = Arc::new(AtomicUsize::new(0));
    let entra = Peer::saying((1..5).map(|number| {
        json(
            "200 OK",
            &GRANT
                .replace("\"rt\"", &format!("\"rt{number}\""))
                .replace("an-access-token", &format!("access-token-{number}")),
        )
    }))
    .await;
    let saved: Arc<Mutex<Vec<String>>> = Arc::default();
    let keep = Arc::clone(&saved);
    let application =
        Application::new(&entra.cloud(), "contoso.example", "id", "a-client-secret").unwrap();
    let tokens = RefreshToken::new(application, "rt0", http(), move |token: SecretString| {
        number.fetch_add(1, Ordering::SeqCst);
        keep.lock().unwrap().push(token.expose_secret().to_owned());
        async { Ok(()) }
    });
    let client =
        RegistrationClient::new(&api.cloud(), http(), tokens).unwrap().with_retries(quick());
    client.get().await.unwrap_err();
    let saved = saved.lock().unwrap().len();
    (api.requests().len(), entra.requests().len(), saved)
}

#[tokio::test]
async fn no_other_token_is_requested_if_it_would_be_refused_too() {
    for code in ["900421", "10001", "900420", "20002"] {
        let body = format!(r#"{{"code":"{code}","description":"x","source":"PartnerFD"}}"#);
        assert_eq!(counts(&body).await, (1, 1, 1), "{code}");
    }
    for body in ["", r#"{"code":"800001","description":"Partner token missing."}"#] {
        assert_eq!(counts(body).await, (2, 2, 2), "{body}");
    }
}

#[tokio::test]
async fn resource_managers_codes_have_their_own_advice() {
    let id: ResourceId<PartnerNamespace> = ResourceId::parse("/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg/providers/Microsoft.EventGrid/partnerNamespaces/contoso").unwrap();
    for (status, code, advice) in [
        ("401 Unauthorized", "ExpiredAuthenticationToken", "the token has expired"),
        (
            "401 Unauthorized",
            "InvalidAuthenticationTokenTenant",
            "from a tenant other than the subscription's",
        ),
        ("403 Forbidden", "AuthorizationFailed", "EventGrid Contributor"),
        (
            "409 Conflict",
            "MissingSubscriptionRegistration",
            "register the provider Microsoft.EventGrid",
        ),
        ("409 Conflict", "ScopeLocked", "the resource or its group is locked"),
    ] {
        let body = format!(r#"{{"error":{{"code":"{code}","message":"In its own words."}}}}"#);
        let peer = Peer::saying([json(status, &body)]).await;
        let text = peer.management().get(&id).await.unwrap_err().to_string();
        assert!(text.contains(&format!(", code {code}: In its own words. (")), "{text}");
        assert!(text.contains(advice), "{text}");
        assert!(!text.contains("check that it is for Azure Resource Manager"), "{text}");
    }
}

#[tokio::test]
async fn entras_codes_have_advice() {
    for (code, advice) in [
        ("700025", Some("give no client secret")),
        ("7000215", Some("give this program its value, not its id")),
        ("50076", Some("multi-factor authentication")),
        ("700082", Some("must sign in and consent again")),
        ("65001", Some("consent is missing")),
        ("99999999", None),
    ] {
        // Some of its refusals have other JSON types than documented.
        let body = format!(
            r#"{{"error":"invalid_client","error_description":"AADSTS{code}: In its own words.","error_codes":[{code}],"trace_id":7}}"#
        );
        let peer = Peer::saying([json("401 Unauthorized", &format!("\u{feff}{body}"))]).await;
        let application =
            Application::new(&peer.cloud(), "contoso.example", "id", "a-client-secret").unwrap();
        let tokens = ClientCredentials::new(application, http());
        let text = tokens.token(TokenRequest::new("scope")).await.unwrap_err().to_string();
        assert!(
            text.contains(&format!("invalid_client, AADSTS{code}: In its own words.")),
            "{text}"
        );
        assert!(text.contains("(trace id 7)"), "{text}");
        match advice {
            Some(advice) => assert!(text.contains(advice), "{text}"),
            None => assert_eq!(text.matches(" (").count(), 1, "{text}"),
        }
    }
}

/// The number of the cause stands beside the description alone, if a proxy or a policy wrote the description.
#[tokio::test]
async fn entras_codes_are_read_from_the_list_too() {
    let missing = "multi-factor authentication";
    for (description, codes, code, advice) in [
        ("In words.", "[50076]", Some(50_076), Some(missing)),
        ("", "[7000215, 1]", Some(7_000_215), Some("not its id")),
        // The description comes first.
        ("AADSTS65001: In words.", "[50076]", Some(65_001), Some("consent is missing")),
        ("In words.", "[]", None, None),
        ("In words.", "null", None, None),
        ("In words.", "50076", None, None),
        ("In words.", "[\"x\"]", None, None),
        ("In words.", "[-1]", None, None),
        ("In words.", "[99999999999]", None, None),
        ("In words.", "[1]", Some(1), None),
    ] {
        let body = format!(
            r#"{{"error":"invalid_grant","error_description":"{description}","error_codes":{codes}}}"#
        );
        let peer = Peer::saying([json("400 Bad Request", &body)]).await;
        let application =
            Application::new(&peer.cloud(), "contoso.example", "id", "a-client-secret").unwrap();
        let tokens = ClientCredentials::new(application, http());
        let error = tokens.token(TokenRequest::new("scope")).await.unwrap_err();
        let TokenError::Refused(refusal) = &error else {
            panic!("{error}");
        };
        assert_eq!(refusal.code, code, "{error}");
        let text = error.to_string();
        match advice {
            Some(advice) => assert!(text.contains(advice), "{text}"),
            None => assert!(!text.contains(" ("), "{text}"),
        }
    }
}

/// What a peer says in XML or in a page is shown, in whatever element it says it.
#[tokio::test]
async fn the_words_of_faults_and_of_preformatted_pages_are_shown() {
    for (body, words) in [
        (
            "<Error><Code>401</Code><Detail>MalformedToken: the token has no expiry.</Detail></Error>",
            ", code 401: MalformedToken: the token has no expiry.",
        ),
        (
            "<?xml version='1.0'?><s:Envelope xmlns:s='x'><s:Body><s:Fault><s:Reason><s:Text xml:lang='en'>Not now.</s:Text>\
             </s:Reason></s:Fault></s:Body></s:Envelope>",
            ": Not now.",
        ),
        (
            "<!DOCTYPE html><html><head><title>Error</title></head><body><pre>Cannot GET /hook</pre></body></html>",
            ": Error: Cannot GET /hook",
        ),
    ] {
        let page = response("400 Bad Request", "content-type: text/plain\r\n", body);
        let peer = Peer::saying([page]).await;
        let text = peer.registration().get().await.unwrap_err().to_string();
        assert!(text.contains(&format!("returned 400 Bad Request{words}")), "{text}");
    }
}

/// Entra's grant with a byte order mark or truncated, and pages in its place.
#[tokio::test]
async fn grants_are_read_like_other_responses() {
    let ask = async |messages: Vec<String>| {
        let peer = Peer::saying(messages).await;
        let application =
            Application::new(&peer.cloud(), "contoso.example", "id", "a-client-secret").unwrap();
        let tokens = ClientCredentials::new(application, http());
        tokens.token(TokenRequest::new("scope")).await
    };
    let granted = ask(vec![json("200 OK", &format!("\u{feff}{GRANT}"))]).await.unwrap();
    assert_eq!(
        granted,
        AccessToken::new("an-access-token").unwrap().expiring_at(granted.expires_at().unwrap())
    );
    for (message, is_transient, said) in [
        (json("200 OK", ""), true, "the response is empty"),
        (json("200 OK", r#"{"access_token":"an-acc"#), true, "EOF while parsing a string"),
        (
            json("200 OK", r#"{"access_token":["an-access-token"]}"#),
            true,
            "it is JSON of an unexpected shape",
        ),
        (
            response(
                "503 Service Unavailable",
                "",
                "<html><title>Down</title><p>For a while.</p></html>",
            ),
            true,
            "Down: For a while.",
        ),
        (
            response("403 Forbidden", "", "<html><title>Blocked by proxy</title></html>"),
            false,
            "Blocked by proxy",
        ),
        (response("400 Bad Request", "", ""), false, "the response says nothing more"),
    ] {
        let error = ask(vec![message]).await.unwrap_err();
        assert_eq!(error.is_transient(), is_transient, "{error}");
        let text = error.to_string();
        assert!(text.contains(said) && !text.contains("an-acc"), "{text}");
    }
}

/// A gateway refuses a token in the challenge alone.
#[tokio::test]
async fn the_words_of_a_challenge_are_shown() {
    for (challenge, body, words) in [
        (
            r#"Bearer realm="", error="invalid_token", error_description="The token expired at 10:00""#,
            "",
            ": The token expired at 10:00 (",
        ),
        // The body comes first.
        (
            r#"Bearer error_description="The token expired""#,
            "upstream says no",
            ": upstream says no (",
        ),
        (r#"Bearer error_description="""#, "", "returned 401 Unauthorized ("),
        (r#"Bearer error_description="cut"#, "", "returned 401 Unauthorized ("),
    ] {
        let refusal =
            response("401 Unauthorized", &format!("www-authenticate: {challenge}\r\n"), body);
        // One for each of two tokens.
        let peer = Peer::saying([refusal.clone(), refusal]).await;
        let text = peer.registration().get().await.unwrap_err().to_string();
        assert!(text.contains(words), "{text}");
    }
}
