//! Paged lists: `$filter` with one comparison of names, `$top` from 1 to 100, and `nextLink` with `$skiptoken`.
//!
//! A list of a resource group is ordered by id. A list of a whole subscription is merged from several regions, and so its
//! order is arbitrary; here it is reversed, so that no client relies on an order.

use http::header::HeaderName;
use serde_json::{Value, json};

use super::route::Route;
use super::state::{Outcome, State, refusal};
use crate::testing::loopback::response::{guid, header, ok};

impl State {
    /// Responds with one page of the resources of a type.
    pub(super) fn list(&self, route: &Route) -> Outcome {
        let filter = filter(route.query.get("$filter").map_or("", String::as_str))
            .ok_or_else(|| refusal(400, "InvalidRequest", "The filter is not supported."))?;
        let number = |name: &str| route.query.get(name).and_then(|text| text.parse().ok());
        let top: usize = number("$top").unwrap_or(self.settings.page_size);
        if !(1..=100).contains(&top) {
            return Err(refusal(
                400,
                "InvalidRequest",
                "The value of $top must be between 1 and 100.",
            ));
        }
        let place = match route.parent_of_list() {
            Some(parent) => parent,
            None => route.scope.clone(),
        };
        let mut found = self.resources.under(&place, &route.kind());
        // Merged from several regions, so the order is arbitrary.
        let is_merged = !route.scope.contains("resourceGroups");
        if is_merged {
            found.reverse();
        }
        found.retain(|resource| {
            let name = resource.get("name").and_then(Value::as_str);
            filter(name.unwrap_or_default())
        });
        let from: usize = number("$skiptoken").unwrap_or(0);
        let to = from.saturating_add(top);
        let mut page = json!({
            "value": found.iter().skip(from).take(top).collect::<Vec<_>>(),
        });
        if let (true, Some(members)) = (to < found.len(), page.as_object_mut()) {
            let mut query = form_urlencoded::Serializer::new(String::new());
            for (name, value) in &route.query {
                if name != "$skiptoken" {
                    query.append_pair(name, value);
                }
            }
            let query = query.append_pair("$skiptoken", &to.to_string()).finish();
            let next = format!("{}{}?{query}", route.base_url, route.id());
            members.insert("nextLink".to_owned(), next.into());
        }
        let mut response = ok(&page);
        if is_merged {
            let ids = format!("{},{}", guid(), guid());
            response.headers_mut().insert(REGIONS, header(&ids));
        }
        Ok(response)
    }
}

impl Route {
    /// The resource whose children are listed.
    fn parent_of_list(&self) -> Option<String> {
        let id = self.id();
        let (parent, _) = id.rsplit_once('/')?;
        (self.types().len() > 1).then(|| parent.to_owned())
    }
}

/// Whether a resource of this name is listed.
type Filter = Box<dyn Fn(&str) -> bool>;

/// Parses the supported part of OData: one comparison of the name. `None` if it is anything else.
fn filter(text: &str) -> Option<Filter> {
    let quoted = |text: &str| text.trim().strip_prefix('\'')?.strip_suffix('\'').map(str::to_owned);
    let text = text.trim();
    if text.is_empty() {
        return Some(Box::new(|_| true));
    }
    if let Some(rest) = text.strip_prefix("contains(name,") {
        let part = quoted(rest.strip_suffix(')')?)?;
        return Some(Box::new(move |name| name.contains(&part)));
    }
    let (is_equal, rest) = match text.strip_prefix("name eq ") {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix("name ne ")?),
    };
    let other = quoted(rest)?;
    Some(Box::new(move |name| name.eq_ignore_ascii_case(&other) == is_equal))
}

/// The ids of the regional requests that a list is merged from.
const REGIONS: HeaderName = HeaderName::from_static("x-ms-original-request-ids");
