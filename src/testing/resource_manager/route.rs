//! Resource ids in request paths: `{scope}/providers/Microsoft.EventGrid/{type}/{name}/{type}/{name}…`.
//!
//! Types and names alternate. A path that ends in a type is a list, or an action if it is posted to. Ids are compared in any
//! case, as the service does.

use std::collections::HashMap;

use percent_encoding::percent_decode_str;

use crate::testing::loopback::request::RecordedRequest;

/// A parsed path and query of the provider.
pub(super) struct Route {
    /// The fake's base URL.
    pub(super) base_url: String,
    /// The path before `/providers/Microsoft.EventGrid`.
    pub(super) scope: String,
    /// Types and names, alternating; the last type may have no name.
    parts: Vec<String>,
    pub(super) query: HashMap<String, String>,
}

impl Route {
    /// Parses a request's path; `None` if it is not one of the provider.
    pub(super) fn of(base_url: &str, request: &RecordedRequest) -> Option<Self> {
        let decoded = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
        let mut parts: Vec<_> = request.path().split('/').map(decoded).collect();
        let at = parts.iter().rposition(|part| part.eq_ignore_ascii_case("providers"))?;
        let own = parts.split_off(at);
        let mut own = own.into_iter().skip(1);
        if !own.next()?.eq_ignore_ascii_case("Microsoft.EventGrid") {
            return None;
        }
        let query = request.path_and_query().split_once('?');
        let query = query.map_or("", |(_, query)| query);
        Some(Self {
            base_url: base_url.to_owned(),
            scope: parts.join("/"),
            parts: own.collect(),
            query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        })
    }

    /// The types without their names, in lower case: `partnernamespaces/channels`.
    pub(super) fn kind(&self) -> String {
        self.types().join("/").to_ascii_lowercase()
    }

    /// The types without their names.
    pub(super) fn types(&self) -> Vec<&str> {
        self.parts.iter().step_by(2).map(String::as_str).collect()
    }

    /// The last segment: the name of the resource.
    pub(super) fn name(&self) -> &str {
        self.parts.last().map_or("", String::as_str)
    }

    /// Whether the last type has no name: a list, or an action.
    pub(super) fn is_open(&self) -> bool {
        self.parts.len() % 2 == 1
    }

    /// Splits the path of an action into resource and action.
    pub(super) fn split_action(mut self) -> (Self, String) {
        let action = self.parts.pop().unwrap_or_default();
        (self, action)
    }

    /// The id as the service writes it, with the case of the request.
    pub(super) fn id(&self) -> String {
        format!("{}/providers/Microsoft.EventGrid/{}", self.scope, self.parts.join("/"))
    }

    /// The id of the parent resource, if it has one within the provider.
    pub(super) fn parent(&self) -> Option<String> {
        let id = self.id();
        let (rest, _) = id.rsplit_once('/')?;
        let (parent, _) = rest.rsplit_once('/')?;
        (self.parts.len() > 2).then(|| parent.to_owned())
    }

    /// The Azure subscription; empty if there is none.
    pub(super) fn subscription(&self) -> &str {
        self.scope.split('/').nth(2).unwrap_or_default()
    }

    /// The API version; empty if there is none.
    pub(super) fn api_version(&self) -> &str {
        self.query.get("api-version").map_or("", String::as_str)
    }
}
