//! Ids of resources: what they are made of is checked, so that none can name another place than it says.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

use super::place::{EVENT_SUBSCRIPTIONS, PROVIDER, PROVIDERS, check_scope, path_of};
use super::{
    Channel, EventSubscription, PartnerNamespace, PartnerTopic, ResourceIdError, ResourceType,
    Scope, SystemTopic, VerifiedPartner,
};
use crate::excerpt::Excerpt;

/// The id of a resource of kind `K`: `/subscriptions/…/providers/Microsoft.EventGrid/…`.
///
/// Two are equal if they differ in nothing but ASCII case, for the service does not keep to one.
///
/// # Example
///
/// ```
/// use partner_center_webhooks::event_grid::manage::{Channel, ResourceId, ResourceIdError, ResourceGroup, SubscriptionId};
///
/// let subscription = SubscriptionId::new("00000000-0000-0000-0000-000000000001")?;
/// let group = ResourceGroup::new(subscription, "events")?;
/// let channel = group.partner_namespace("contoso")?.channel("customer-1")?;
/// assert_eq!(channel.name(), "customer-1");
///
/// let received = channel.to_string().to_uppercase();
/// assert_eq!(ResourceId::<Channel>::parse(&received)?, channel);
/// assert!(group.partner_namespace("a/../b").is_err());
/// # Ok::<(), ResourceIdError>(())
/// ```
pub struct ResourceId<K> {
    text: Box<str>,
    kind: PhantomData<fn() -> K>,
}

impl<K: ResourceType> ResourceId<K> {
    /// Reads an id as the service gives it.
    ///
    /// # Errors
    ///
    /// [`ResourceIdError`] if it is none of this kind, or names what no resource is called.
    pub fn parse(text: &str) -> Result<Self, ResourceIdError> {
        let provider: &[&str] = match K::IS_EXTENSION {
            true => &[],
            false => &[PROVIDERS, PROVIDER],
        };
        let names = K::TYPES.iter().flat_map(|kind| [*kind, "{name}"]);
        let pattern: Vec<_> = provider.iter().copied().chain(names).collect();
        let malformed = || ResourceIdError::ResourceId {
            kind: K::NAME,
            expected: format!("/{}", pattern.join("/")).into(),
            found: Excerpt::of(text),
        };
        check_scope(text).map_err(|_| malformed())?;
        let parts: Vec<_> = text.split('/').collect();
        let start = parts
            .len()
            .checked_sub(pattern.len())
            .ok_or_else(malformed)?;
        let (scope, own) = parts.split_at(start);
        let is_like = |(part, wanted): (&&str, &&str)| {
            *wanted == "{name}" || part.eq_ignore_ascii_case(wanted)
        };
        if !own.iter().zip(&pattern).all(is_like) {
            return Err(malformed());
        }
        // Extensions belong to resources of any provider, topics of this one among them; nothing else does.
        let is_provider = |pair: &[&str]| matches!(pair, [a, b] if a.eq_ignore_ascii_case(PROVIDERS) && b.eq_ignore_ascii_case(PROVIDER));
        let is_placed = match K::IS_EXTENSION {
            true => scope.windows(2).any(is_provider),
            false => !scope
                .iter()
                .any(|part| part.eq_ignore_ascii_case(PROVIDERS)),
        };
        if !is_placed {
            return Err(malformed());
        }
        let name = own.last().copied().unwrap_or_default();
        K::NAMES.check(K::NAME, name)?;
        Ok(Self::of(text))
    }

    /// Its own name: the last part.
    pub fn name(&self) -> &str {
        self.text.rsplit('/').next().unwrap_or_default()
    }

    /// The whole id.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether `other` is this id, in any ASCII case.
    pub fn is(&self, other: &str) -> bool {
        self.text.eq_ignore_ascii_case(other)
    }

    /// The path of it in a URL.
    pub(super) fn path(&self) -> String {
        path_of(&self.text)
    }

    pub(super) fn of(text: impl Into<Box<str>>) -> Self {
        Self {
            text: text.into(),
            kind: PhantomData,
        }
    }

    pub(super) fn under(scope: &str, kinds: &str, name: &str) -> Result<Self, ResourceIdError> {
        K::NAMES.check(K::NAME, name)?;
        Ok(Self::of(format!("{scope}/{kinds}/{name}")))
    }
}

impl ResourceId<PartnerNamespace> {
    /// One of its channels.
    ///
    /// # Errors
    ///
    /// [`ResourceIdError::Name`].
    pub fn channel(&self, name: &str) -> Result<ResourceId<Channel>, ResourceIdError> {
        ResourceId::under(&self.text, "channels", name)
    }
}

impl ResourceId<PartnerTopic> {
    /// One of its event subscriptions.
    ///
    /// # Errors
    ///
    /// [`ResourceIdError::Name`].
    pub fn event_subscription(
        &self,
        name: &str,
    ) -> Result<ResourceId<EventSubscription>, ResourceIdError> {
        ResourceId::under(&self.text, EVENT_SUBSCRIPTIONS, name)
    }
}

impl ResourceId<SystemTopic> {
    /// One of its event subscriptions.
    ///
    /// # Errors
    ///
    /// [`ResourceIdError::Name`].
    pub fn event_subscription(
        &self,
        name: &str,
    ) -> Result<ResourceId<EventSubscription>, ResourceIdError> {
        ResourceId::under(&self.text, EVENT_SUBSCRIPTIONS, name)
    }
}

impl ResourceId<EventSubscription> {
    /// One to the events of `scope`: a subscription, a resource group, or any resource.
    ///
    /// # Errors
    ///
    /// [`ResourceIdError::Name`].
    pub fn at(scope: &Scope, name: &str) -> Result<Self, ResourceIdError> {
        let scope = format!("{scope}/{PROVIDERS}/{PROVIDER}");
        Self::under(&scope, EVENT_SUBSCRIPTIONS, name)
    }
}

impl ResourceId<VerifiedPartner> {
    /// A partner by its name there.
    ///
    /// # Errors
    ///
    /// [`ResourceIdError::Name`].
    pub fn verified_partner(name: &str) -> Result<Self, ResourceIdError> {
        let scope = format!("/{PROVIDERS}/{PROVIDER}");
        Self::under(&scope, "verifiedPartners", name)
    }
}

impl<K> Clone for ResourceId<K> {
    fn clone(&self) -> Self {
        Self {
            text: self.text.clone(),
            kind: PhantomData,
        }
    }
}

impl<K> PartialEq for ResourceId<K> {
    fn eq(&self, other: &Self) -> bool {
        self.text.eq_ignore_ascii_case(&other.text)
    }
}

impl<K> Eq for ResourceId<K> {}

impl<K> Hash for ResourceId<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.to_ascii_lowercase().hash(state);
    }
}

impl<K> fmt::Display for ResourceId<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<K> fmt::Debug for ResourceId<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResourceId({})", self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event_grid::manage::{ResourceGroup, SubscriptionId};

    const SUBSCRIPTION: &str = "00000000-0000-0000-0000-000000000001";

    fn group(name: &str) -> Result<ResourceGroup, ResourceIdError> {
        ResourceGroup::new(SubscriptionId::new(SUBSCRIPTION).unwrap(), name)
    }

    #[test]
    fn every_kind_has_its_place() {
        let group = group("events").unwrap();
        let base = format!(
            "/subscriptions/{SUBSCRIPTION}/resourceGroups/events/providers/Microsoft.EventGrid"
        );
        let namespace = group.partner_namespace("contoso").unwrap();
        let topic = group.partner_topic("top-1").unwrap();
        let system = group.system_topic("top-2").unwrap();
        let scope = group.scope();
        for (id, path) in [
            (
                group.partner_registration("abc").unwrap().path(),
                "partnerRegistrations/abc",
            ),
            (namespace.path(), "partnerNamespaces/contoso"),
            (
                namespace.channel("ch-1").unwrap().path(),
                "partnerNamespaces/contoso/channels/ch-1",
            ),
            (topic.path(), "partnerTopics/top-1"),
            (
                topic.event_subscription("sub").unwrap().path(),
                "partnerTopics/top-1/eventSubscriptions/sub",
            ),
            (
                system.event_subscription("sub").unwrap().path(),
                "systemTopics/top-2/eventSubscriptions/sub",
            ),
            (
                group.partner_configuration().path(),
                "partnerConfigurations/default",
            ),
            (
                group.partner_destination("dest").unwrap().path(),
                "partnerDestinations/dest",
            ),
            (
                ResourceId::at(&scope, "sub").unwrap().path(),
                "eventSubscriptions/sub",
            ),
        ] {
            assert_eq!(id, format!("{base}/{path}"));
        }
        assert_eq!(
            ResourceId::verified_partner("MicrosoftGraphAPI")
                .unwrap()
                .path(),
            "/providers/Microsoft.EventGrid/verifiedPartners/MicrosoftGraphAPI"
        );
    }

    #[test]
    fn no_name_leaves_its_place() {
        let (fifty, more) = ("n".repeat(50), "n".repeat(51));
        let group = group("events").unwrap();
        for name in ["abc", "A-1", &fifty] {
            assert!(group.partner_namespace(name).is_ok(), "{name}");
        }
        for name in [
            "", "ab", &more, "a/b", "../x", "a.b", "a b", "a%2fb", "a?b", "a#b", "äöü", "a\\b",
            "a_b",
        ] {
            assert!(group.partner_namespace(name).is_err(), "{name}");
            assert!(group.partner_topic(name).is_err(), "{name}");
        }
        assert_eq!(
            group.partner_namespace("a/b").unwrap_err().to_string(),
            "`a/b` cannot name a partner namespace (expected 3 to 50 letters, digits and hyphens)"
        );
        let scope = group.scope();
        assert!(ResourceId::at(&scope, &"s".repeat(64)).is_ok());
        assert!(ResourceId::at(&scope, &"s".repeat(65)).is_err());
    }

    #[test]
    fn ids_are_read_in_any_case_and_nothing_else_is() {
        let group = group("events").unwrap();
        let channel = group.partner_namespace("contoso").unwrap();
        let channel = channel.channel("ch-1").unwrap();
        let shouted = channel.as_str().to_uppercase();
        assert_eq!(ResourceId::parse(&shouted), Ok(channel.clone()));
        assert!(channel.is(&shouted));
        let found: std::collections::HashSet<_> =
            [channel.clone(), ResourceId::parse(&shouted).unwrap()].into();
        assert_eq!(found.len(), 1);

        // An example of the specification says `changes` where it means `channels`.
        let odd = channel.as_str().replace("channels", "changes");
        let error = ResourceId::<Channel>::parse(&odd).unwrap_err().to_string();
        assert!(
            error.ends_with(
                "is no id of a channel (expected one that ends in \
                 `/providers/Microsoft.EventGrid/partnerNamespaces/{name}/channels/{name}`)"
            ),
            "{error}"
        );
        for odd in [
            "",
            "/",
            "x",
            "/providers/Microsoft.EventGrid/partnerNamespaces/contoso/channels/",
            &channel.as_str().replace("contoso", ".."),
            &channel.as_str().replace("contoso", "a?b"),
            &format!("{channel}/x"),
            &format!("{channel}{channel}"),
        ] {
            assert!(ResourceId::<Channel>::parse(odd).is_err(), "{odd}");
        }
        assert!(ResourceId::<PartnerNamespace>::parse(channel.as_str()).is_err());
        // Both kinds of event subscriptions.
        let topic = group.partner_topic("top").unwrap();
        for id in [
            topic.event_subscription("sub").unwrap(),
            ResourceId::at(&Scope::new(topic.as_str()).unwrap(), "sub").unwrap(),
        ] {
            assert_eq!(ResourceId::parse(id.as_str()), Ok(id));
        }
        let elsewhere = "/subscriptions/s/providers/Microsoft.Other/eventSubscriptions/sub";
        assert!(ResourceId::<EventSubscription>::parse(elsewhere).is_err());
        for odd in ["", "a", "/a//b", "/a/../b", "/a?b", "/a%2f", "/a#", "/a\\b"] {
            assert!(Scope::new(odd).is_err(), "{odd}");
        }
    }
}
