//! Words of the service: those that are known, and room for those of tomorrow.

use std::fmt;

use serde_json::Value;

use crate::api::model::Lenient;

/// An open set of words: its documentation, and a line for each.
macro_rules! words {
    ($($(#[doc = $doc:literal])+ $name:ident { $($(#[doc = $word_doc:literal])+ $word:ident,)+ })+) => {$(
        $(#[doc = $doc])+
        #[derive(Clone, Debug, Eq, Hash, PartialEq)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[doc = $word_doc])+ $word,)+
            /// A word that was not known when this version was made, as received.
            Other(Box<str>),
        }

        impl $name {
            /// The word, as the service spells it.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$word => stringify!($word),)+
                    Self::Other(word) => word,
                }
            }
        }

        impl From<&str> for $name {
            fn from(word: &str) -> Self {
                $(if word.eq_ignore_ascii_case(stringify!($word)) {
                    return Self::$word;
                })+
                Self::Other(word.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                crate::excerpt::Excerpt::of(self.as_str()).fmt(f)
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

words! {
    /// Whether a customer wants the events of a partner topic or destination.
    ActivationState {
        /// They flow.
        Activated,
        /// They did, and do no longer.
        Deactivated,
        /// The customer has not decided yet.
        NeverActivated,
    }

    /// Where the events of a channel go.
    ChannelType {
        /// To a web hook of a partner, from a customer. Only in preview versions of the API.
        PartnerDestination,
        /// To a topic of a customer.
        PartnerTopic,
    }

    /// In what form events are delivered.
    EventDeliverySchema {
        /// CloudEvents 1.0.
        CloudEventSchemaV1_0,
        /// As they were published.
        CustomInputSchema,
        /// Event Grid's own.
        EventGridSchema,
    }

    /// What the service is doing with a resource.
    ProvisioningState {
        /// Somebody has to confirm that a web hook may be called.
        AwaitingManualAction,
        /// It was given up.
        Canceled,
        /// It does not exist yet.
        Creating,
        /// It will not exist much longer.
        Deleting,
        /// It did not work.
        Failed,
        /// The channel of this topic was deleted.
        IdleDueToMirroredChannelResourceDeletion,
        /// The destination of this channel was deleted.
        IdleDueToMirroredPartnerDestinationDeletion,
        /// The topic of this channel was deleted.
        IdleDueToMirroredPartnerTopicDeletion,
        /// Nothing: it is as it is meant to be.
        Succeeded,
        /// It is being changed.
        Updating,
    }

    /// Whether a channel's customer wants its events.
    ReadinessState {
        /// Events can be published.
        Activated,
        /// The customer has not decided yet.
        NeverActivated,
    }

    /// How a namespace finds the channel of an event. It cannot be changed later.
    RoutingMode {
        /// By the header `aeg-channel-name`: one channel a request.
        ChannelNameHeader,
        /// By each event's `source`. What the API does if it is not told.
        SourceEventAttribute,
    }
}

impl ProvisioningState {
    /// Whether the service is still at it. A word that is not known counts, as Azure's rules for long-running operations
    /// have it.
    pub fn is_pending(&self) -> bool {
        matches!(
            self,
            Self::Creating | Self::Deleting | Self::Other(_) | Self::Updating
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_open() {
        assert_eq!(
            ReadinessState::from("neveractivated"),
            ReadinessState::NeverActivated
        );
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
