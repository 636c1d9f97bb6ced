//! The configuration of a service as environment variables.

use serde_json::Value;

/// Lines `NAME=value`, which shells (`set -a; . FILE`) and container tools read. They are those that the program reads, and a few
/// more. The refresh token is left out, because it is replaced at each use.
pub(super) fn lines(configuration: &Value) -> String {
    let text = |member: &str| {
        let text = configuration.get(member).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    let variables = [
        ("BASE_URL", "baseUrl"),
        ("TENANT_ID", "tenantId"),
        ("CLIENT_ID", "clientId"),
        ("CLIENT_SECRET", "clientSecret"),
        ("SCOPE", "scope"),
        ("TOKEN_URL", "tokenUrl"),
        ("REGISTRATION_URL", "registrationUrl"),
        ("CERTIFICATE_LOCATION", "certificateLocation"),
        ("ANCHORS_URL", "anchorsUrl"),
        ("INTERMEDIATES_URL", "intermediatesUrl"),
    ];
    let line = |(name, member)| format!("PARTNER_CENTER_{name}={}\n", text(member));
    variables.map(line).concat()
}
