//! What an event points to, read from its `ResourceUri`.

use super::{Event, EventName, Id};

/// What an event points to.
///
/// Microsoft writes one and the same resource in several ways: `http` or `https`, with or without
/// `webhooks/`, `v1/` before it or not, on hosts that serve no API. All of them are read alike; path words
/// count in any ASCII case, the host does not count at all.
///
/// So this says what the event is about, and never that its URI may be called: nothing that carries a token
/// should be sent to a URI from an event. Build the call from the ids, on a host of your own choosing.
///
/// # Source
///
/// The syntax and the samples of each event in "Partner Center webhook events".
///
/// # Example
///
/// ```
/// use partner_center_webhooks::event::Resource;
///
/// let uri = "http://api.partnercenter.microsoft.com/webhooks/v1/customers/\
///            4b2a6e33-8791-4386-bd2b-0d55baf25039/subscriptions/c0bfd694-3075-4ec5-9a3c-733d3a890a1f";
/// let Resource::Subscription { customer, subscription } = Resource::from_uri(uri) else { panic!() };
/// assert_eq!(customer.as_str(), "4b2a6e33-8791-4386-bd2b-0d55baf25039");
/// assert!(subscription.as_uuid().is_some());
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Resource {
    /// The event names no resource: its `ResourceUri` is missing, null or no string. So it is with the
    /// `dap-admin-relationship-*` events.
    Absent,
    /// A customer.
    Customer {
        /// Tenant of the customer: a UUID.
        customer: Id,
    },
    /// The indirect resellers that have a relationship with a customer.
    CustomerRelationships {
        /// Tenant of the customer: a UUID.
        customer: Id,
    },
    /// The fraud events of a subscription: a query, not a resource.
    FraudEvents {
        /// The Azure subscription: a UUID.
        subscription: Option<Id>,
        /// `Active`, `Investigating` or `Resolved`, as received.
        status: Option<Id>,
    },
    /// An access assignment of a granular delegated admin relationship.
    GranularAdminAccessAssignment {
        /// The relationship: in Microsoft Graph two UUIDs joined by `-`.
        relationship: Id,
        /// The assignment.
        assignment: Id,
    },
    /// A granular delegated admin relationship.
    GranularAdminRelationship {
        /// The relationship: in Microsoft Graph two UUIDs joined by `-`.
        relationship: Id,
    },
    /// An invoice.
    Invoice {
        /// The invoice: such as `G000024135`.
        invoice: Id,
    },
    /// The migration of a subscription to new commerce. No sample is published: this reads the path of the
    /// migration API.
    NewCommerceMigration {
        /// Tenant of the customer: a UUID.
        customer: Id,
        /// The migration.
        migration: Id,
    },
    /// The schedule of a migration to new commerce. No sample is published: this reads the path of the migration API.
    NewCommerceMigrationSchedule {
        /// Tenant of the customer: a UUID.
        customer: Id,
        /// The schedule: a UUID.
        schedule: Id,
    },
    /// A resource of a customer, of a kind that is not known here; read its URI with [`Event::resource_uri`].
    OfCustomer {
        /// Tenant of the customer: always a UUID.
        customer: Id,
    },
    /// A co-sell referral.
    Referral {
        /// The referral.
        referral: Id,
    },
    /// A subscription of a customer.
    Subscription {
        /// Tenant of the customer: a UUID.
        customer: Id,
        /// The subscription: a UUID.
        subscription: Id,
    },
    /// A transfer of subscriptions between partners.
    Transfer {
        /// Tenant of the customer: a UUID.
        customer: Id,
        /// The transfer: a UUID. Deliveries leave it out of the URI; it is then taken from the audit id, if
        /// that is of the same customer.
        transfer: Option<Id>,
    },
    /// A URI of no known shape; read it with [`Event::resource_uri`].
    Unknown,
    /// The usage records of all customers.
    UsageRecords,
    /// The usage summary of a customer for the current billing period.
    UsageSummary {
        /// Tenant of the customer: a UUID.
        customer: Id,
    },
    /// A validation event.
    ValidationEvent {
        /// What the registration API answered when it was asked for the event: a UUID. One documented URI
        /// lacks it.
        correlation: Option<Id>,
    },
}

impl Resource {
    /// Reads a `ResourceUri`: an `http` or `https` URI of any host.
    ///
    /// A path that is not one of the known shapes to the last segment, or has an id that is not an [`Id`], is
    /// [`Resource::OfCustomer`] under `customers/` and a UUID, and else [`Resource::Unknown`].
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

    /// The customer whose resource it is, if its URI names one.
    pub fn customer(&self) -> Option<&Id> {
        match self {
            Self::Customer { customer }
            | Self::CustomerRelationships { customer }
            | Self::NewCommerceMigration { customer, .. }
            | Self::NewCommerceMigrationSchedule { customer, .. }
            | Self::OfCustomer { customer }
            | Self::Subscription { customer, .. }
            | Self::Transfer { customer, .. }
            | Self::UsageSummary { customer } => Some(customer),
            Self::Absent
            | Self::FraudEvents { .. }
            | Self::GranularAdminAccessAssignment { .. }
            | Self::GranularAdminRelationship { .. }
            | Self::Invoice { .. }
            | Self::Referral { .. }
            | Self::Unknown
            | Self::UsageRecords
            | Self::ValidationEvent { .. } => None,
        }
    }

    /// Whether it is the partner's own, or of all customers together.
    pub(super) fn is_of_no_customer(&self) -> bool {
        match self {
            Self::Invoice { .. }
            | Self::Referral { .. }
            | Self::UsageRecords
            | Self::ValidationEvent { .. } => true,
            Self::Absent
            | Self::Customer { .. }
            | Self::CustomerRelationships { .. }
            | Self::FraudEvents { .. }
            | Self::GranularAdminAccessAssignment { .. }
            | Self::GranularAdminRelationship { .. }
            | Self::NewCommerceMigration { .. }
            | Self::NewCommerceMigrationSchedule { .. }
            | Self::OfCustomer { .. }
            | Self::Subscription { .. }
            | Self::Transfer { .. }
            | Self::Unknown
            | Self::UsageSummary { .. } => false,
        }
    }

    /// What `event` points to: its `ResourceUri`, and where a transfer is meant, its audit id.
    pub(super) fn of(event: &Event) -> Self {
        match event.resource_uri().map(Self::from_uri) {
            None => Self::Absent,
            Some(Self::Customer { customer }) if is_about_transfer(event) => {
                let audit_id = event
                    .audit_id()
                    .filter(|audit| customer.as_uuid() == Some(audit.customer_tenant()));
                let transfer = audit_id.and_then(|audit| audit.resource_id().cloned());
                Self::Transfer { customer, transfer }
            }
            Some(resource) => resource,
        }
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

        // Words are matched in lower case; ids are taken from the text as it stands.
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
            (["customers", _], [_, customer]) => Self::Customer {
                customer: Id::new(customer)?,
            },
            (
                [
                    "customers",
                    _,
                    "migrations",
                    "newcommerce",
                    "events" | "schedules",
                ],
                _,
            ) => {
                return None; // collections, and not the id of a migration
            }
            (["customers", _, "migrations", "newcommerce", _], [_, customer, .., migration]) => {
                Self::NewCommerceMigration {
                    customer: Id::new(customer)?,
                    migration: Id::new(migration)?,
                }
            }
            (
                ["customers", _, "migrations", "newcommerce", "schedules", _],
                [_, customer, .., schedule],
            ) => Self::NewCommerceMigrationSchedule {
                customer: Id::new(customer)?,
                schedule: Id::new(schedule)?,
            },
            (["customers", _, "relationships"], [_, customer, _]) => Self::CustomerRelationships {
                customer: Id::new(customer)?,
            },
            (["customers", _, "subscriptions", _], [_, customer, _, subscription]) => {
                Self::Subscription {
                    customer: Id::new(customer)?,
                    subscription: Id::new(subscription)?,
                }
            }
            (["customers", _, "transfers", _], [_, customer, _, transfer]) => Self::Transfer {
                customer: Id::new(customer)?,
                transfer: Some(Id::new(transfer)?),
            },
            (["customers", _, "usagesummary"], [_, customer, _]) => Self::UsageSummary {
                customer: Id::new(customer)?,
            },
            (["fraudevents"], _) => Self::FraudEvents {
                subscription: parameter(query, "SubscriptionId").and_then(Id::new),
                status: parameter(query, "EventStatus").and_then(Id::new),
            },
            (["granularadminrelationships", _], [_, relationship]) => {
                Self::GranularAdminRelationship {
                    relationship: Id::new(relationship)?,
                }
            }
            (
                ["granularadminrelationships", _, "accessassignments", _],
                [_, relationship, _, assignment],
            ) => Self::GranularAdminAccessAssignment {
                relationship: Id::new(relationship)?,
                assignment: Id::new(assignment)?,
            },
            (["invoices", _], [_, invoice]) => Self::Invoice {
                invoice: Id::new(invoice)?,
            },
            (["referrals", _], [_, referral]) => Self::Referral {
                referral: Id::new(referral)?,
            },
            (["registration", "test"], _) => Self::ValidationEvent { correlation: None },
            (["registration", "validationevents", _], [.., correlation]) => Self::ValidationEvent {
                correlation: Some(Id::new(correlation)?),
            },
            _ => return None,
        })
    }

    /// A resource of another shape, whose path names a customer: after a version or a service, or first of all.
    fn of_customer(words: &[&str], texts: &[&str]) -> Option<Self> {
        let at = words.iter().position(|word| *word == "customers")?;
        let is_at_its_place = words.get(..at)?.last().is_none_or(|word| is_prefix(word));
        if !is_at_its_place || words.iter().any(|word| is_dot_segment(word)) {
            return None;
        }
        let [_, customer, ..] = texts.get(at..)? else {
            return None;
        };
        let customer = Id::new(customer).filter(|customer| customer.as_uuid().is_some())?;
        Some(Self::OfCustomer { customer })
    }
}

/// What stands where the paths of customers have their id, whatever comes before and after.
pub(super) fn customer_in(uri: &str) -> Option<&str> {
    let mut words = uri.split(['/', '?', '#']);
    words.find(|word| word.eq_ignore_ascii_case("customers"))?;
    words.next()
}

/// Transfer events are delivered with the URI of the customer; only their names tell.
fn is_about_transfer(event: &Event) -> bool {
    matches!(
        event.name(),
        EventName::CompleteTransfer
            | EventName::CreateTransfer
            | EventName::FailTransfer
            | EventName::UpdateTransfer
    ) || event
        .resource_name()
        .is_some_and(|name| name.eq_ignore_ascii_case("transfer"))
}

/// Whether a lower-case path word stands before the resource: service names and versions (`v1`, `v1.0`, and
/// the placeholder `v{version}`).
fn is_prefix(word: &str) -> bool {
    match word.strip_prefix('v') {
        Some("{version}") => true,
        Some(version) => version.starts_with(|c: char| c.is_ascii_digit()),
        None => ["engagements", "webhooks"].contains(&word),
    }
}

/// Whether a lower-case path word stands for the same level or the one above (RFC 3986 section 3.3): a customer before it may
/// not be the customer that is meant.
fn is_dot_segment(word: &str) -> bool {
    [".", ".."].contains(&&*word.replace("%2e", "."))
}

/// The first value of a query parameter, as it stands; names count in any ASCII case, as in ASP.NET.
fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compared in its debug form: one line a resource.
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
            (
                "customers/C/relationships",
                r#"CustomerRelationships { customer: Id("C") }"#,
            ),
            (
                "customers/C/usageSummary",
                r#"UsageSummary { customer: Id("C") }"#,
            ),
            (
                "invoices/G000024135",
                r#"Invoice { invoice: Id("G000024135") }"#,
            ),
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
            for base in [
                "https://h/",
                "HTTP://h:1/",
                "http://u@h/v1/",
                "https://h/webhooks/v1/",
            ] {
                assert_eq!(read(&format!("{base}{path}")), resource, "{base}{path}");
            }
            assert_eq!(read(&format!("https://h/V1/Webhooks/{path}/")), resource);
            assert_eq!(
                read(&format!("https://h/webhooks/v{{version}}/{path}?a=b#c")),
                resource
            );
            assert_eq!(
                read(&format!("https://h/engagements/v1.0/{path}")),
                resource
            );

            // The refused twins: cut, extended, misspelt, not a web address.
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
    fn path_words_count_in_any_case_and_ids_keep_theirs() {
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
    fn fraud_is_a_query() {
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
            assert_eq!(
                read(&format!("https://h/v1/fraudEvents{query}")),
                resource,
                "{query}"
            );
        }
    }

    #[test]
    fn what_is_no_id_makes_it_unknown() {
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
