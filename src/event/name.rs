//! The names of events: all known ones, and room for new ones.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One row per event: what it means, its variant, its name on the wire.
macro_rules! event_names {
    ($($(#[doc = $meaning:literal])+ $variant:ident = $wire:literal,)+) => {
        /// The name of an event.
        ///
        /// Names match in any ASCII case. An unknown name is not an error but [`EventName::Other`], because
        /// Microsoft adds events without notice.
        ///
        /// A known name serializes in the documented spelling. The [`Event`](super::Event) keeps the received
        /// spelling, and serializes to it.
        ///
        /// # Source
        ///
        /// "Partner Center webhook events" and the list of events in "Partner Center webhooks"
        /// (2018 to 2025), in their order. Only `GET /webhooks/v1/registration/events` lists the events that a
        /// tenant can register for.
        ///
        /// # Example
        ///
        /// ```
        /// use partner_center_webhooks::event::EventName;
        ///
        /// let name = EventName::from("USAGERECORDS-thresholdexceeded");
        /// assert_eq!(name, EventName::UsageRecordsThresholdExceeded);
        /// assert_eq!(name.as_str(), "usagerecords-thresholdExceeded");
        ///
        /// let name = EventName::from("Cancel-Transfer");
        /// assert!(matches!(name, EventName::Other(_)));
        /// assert_eq!(name.as_str(), "Cancel-Transfer");
        /// ```
        #[derive(Clone, Debug, Eq, Hash, PartialEq)]
        #[non_exhaustive]
        pub enum EventName {
            $($(#[doc = $meaning])+ $variant,)+
            /// A name that was not known when this version was published; as received.
            Other(OtherEventName),
        }

        impl EventName {
            /// Every known name, in the order of the documentation. The few that are not documented there say so.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name on the wire: the documented spelling if it is known, otherwise the received one.
            ///
            /// An [`EventName::Other`] is the sender's text; log it as an [`Excerpt`](crate::Excerpt).
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $wire,)+
                    Self::Other(other) => &other.0,
                }
            }
        }
    };
}

event_names! {
    /// A validation event, requested through the registration API.
    TestCreated = "test-created",
    /// The commerce data of a subscription changed, such as licence count or state. The event does not say what changed; it may
    /// arrive 48 hours late.
    SubscriptionUpdated = "subscription-updated",
    /// The Azure usage of a customer exceeded its spending budget. The event does not say which customer.
    UsageRecordsThresholdExceeded = "usagerecords-thresholdExceeded",
    /// A co-sell referral was created.
    ReferralCreated = "referral-created",
    /// A co-sell referral was updated.
    ReferralUpdated = "referral-updated",
    /// A referral related to one of the partner's was created.
    RelatedReferralCreated = "related-referral-created",
    /// A referral related to one of the partner's was updated.
    RelatedReferralUpdated = "related-referral-updated",
    /// A new invoice is ready.
    InvoiceReady = "invoice-ready",
    /// The customer approved a granular delegated admin (GDAP) relationship.
    GranularAdminRelationshipApproved = "granular-admin-relationship-approved",
    /// A GDAP relationship was created and, in Microsoft's words, is active for the customer to approve.
    GranularAdminRelationshipActivated = "granular-admin-relationship-activated",
    /// The partner or the customer terminated a GDAP relationship.
    GranularAdminRelationshipTerminated = "granular-admin-relationship-terminated",
    /// A GDAP relationship expired.
    GranularAdminRelationshipExpired = "granular-admin-relationship-expired",
    /// The partner created an access assignment of a GDAP relationship.
    GranularAdminAccessAssignmentCreated = "granular-admin-access-assignment-created",
    /// The roles of an access assignment were assigned to its security groups.
    GranularAdminAccessAssignmentActivated = "granular-admin-access-assignment-activated",
    /// The partner updated an access assignment.
    GranularAdminAccessAssignmentUpdated = "granular-admin-access-assignment-updated",
    /// The partner deleted an access assignment.
    GranularAdminAccessAssignmentDeleted = "granular-admin-access-assignment-deleted",
    /// A customer accepted a reseller relationship.
    ResellerRelationshipAcceptedByCustomer = "reseller-relationship-accepted-by-customer",
    /// A customer accepted an indirect reseller relationship.
    IndirectResellerRelationshipAcceptedByCustomer = "indirect-reseller-relationship-accepted-by-customer",
    /// The customer approved delegated admin privileges (DAP).
    DapAdminRelationshipApproved = "dap-admin-relationship-approved",
    /// The partner or the customer terminated delegated admin privileges.
    DapAdminRelationshipTerminated = "dap-admin-relationship-terminated",
    /// Microsoft terminated delegated admin privileges that were unused for 90 days.
    DapAdminRelationshipTerminatedByMicrosoft = "dap-admin-relationship-terminated-by-microsoft",
    /// Fraud was detected in an Azure subscription of a customer.
    AzureFraudEventDetected = "azure-fraud-event-detected",
    /// The migration of a subscription to new commerce was created.
    NewCommerceMigrationCreated = "new-commerce-migration-created",
    /// The migration of a subscription to new commerce is complete.
    NewCommerceMigrationCompleted = "new-commerce-migration-completed",
    /// The migration of a subscription to new commerce failed.
    NewCommerceMigrationFailed = "new-commerce-migration-failed",
    /// The scheduling of a migration to new commerce failed.
    NewCommerceMigrationScheduleFailed = "new-commerce-migration-schedule-failed",
    /// A transfer of subscriptions between partners was created.
    CreateTransfer = "create-transfer",
    /// A transfer was updated. Seen in receivers' code, not in the documentation.
    UpdateTransfer = "update-transfer",
    /// A transfer is complete; the event may arrive before the transfer itself shows it. Seen in receivers' code, not in the
    /// documentation.
    CompleteTransfer = "complete-transfer",
    /// A transfer failed. Seen in receivers' code, not in the documentation.
    FailTransfer = "fail-transfer",
    /// A subscription became active; as of 2025 in sandbox tenants only.
    SubscriptionActive = "subscription-active",
    /// A subscription is pending. Named beside `subscription-active`; not confirmed by a published page.
    SubscriptionPending = "subscription-pending",
    /// A subscription was renewed. Named beside `subscription-active`; not confirmed by a published page.
    SubscriptionRenewed = "subscription-renewed",
}

/// The text of an unknown name: read it with [`EventName::as_str`].
///
/// Only [`EventName::from`] creates one. So a `match` cannot name its text, and cannot change its meaning when a
/// later version adds a variant for the name.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct OtherEventName(Box<str>);

impl From<&str> for EventName {
    fn from(text: &str) -> Self {
        let known = Self::ALL.iter().find(|name| name.as_str().eq_ignore_ascii_case(text));
        known.cloned().unwrap_or_else(|| Self::Other(OtherEventName(text.into())))
    }
}

impl FromStr for EventName {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self::from(text))
    }
}

impl fmt::Display for EventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for EventName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for EventName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(Self::from(text.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn all_names_are_distinct_and_read_back_in_any_case() {
        assert_eq!(EventName::ALL.len(), 33);
        let texts: HashSet<_> =
            EventName::ALL.iter().map(|n| n.as_str().to_ascii_lowercase()).collect();
        assert_eq!(texts.len(), EventName::ALL.len());
        for name in EventName::ALL {
            assert!(!matches!(name, EventName::Other(_)));
            assert_eq!(EventName::from(name.as_str()), *name);
            assert_eq!(EventName::from(&*name.as_str().to_ascii_uppercase()), *name);
            assert_eq!(name.as_str().parse(), Ok(name.clone()));
        }
    }

    #[test]
    fn a_name_that_is_almost_known_is_unknown() {
        for text in [
            "",
            "test-created ",
            "test_created",
            "test-create",
            "teſt-created",
            "subscription-updatedx",
        ] {
            let name = EventName::from(text);
            assert!(matches!(name, EventName::Other(_)), "{text}");
            assert_eq!(name.as_str(), text);
        }
        assert_ne!(EventName::from("x-y"), EventName::from("X-Y"));
    }

    #[test]
    fn displays_and_serializes_as_the_wire_name() {
        let name = EventName::UsageRecordsThresholdExceeded;
        assert_eq!(name.to_string(), "usagerecords-thresholdExceeded");
        assert_eq!(format!("{:>15}|", EventName::TestCreated), "   test-created|");
        assert_eq!(serde_json::to_string(&name).unwrap(), r#""usagerecords-thresholdExceeded""#);
        assert_eq!(
            serde_json::from_str::<EventName>(r#""TEST-CREATED""#).unwrap(),
            EventName::TestCreated
        );
        let other: EventName = serde_json::from_str(r#""Brand-New""#).unwrap();
        assert_eq!(serde_json::to_string(&other).unwrap(), r#""Brand-New""#);
        assert!(serde_json::from_str::<EventName>("null").is_err());
    }
}
