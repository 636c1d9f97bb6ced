//! The enumerations of the service, open for values that are not known yet.

use std::fmt;

use serde_json::Value;

use crate::api::model::Lenient;

/// An open enumeration: its documentation, and a line for each value.
macro_rules! open_enums {
    ($($(#[doc = $doc:literal])+ $name:ident { $($(#[doc = $value_doc:literal])+ $value:ident,)+ })+) => {$(
        $(#[doc = $doc])+
        #[derive(Clone, Debug, Eq, Hash, PartialEq)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[doc = $value_doc])+ $value,)+
            /// A value that this version of the crate does not know, as received.
            Other(Box<str>),
        }

        impl $name {
            /// The value, as the service spells it.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$value => stringify!($value),)+
                    Self::Other(value) => value,
                }
            }
        }

        impl From<&str> for $name {
            fn from(value: &str) -> Self {
                $(if value.eq_ignore_ascii_case(stringify!($value)) {
                    return Self::$value;
                })+
                Self::Other(value.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                crate::mask::Excerpt::of(self.as_str()).fmt(f)
            }
        }

        impl Lenient for $name {
            fn read(value: Value) -> Option<Self> {
                value.as_str().map(Self::from)
            }

            fn write(&self) -> Value {
                self.as_str().into()
            }
        }
    )+};
}

open_enums! {
    /// Whether the customer has activated a partner topic or destination.
    ActivationState {
        /// Events are delivered.
        Activated,
        /// Events are no longer delivered.
        Deactivated,
        /// The customer has not activated it yet.
        NeverActivated,
    }

    /// Where the events of a channel go.
    ChannelType {
        /// To a partner's webhook, from a customer. Only in preview versions of the API.
        PartnerDestination,
        /// To a customer's topic.
        PartnerTopic,
    }

    /// The schema in which events are delivered.
    EventDeliverySchema {
        /// CloudEvents 1.0.
        CloudEventSchemaV1_0,
        /// As published.
        CustomInputSchema,
        /// Event Grid's own schema.
        EventGridSchema,
    }

    /// The provisioning state of a resource.
    ProvisioningState {
        /// The owner of a webhook must confirm it.
        AwaitingManualAction,
        /// Its last operation was canceled.
        Canceled,
        /// Being created.
        Creating,
        /// Being deleted.
        Deleting,
        /// Its last operation failed.
        Failed,
        /// The channel of this topic was deleted.
        IdleDueToMirroredChannelResourceDeletion,
        /// The destination of this channel was deleted.
        IdleDueToMirroredPartnerDestinationDeletion,
        /// The topic of this channel was deleted.
        IdleDueToMirroredPartnerTopicDeletion,
        /// Provisioned.
        Succeeded,
        /// Being updated.
        Updating,
    }

    /// Whether the customer has activated the topic or destination of a channel.
    ReadinessState {
        /// Events can be published.
        Activated,
        /// The customer has not activated it yet.
        NeverActivated,
    }

    /// How a namespace finds the channel of an event. It cannot be changed later.
    RoutingMode {
        /// By the header `aeg-channel-name`: one channel a request.
        ChannelNameHeader,
        /// By each event's `source`. The API's default.
        SourceEventAttribute,
    }
}

impl ProvisioningState {
    /// Whether an operation is still running. Unknown values count as running, as Azure's rules for long-running operations
    /// require.
    pub fn is_pending(&self) -> bool {
        matches!(self, Self::Creating | Self::Deleting | Self::Other(_) | Self::Updating)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_values_are_kept() {
        assert_eq!(ReadinessState::from("neveractivated"), ReadinessState::NeverActivated);
        let schema = EventDeliverySchema::from("CloudEventSchemaV1_0");
        assert_eq!(schema, EventDeliverySchema::CloudEventSchemaV1_0);
        assert_eq!(schema.as_str(), "CloudEventSchemaV1_0");
        let tomorrow = ProvisioningState::from("Moving\n");
        assert_eq!(tomorrow, ProvisioningState::Other("Moving\n".into()));
        assert_eq!(tomorrow.to_string(), "Moving\\n");
        assert!(tomorrow.is_pending());
        assert!(!ProvisioningState::AwaitingManualAction.is_pending());
    }
}
