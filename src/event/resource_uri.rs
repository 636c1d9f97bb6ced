//! Reads a `ResourceUri`.

use super::id::Id;
use super::resource::Resource;

impl Resource {
    /// Reads a `ResourceUri`: an `http` or `https` URI of any host.
    ///
    /// A path that does not match a known shape to its last segment, or whose id is not an [`Id`], is
    /// [`Resource::OfCustomer`] under `customers/` and a UUID, and otherwise [`Resource::Unknown`].
    ///
    /// # Example
    ///
    /// ```
    /// use partner_center_webhooks::event::Resource;
    ///
    /// let customer = "https://api.partnercenter.microsoft.com/v1/customers/4b2a6e33-8791-4386-bd2b-0d55baf25039";
    /// let resource = Resource::from_uri(&format!("{customer}/qualifications"));
    /// assert!(matches!(resource, Resource::OfCustomer { .. }));
    /// assert_eq!(resource.customer().unwrap().as_str(), "4b2a6e33-8791-4386-bd2b-0d55baf25039");
    ///
    /// let uri = "https://api.partnercenter.microsoft.com/v1/customers/fabrikam/qualifications";
    /// assert_eq!(Resource::from_uri(uri), Resource::Unknown);
    /// ```
    pub fn from_uri(uri: &str) -> Self {
        Self::read(uri).unwrap_or(Self::Unknown)
    }

    fn read(uri: &str) -> Option<Self> {
        let (scheme, rest) = uri.split_once("://")?;
        if !scheme.eq_ignore_ascii_case("https") && !scheme.eq_ignore_ascii_case("http") {
            return None;
        }
        let rest = rest.split('#').next()?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (_host, path) = rest.split_once('/')?;
        let path = path.trim_matches('/');

        // Words match in lower case; ids keep their case.
        let lower = path.to_ascii_lowercase();
        let words: Vec<&str> = lower.split('/').collect();
        let texts: Vec<&str> = path.split('/').collect();
        Self::known(&words, &texts, query).or_else(|| Self::of_customer(&words, &texts))
    }

    /// A resource of a documented shape.
    fn known(words: &[&str], texts: &[&str], query: &str) -> Option<Self> {
        let prefix = words.iter().take_while(|word| is_prefix(word)).count();
        Some(match (words.get(prefix..)?, texts.get(prefix..)?) {
            (["customers", "usagerecords"], _) => Self::UsageRecords,
            (["customers", _, words @ ..], [_, customer, texts @ ..]) => {
                return Self::known_of_customer(Id::new(customer)?, words, texts);
            }
            (["fraudevents"], _) => Self::FraudEvents {
                subscription: parameter(query, "SubscriptionId").and_then(Id::new),
                status: parameter(query, "EventStatus").and_then(Id::new),
            },
            (["granularadminrelationships", _], [_, relationship]) => {
                Self::GranularAdminRelationship { relationship: Id::new(relationship)? }
            }
            (
                ["granularadminrelationships", _, "accessassignments", _],
                [_, relationship, _, assignment],
            ) => Self::GranularAdminAccessAssignment {
                relationship: Id::new(relationship)?,
                assignment: Id::new(assignment)?,
            },
            (["invoices", _], [_, invoice]) => Self::Invoice { invoice: Id::new(invoice)? },
            (["referrals", _], [_, referral]) => Self::Referral { referral: Id::new(referral)? },
            (["registration", "test"], _) => Self::ValidationEvent { correlation: None },
            (["registration", "validationevents", _], [.., correlation]) => {
                Self::ValidationEvent { correlation: Some(Id::new(correlation)?) }
            }
            _ => return None,
        })
    }

    /// A resource of a documented shape below `customers/{customer}`.
    fn known_of_customer(customer: Id, words: &[&str], texts: &[&str]) -> Option<Self> {
        Some(match (words, texts) {
            ([], _) => Self::Customer { customer },
            // Collections, which are not the id of a migration.
            (["migrations", "newcommerce", "events" | "schedules"], _) => return None,
            (["migrations", "newcommerce", _], [.., migration]) => {
                Self::NewCommerceMigration { customer, migration: Id::new(migration)? }
            }
            (["migrations", "newcommerce", "schedules", _], [.., schedule]) => {
                Self::NewCommerceMigrationSchedule { customer, schedule: Id::new(schedule)? }
            }
            (["relationships"], _) => Self::CustomerRelationships { customer },
            (["subscriptions", _], [_, subscription]) => {
                Self::Subscription { customer, subscription: Id::new(subscription)? }
            }
            (["transfers", _], [_, transfer]) => {
                Self::Transfer { customer, transfer: Some(Id::new(transfer)?) }
            }
            (["usagesummary"], _) => Self::UsageSummary { customer },
            _ => return None,
        })
    }

    /// A resource of another shape whose path names a customer, at its start or after a version or a service.
    fn of_customer(words: &[&str], texts: &[&str]) -> Option<Self> {
        let at = words.iter().position(|word| *word == "customers")?;
        let is_first = words.get(..at)?.last().is_none_or(|word| is_prefix(word));
        if !is_first || words.iter().any(|word| is_dot_segment(word)) {
            return None;
        }
        let [_, customer, ..] = texts.get(at..)? else {
            return None;
        };
        let customer = Id::new(customer).filter(|customer| customer.as_uuid().is_some())?;
        Some(Self::OfCustomer { customer })
    }
}

/// The segment after the first `customers` of a path, whatever comes before and after.
pub(super) fn customer_in(uri: &str) -> Option<&str> {
    let mut words = uri.split(['/', '?', '#']);
    words.find(|word| word.eq_ignore_ascii_case("customers"))?;
    words.next()
}

/// Whether a lower-case path word may precede the resource: service names and versions (`v1`, `v1.0`, and the
/// placeholder `v{version}`).
fn is_prefix(word: &str) -> bool {
    match word.strip_prefix('v') {
        Some("{version}") => true,
        Some(version) => version.starts_with(|c: char| c.is_ascii_digit()),
        None => ["engagements", "webhooks"].contains(&word),
    }
}

/// Whether a lower-case path word is `.` or `..` (RFC 3986, section 3.3): after it, a customer named before may be
/// the wrong one.
fn is_dot_segment(word: &str) -> bool {
    [".", ".."].contains(&&*word.replace("%2e", "."))
}

/// The first value of a query parameter, undecoded; names match in any ASCII case, as in ASP.NET.
fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The resource in its debug form: one line each.
    fn read(uri: &str) -> String {
        format!("{:?}", Resource::from_uri(uri))
    }

    #[test]
    fn every_shape_is_read() {
        for (path, resource) in [
            ("customers/C", r#"Customer { customer: Id("C") }"#),
            ("customers/usageRecords", "UsageRecords"),
            (
                "customers/C/subscriptions/S",
                r#"Subscription { customer: Id("C"), subscription: Id("S") }"#,
            ),
            (
                "customers/C/transfers/T",
                r#"Transfer { customer: Id("C"), transfer: Some(Id("T")) }"#,
            ),
            (
                "customers/C/migrations/newCommerce/M",
                r#"NewCommerceMigration { customer: Id("C"), migration: Id("M") }"#,
            ),
            (
                "customers/C/migrations/newCommerce/schedules/S",
                r#"NewCommerceMigrationSchedule { customer: Id("C"), schedule: Id("S") }"#,
            ),
            ("customers/C/relationships", r#"CustomerRelationships { customer: Id("C") }"#),
            ("customers/C/usageSummary", r#"UsageSummary { customer: Id("C") }"#),
            ("invoices/G000024135", r#"Invoice { invoice: Id("G000024135") }"#),
            ("referrals/R", r#"Referral { referral: Id("R") }"#),
            (
                "granularAdminRelationships/R-1",
                r#"GranularAdminRelationship { relationship: Id("R-1") }"#,
            ),
            (
                "granularAdminRelationships/R-1/accessAssignments/A",
                r#"GranularAdminAccessAssignment { relationship: Id("R-1"), assignment: Id("A") }"#,
            ),
            (
                "registration/validationEvents/V",
                r#"ValidationEvent { correlation: Some(Id("V")) }"#,
            ),
            ("registration/test", "ValidationEvent { correlation: None }"),
        ] {
            for base in ["https://h/", "HTTP://h:1/", "http://u@h/v1/", "https://h/webhooks/v1/"] {
                assert_eq!(read(&format!("{base}{path}")), resource, "{base}{path}");
            }
            assert_eq!(read(&format!("https://h/V1/Webhooks/{path}/")), resource);
            assert_eq!(read(&format!("https://h/webhooks/v{{version}}/{path}?a=b#c")), resource);
            assert_eq!(read(&format!("https://h/engagements/v1.0/{path}")), resource);

            // The refused twins: cut, extended, misspelt, not a URL.
            for (before, after) in [
                ("https://h/", "/more"),
                ("https://h/x", ""),
                ("https://h/v/", ""),
                ("ftp://h/", ""),
                ("", ""),
            ] {
                assert_eq!(
                    read(&format!("{before}{path}{after}")),
                    "Unknown",
                    "{before}{path}{after}"
                );
            }
        }
    }

    #[test]
    fn path_words_match_in_any_case_and_ids_keep_theirs() {
        let upper = read("HTTPS://H/V1/CUSTOMERS/aB/SUBSCRIPTIONS/{SubscriptionId}");
        assert_eq!(
            upper,
            r#"Subscription { customer: Id("aB"), subscription: Id("{SubscriptionId}") }"#
        );
    }

    #[test]
    fn any_path_under_a_customer_names_it() {
        let guid = "4B2A6E33-8791-4386-bd2b-0d55baf25039";
        let of_customer = format!(r#"OfCustomer {{ customer: Id("{guid}") }}"#);
        for path in [
            "v1/customers/GUID/brand/new",
            "v1/customers/GUID/orders/O/activationlinks?a=b#c",
            "V1.0/CUSTOMERS/GUID/Users('a b')",
            "webhooks/v1/customers/GUID/agreements",
            "v1/webhooks/customers/GUID/agreements/",
            "brandnew/v2/customers/GUID",
            "brandnew/v2/customers/GUID/subscriptions/S",
            "customers/GUID/subscriptions",
            "v1/customers/GUID/subscriptions/S/more",
            "v1/customers/GUID/subscriptions/a%20b",
            "v1/customers/GUID/migrations/newcommerce/schedules",
            "v1/customers/GUID/migrations/newcommerce/events",
            "v1/customers/GUID/usagesummary/more",
        ] {
            let uri = format!("https://h/{}", path.replace("GUID", guid));
            assert_eq!(read(&uri), of_customer, "{uri}");
        }
        // The refused twins: another place, no UUID, and a way out of the customer.
        for path in [
            "v1/invoices/customers/GUID/more",
            "v1/xcustomers/GUID/more",
            "v1/customers/usagerecords/more",
            "v1/customers/GUIDx/more",
            "v1/customers/%34GUID/more",
            "v1/customers//GUID/more",
            "v1/customers/fabrikam/customers/GUID",
            "v1/customers/GUID/../fabrikam/orders",
            "v1/customers/GUID/%2E%2e/fabrikam/orders",
            "v1/customers",
            "v1/orders?a=/customers/GUID/more",
        ] {
            let uri = format!("https://h/{}", path.replace("GUID", guid));
            assert_eq!(read(&uri), "Unknown", "{uri}");
        }
    }

    #[test]
    fn fraud_events_are_read_from_the_query() {
        let active = r#"FraudEvents { subscription: Some(Id("S")), status: Some(Id("Active")) }"#;
        let neither = "FraudEvents { subscription: None, status: None }";
        for (query, resource) in [
            ("?SubscriptionId=S&EventStatus=Active", active),
            ("?eventstatus=Active&subscriptionid=S&x=y", active),
            ("?SubscriptionId=&EventStatus", neither),
            ("?SubscriptionId=S%2F", neither),
            ("#?SubscriptionId=S", neither),
            ("", neither),
            ("/S", "Unknown"),
        ] {
            assert_eq!(read(&format!("https://h/v1/fraudEvents{query}")), resource, "{query}");
        }
    }

    #[test]
    fn a_segment_that_is_not_an_id_makes_the_uri_unknown() {
        for segment in ["", ".", "..", "%2e%2e", "a b", "ä"] {
            let uri = format!("https://h/v1/customers/{segment}/subscriptions/S");
            assert_eq!(read(&uri), "Unknown", "{uri:?}");
        }
        for uri in [
            "",
            "://",
            "https://",
            "https://h",
            "https://h/",
            "https://h/v1",
            "https:///",
            "https://?/customers/x",
        ] {
            assert_eq!(read(uri), "Unknown", "{uri}");
        }
    }
}
