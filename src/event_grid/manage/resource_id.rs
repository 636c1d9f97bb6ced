//! Ids of resources. Each part is checked, so an id cannot address a resource other than the one it shows.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

use super::error::InvalidResource;
use super::resource_type::ResourceType;
use super::scope::{PROVIDER, PROVIDERS, check_scope, path_of};
use crate::mask::Excerpt;

/// The id of a resource of type `K`: `/subscriptions/…/providers/Microsoft.EventGrid/…`.
///
/// Ids are compared without ASCII case, because the service changes it.
///
/// # Example
///
/// ```
/// use partner_center_webhooks::event_grid::manage::{Channel, InvalidResource, ResourceGroup, ResourceId, SubscriptionId};
///
/// let subscription = SubscriptionId::new("00000000-0000-0000-0000-000000000001")?;
/// let group = ResourceGroup::new(subscription, "events")?;
/// let channel = group.partner_namespace("contoso")?.channel("customer-1")?;
/// assert_eq!(channel.name(), "customer-1");
///
/// let received = channel.to_string().to_uppercase();
/// assert_eq!(ResourceId::<Channel>::parse(&received)?, channel);
/// assert!(group.partner_namespace("a/../b").is_err());
/// # Ok::<(), InvalidResource>(())
/// ```
#[derive(Clone)]
pub struct ResourceId<K> {
    text: Box<str>,
    resource_type: PhantomData<fn() -> K>,
}

impl<K: ResourceType> ResourceId<K> {
    /// Parses an id in any ASCII case.
    ///
    /// # Errors
    ///
    /// [`InvalidResource`] if it is an id of another type, or has an invalid name.
    pub fn parse(text: &str) -> Result<Self, InvalidResource> {
        let provider: &[&str] = match K::IS_EXTENSION {
            true => &[],
            false => &[PROVIDERS, PROVIDER],
        };
        let names = K::TYPES.iter().flat_map(|segment| [*segment, "{name}"]);
        let pattern: Vec<_> = provider.iter().copied().chain(names).collect();
        let malformed = || InvalidResource::Id {
            resource_type: K::NAME,
            expected: format!("/{}", pattern.join("/")).into(),
            found: Excerpt::of(text),
        };
        check_scope(text).map_err(|_| malformed())?;
        let parts: Vec<_> = text.split('/').collect();
        let start = parts.len().checked_sub(pattern.len()).ok_or_else(malformed)?;
        let (scope, own) = parts.split_at(start);
        let is_like = |(part, wanted): (&&str, &&str)| {
            *wanted == "{name}" || part.eq_ignore_ascii_case(wanted)
        };
        if !own.iter().zip(&pattern).all(is_like) {
            return Err(malformed());
        }
        // Only extensions belong to a resource of any provider, such as a topic.
        let is_provider = |pair: &[&str]| matches!(pair, [a, b] if a.eq_ignore_ascii_case(PROVIDERS) && b.eq_ignore_ascii_case(PROVIDER));
        let is_placed = match K::IS_EXTENSION {
            true => scope.windows(2).any(is_provider),
            false => !scope.iter().any(|part| part.eq_ignore_ascii_case(PROVIDERS)),
        };
        if !is_placed {
            return Err(malformed());
        }
        let name = own.last().copied().unwrap_or_default();
        K::NAMES.check(K::NAME, name)?;
        Ok(Self::of(text))
    }

    /// The name: the last segment.
    pub fn name(&self) -> &str {
        self.text.rsplit('/').next().unwrap_or_default()
    }

    /// The whole id.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether `other` is this id, ignoring ASCII case.
    pub fn is(&self, other: &str) -> bool {
        self.text.eq_ignore_ascii_case(other)
    }

    /// The id as the path of a URL.
    pub(super) fn path(&self) -> String {
        path_of(&self.text)
    }

    pub(super) fn of(text: impl Into<Box<str>>) -> Self {
        Self { text: text.into(), resource_type: PhantomData }
    }

    /// The id `base`, the type and `name`, which must be valid. `base` ends before the type.
    pub(super) fn under(base: &str, name: &str) -> Result<Self, InvalidResource> {
        K::NAMES.check(K::NAME, name)?;
        let resource_type = K::TYPES.last().copied().unwrap_or_default();
        Ok(Self::of(format!("{base}/{resource_type}/{name}")))
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
    use crate::event_grid::manage::{
        Channel, EventSubscription, PartnerNamespace, ResourceGroup, Scope, SubscriptionId,
    };

    const SUBSCRIPTION: &str = "00000000-0000-0000-0000-000000000001";

    fn group(name: &str) -> Result<ResourceGroup, InvalidResource> {
        ResourceGroup::new(SubscriptionId::new(SUBSCRIPTION).unwrap(), name)
    }

    #[test]
    fn a_name_cannot_change_the_path() {
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
    fn ids_are_parsed_in_any_case() {
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
                "is not the id of a channel (expected one that ends in \
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
