//! Audit ids: the last segment of an `AuditUri`.

use std::fmt;

use time::OffsetDateTime;
use uuid::Uuid;

use super::id::Id;

/// An audit id: partner, customer, resource, operation and date of a change.
///
/// Its form is `{partner tenant}_{customer tenant}[_{resource id}]_{operation}_{ticks}`. Microsoft does not
/// document the form; all published audit ids have it, and some events have the id of their resource only here.
/// So this is best effort: text of another form is `None`, and stays in
/// [`Event::audit_uri`](super::Event::audit_uri).
///
/// # Source
///
/// Sample of `reseller-relationship-accepted-by-customer` in "Partner Center webhook events" (2023-10-17)
/// and a `create-transfer` that was delivered in 2024-12.
///
/// # Example
///
/// ```
/// use partner_center_webhooks::event::AuditId;
///
/// let audit_id = AuditId::parse(
///     "https://api.partnercenter.microsoft.com/auditactivity/v1/auditrecords/\
///      60d5c4bb-f78a-4200-a002-953d7cc1f5f8_4b2a6e33-8791-4386-bd2b-0d55baf25039_\
///      resellerrelationshipacceptedbycustomer_638331855840159088",
/// )
/// .unwrap();
/// assert_eq!(audit_id.customer_tenant().to_string(), "4b2a6e33-8791-4386-bd2b-0d55baf25039");
/// assert_eq!(audit_id.operation(), "resellerrelationshipacceptedbycustomer");
/// assert_eq!(audit_id.resource_id(), None);
/// assert_eq!(audit_id.date().to_string(), "2023-10-18 0:26:24.0159088 +00:00:00");
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct AuditId {
    id: Id,
    partner_tenant: Uuid,
    customer_tenant: Uuid,
    resource_id: Option<Id>,
    operation: Box<str>,
    date: OffsetDateTime,
}

impl AuditId {
    /// Reads an audit id, or the last path segment of an audit URI of any host and path.
    ///
    /// `None` if the text has another form, or its ticks lie past the year 9999.
    pub fn parse(text: &str) -> Option<Self> {
        let path = text.split(['?', '#']).next()?;
        let id = Id::new(path.rsplit('/').next()?)?;
        let (rest, ticks) = id.as_str().rsplit_once('_')?;
        let (rest, operation) = rest.rsplit_once('_')?;
        let (partner_tenant, rest) = rest.split_once('_')?;
        let (customer_tenant, resource_id) = match rest.split_once('_') {
            Some((customer_tenant, resource_id)) => (customer_tenant, Some(Id::new(resource_id)?)),
            None => (rest, None),
        };
        if operation.is_empty() {
            return None;
        }
        Some(Self {
            partner_tenant: Uuid::try_parse(partner_tenant).ok()?,
            customer_tenant: Uuid::try_parse(customer_tenant).ok()?,
            resource_id,
            operation: operation.into(),
            date: date_of_ticks(ticks.parse().ok()?)?,
            id,
        })
    }

    /// The whole audit id, as received.
    pub fn as_str(&self) -> &str {
        self.id.as_str()
    }

    /// The tenant of the partner.
    pub fn partner_tenant(&self) -> Uuid {
        self.partner_tenant
    }

    /// The tenant of the customer.
    pub fn customer_tenant(&self) -> Uuid {
        self.customer_tenant
    }

    /// The id of the changed resource, unless that is the customer itself: of a transfer, for example.
    pub fn resource_id(&self) -> Option<&Id> {
        self.resource_id.as_ref()
    }

    /// The operation type of the audit record in lower case and without separators, such as
    /// `createtransfer`.
    pub fn operation(&self) -> &str {
        &self.operation
    }

    /// When the change happened, in UTC, to 100 ns: the same instant as the event's change date.
    pub fn date(&self) -> OffsetDateTime {
        self.date
    }
}

impl fmt::Display for AuditId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The instant that .NET writes as `ticks`: units of 100 ns since the year 1.
fn date_of_ticks(ticks: u64) -> Option<OffsetDateTime> {
    let since_1970 = i128::from(ticks).checked_sub(UNIX_EPOCH_TICKS)?;
    OffsetDateTime::from_unix_timestamp_nanos(since_1970.checked_mul(NANOSECONDS_PER_TICK)?).ok()
}

/// 1970-01-01 in ticks: 719,162 days after 0001-01-01 (`DateTime.UnixEpoch.Ticks` of .NET).
const UNIX_EPOCH_TICKS: i128 = 621_355_968_000_000_000;

/// A tick is 100 ns (`TimeSpan.NanosecondsPerTick` of .NET).
const NANOSECONDS_PER_TICK: i128 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    const PARTNER: &str = "b7d51f66-66a6-4e15-8244-e69bfd3344e2";
    const CUSTOMER: &str = "4cfba01c-47d4-4b91-9559-740129e7352b";
    const TRANSFER: &str = "bf8c56ab-7094-4429-847e-73f019e4ab7c";

    #[test]
    fn reads_five_parts() {
        let text = format!("{PARTNER}_{CUSTOMER}_{TRANSFER}_createtransfer_638696114586278540");
        let audit_id = AuditId::parse(&text).unwrap();
        assert_eq!(audit_id.as_str(), text);
        assert_eq!(audit_id.to_string(), text);
        assert_eq!(audit_id.partner_tenant().to_string(), PARTNER);
        assert_eq!(audit_id.customer_tenant().to_string(), CUSTOMER);
        assert_eq!(audit_id.resource_id().map(Id::as_str), Some(TRANSFER));
        assert_eq!(audit_id.operation(), "createtransfer");
        assert_eq!(audit_id.date().to_string(), "2024-12-12 14:44:18.627854 +00:00:00");
    }

    #[test]
    fn reads_any_path_and_a_bare_id() {
        let id = format!("{PARTNER}_{CUSTOMER}_op_0");
        for uri in [
            id.clone(),
            format!("https://api.partnercenter.microsoft.com/auditactivity/v1/auditrecords/{id}"),
            format!("https://api.partnercenter.microsoft.com/v1/auditrecords/{id}?a=/b#c"),
            format!("http://localhost/webhooks/v1/auditrecords/{id}"),
        ] {
            assert_eq!(AuditId::parse(&uri).as_ref().map(AuditId::as_str), Some(&*id), "{uri}");
        }
    }

    #[test]
    fn a_resource_id_may_contain_the_separator() {
        let audit_id = AuditId::parse(&format!("{PARTNER}_{CUSTOMER}_a_b_op_1")).unwrap();
        assert_eq!(audit_id.resource_id().map(Id::as_str), Some("a_b"));
        assert_eq!(audit_id.operation(), "op");
    }

    #[test]
    fn another_form_is_none() {
        for text in [
            String::new(),
            "{AuditId}".into(),
            format!("{PARTNER}_{CUSTOMER}_1"),
            format!("{PARTNER}_{CUSTOMER}__1"),
            format!("{PARTNER}_{CUSTOMER}__op_1"),
            format!("{PARTNER}_{CUSTOMER}_op_"),
            format!("{PARTNER}_{CUSTOMER}_op_-1"),
            format!("{PARTNER}_{CUSTOMER}_op_+1"),
            format!("{PARTNER}_{CUSTOMER}_op_1x"),
            format!("{PARTNER}_{CUSTOMER}_op_1/"),
            format!("{PARTNER}_{CUSTOMER}_%6fp_1"),
            format!("{PARTNER}_{CUSTOMER}_op_18446744073709551615"),
            format!("{PARTNER}_{CUSTOMER}_op_18446744073709551616"),
            format!("partner_{CUSTOMER}_op_1"),
            format!("{PARTNER}_customer_op_1"),
            "_".repeat(9),
        ] {
            assert_eq!(AuditId::parse(&text), None, "{text}");
        }
    }

    #[test]
    fn ticks_are_exact_from_the_first_to_the_last() {
        let date = |ticks| date_of_ticks(ticks).map(|date| date.to_string());
        assert_eq!(date(0).unwrap(), "0001-01-01 0:00:00.0 +00:00:00");
        assert_eq!(date(621_355_968_000_000_001).unwrap(), "1970-01-01 0:00:00.0000001 +00:00:00");
        assert_eq!(date(638_331_855_840_159_088).unwrap(), "2023-10-18 0:26:24.0159088 +00:00:00");
        assert_eq!(
            date(3_155_378_975_999_999_999).unwrap(),
            "9999-12-31 23:59:59.9999999 +00:00:00"
        );
        assert_eq!(date(3_155_378_976_000_000_000), None);
    }
}
