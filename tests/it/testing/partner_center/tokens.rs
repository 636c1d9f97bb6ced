//! Tokens, as issued by Entra.

use http::Method;
use serde_json::json;

use super::{EVENTS, Fixture, fetch};

#[tokio::test]
async fn tokens_of_both_versions_are_accepted() {
    let fixture = Fixture::new().await;
    for (version, grant) in [
        ("", "client_credentials"),
        ("v2.0/", "client_credentials"),
        ("", "refresh_token"),
        ("v2.0/", "refresh_token"),
    ] {
        let (status, token) = fixture.token(version, &[("grant_type", grant)]).await;
        assert_eq!(status, 200, "{token}");
        assert_eq!(token["token_type"], "Bearer");
        match version {
            "" => assert_eq!(token["expires_in"], "3599"),
            _ => assert_eq!(token["expires_in"], 3599),
        }
        assert_eq!(token["expires_on"].is_string(), version.is_empty());
        assert_eq!(token["refresh_token"].is_string(), grant == "refresh_token");
        let bearer = token["access_token"].as_str().unwrap();
        let request = fixture.request(Method::GET, EVENTS).bearer_auth(bearer);
        assert_eq!(fetch(request).await.0, 200);
    }
    assert_eq!(fixture.fake.token_requests(), 4);
}

#[tokio::test]
async fn refresh_tokens_rotate_and_the_old_ones_stay_valid() {
    let fixture = Fixture::new().await;
    let refresh = async |token: &str| {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
        let (status, body) = fixture.token("v2.0/", &form).await;
        assert_eq!(status, 200, "{body}");
        body["refresh_token"].as_str().unwrap().to_owned()
    };
    let first = fixture.fake.refresh_token();
    let second = refresh(&first).await;
    let third = refresh(&second).await;
    assert!(first != second && second != third && first != third);
    refresh(&first).await;
}

#[tokio::test]
async fn invalid_token_requests_are_refused_as_by_entra() {
    let fixture = Fixture::new().await;
    let graph = "https://graph.microsoft.com/User.Read";
    for (changes, status, error, code) in [
        (vec![("client_secret", "wrong")], 401, "invalid_client", 7_000_215),
        (vec![("client_id", "wrong")], 400, "unauthorized_client", 700_016),
        (vec![("grant_type", "password")], 400, "unsupported_grant_type", 70_003),
        (vec![("client_secret", "")], 401, "invalid_client", 7_000_218),
        (
            vec![("client_secret", ""), ("client_assertion_type", JWT_BEARER)],
            401,
            "invalid_client",
            7_000_218,
        ),
        (vec![("client_assertion", "e30.e30.")], 400, "invalid_request", 900_144),
        (vec![("scope", graph)], 400, "invalid_scope", 1_002_012),
        (
            vec![("grant_type", "refresh_token"), ("refresh_token", "wrong")],
            400,
            "invalid_grant",
            70_000,
        ),
    ] {
        let (found, body) = fixture.token("v2.0/", &changes).await;
        assert_eq!((found, body["error"].as_str()), (status, Some(error)), "{body}");
        assert_eq!(body["error_codes"], json!([code]));
        let description = body["error_description"].as_str().unwrap();
        assert!(description.starts_with(&format!("AADSTS{code}: ")), "{description}");
        for member in ["timestamp", "trace_id", "correlation_id", "error_uri"] {
            assert!(body[member].is_string(), "{member}");
        }
    }
}

#[tokio::test]
async fn tokens_expire_are_revoked_and_have_one_audience() {
    let fixture = Fixture::new().await;
    fixture.stop_the_clock();
    let status_of = async |bearer: &str| {
        let request = fixture.request(Method::GET, EVENTS).bearer_auth(bearer);
        let (status, body) = fetch(request).await;
        (status, body["code"].as_str().unwrap_or_default().to_owned())
    };
    let missing = fetch(fixture.request(Method::GET, EVENTS)).await;
    assert_eq!((missing.0, &missing.1["code"]), (401, &json!("800001")));
    assert_eq!(status_of("made up").await, (401, "800001".to_owned()));

    let token = fixture.fake.access_token();
    assert_eq!(status_of(&token).await.0, 200);
    fixture.advance(3598);
    assert_eq!(status_of(&token).await.0, 200);
    fixture.advance(1);
    assert_eq!(status_of(&token).await.0, 401);

    let token = fixture.fake.access_token();
    fixture.fake.revoke_tokens();
    assert_eq!(status_of(&token).await.0, 401);
    assert_eq!(status_of(&fixture.fake.access_token()).await.0, 200);

    let scope = format!("{}/graph/.default", fixture.fake.base_url());
    let (_, token) = fixture.token("v2.0/", &[("scope", &scope)]).await;
    let token = token["access_token"].as_str().unwrap();
    assert_eq!(status_of(token).await, (401, "900420".to_owned()));
}

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
