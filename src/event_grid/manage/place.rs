//! Subscriptions, resource groups and scopes: where resources are, and how they may be called.

use std::fmt;

use thiserror::Error;
use uuid::Uuid;

use super::{
    PartnerConfiguration, PartnerDestination, PartnerNamespace, PartnerRegistration, PartnerTopic,
    ResourceId, ResourceType, SystemTopic,
};
use crate::excerpt::Excerpt;

/// Why something is no id, or no part of one.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum ResourceIdError {
    /// It is no id of this kind of resource.
    #[error("`{found}` is no id of a {kind} (expected one that ends in `{expected}`)")]
    ResourceId {
        /// The kind.
        kind: &'static str,
        /// What it has to end in.
        expected: Box<str>,
        /// What was given.
        found: Excerpt,
    },
    /// It cannot name a resource of this kind.
    #[error("`{found}` cannot name a {kind} (expected {shortest} to {longest} {characters})")]
    Name {
        /// The kind.
        kind: &'static str,
        /// Characters at least.
        shortest: usize,
        /// Characters at most.
        longest: usize,
        /// Which characters.
        characters: &'static str,
        /// What was given.
        found: Excerpt,
    },
    /// It is no place that resources are in.
    #[error(
        "`{found}` is no scope (expected an id that begins with a slash, without empty parts, dots alone, or \
         anything that means something else in a URL)"
    )]
    Scope {
        /// What was given.
        found: Excerpt,
    },
    /// It is no subscription.
    #[error("`{found}` is no Azure subscription (expected a UUID)")]
    SubscriptionId {
        /// What was given.
        found: Excerpt,
    },
}

/// Which names resources of a kind may have.
///
/// Source: the validators of Terraform's provider, which repeat what the service refuses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NameRule {
    shortest: usize,
    longest: usize,
    others: &'static str,
    characters: &'static str,
}

impl NameRule {
    /// Registrations, namespaces, channels, partner topics and destinations: 3 to 50.
    pub const PARTNER: Self = Self::hyphenated(3, 50);
    /// Event subscriptions: 3 to 64.
    pub const EVENT_SUBSCRIPTION: Self = Self::hyphenated(3, 64);
    /// System topics: 3 to 128.
    pub const SYSTEM_TOPIC: Self = Self::hyphenated(3, 128);
    /// What the service named: 1 to 128, with dots and underscores.
    pub const GIVEN: Self = Self {
        shortest: 1,
        longest: 128,
        others: "-._",
        characters: "letters, digits, hyphens, dots and underscores, not of dots alone",
    };
    /// Source: "Naming rules and restrictions for Azure resources".
    const GROUP: Self = Self {
        shortest: 1,
        longest: 90,
        others: "-._()",
        characters: "letters, digits, hyphens, dots, underscores and parentheses, without a dot at the end",
    };

    /// So many letters, digits and hyphens.
    pub const fn hyphenated(shortest: usize, longest: usize) -> Self {
        Self {
            shortest,
            longest,
            others: "-",
            characters: "letters, digits and hyphens",
        }
    }

    pub(super) fn check(self, kind: &'static str, name: &str) -> Result<(), ResourceIdError> {
        let length = name.chars().count();
        let is_fit = |c: char| c.is_ascii_alphanumeric() || self.others.contains(c);
        // Groups alone may be named in all scripts.
        let is_letter = |c: char| self == Self::GROUP && c.is_alphanumeric();
        let has_end = !name.ends_with('.');
        let has_length = (self.shortest..=self.longest).contains(&length);
        match has_length && has_end && name.chars().all(|c| is_fit(c) || is_letter(c)) {
            true => Ok(()),
            false => Err(ResourceIdError::Name {
                kind,
                shortest: self.shortest,
                longest: self.longest,
                characters: self.characters,
                found: Excerpt::of(name),
            }),
        }
    }
}

/// An Azure subscription.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct SubscriptionId(Uuid);

impl SubscriptionId {
    /// Takes its UUID.
    ///
    /// # Errors
    ///
    /// [`ResourceIdError::SubscriptionId`].
    pub fn new(id: &str) -> Result<Self, ResourceIdError> {
        let id = Uuid::parse_str(id).map_err(|_| ResourceIdError::SubscriptionId {
            found: Excerpt::of(id),
        })?;
        Ok(Self(id))
    }

    /// Its UUID.
    pub fn id(&self) -> Uuid {
        self.0
    }

    /// The scope of all that is in it.
    pub fn scope(&self) -> Scope {
        Scope(format!("/subscriptions/{}", self.0).into())
    }
}

/// A resource group.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct ResourceGroup {
    subscription: SubscriptionId,
    name: Box<str>,
}

impl ResourceGroup {
    /// The group of this name.
    ///
    /// # Errors
    ///
    /// [`ResourceIdError::Name`].
    pub fn new(subscription: SubscriptionId, name: &str) -> Result<Self, ResourceIdError> {
        NameRule::GROUP.check("resource group", name)?;
        Ok(Self {
            subscription,
            name: name.into(),
        })
    }

    /// Its subscription.
    pub fn subscription(&self) -> SubscriptionId {
        self.subscription
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The scope of all that is in it.
    pub fn scope(&self) -> Scope {
        let subscription = self.subscription.id();
        Scope(format!("/subscriptions/{subscription}/resourceGroups/{}", self.name).into())
    }

    /// A registration in it.
    ///
    /// # Errors
    ///
    /// [`ResourceIdError::Name`], as in all that follow.
    pub fn partner_registration(
        &self,
        name: &str,
    ) -> Result<ResourceId<PartnerRegistration>, ResourceIdError> {
        self.resource(name)
    }

    /// A namespace in it.
    ///
    /// # Errors
    ///
    /// [`ResourceIdError::Name`].
    pub fn partner_namespace(
        &self,
        name: &str,
    ) -> Result<ResourceId<PartnerNamespace>, ResourceIdError> {
        self.resource(name)
    }

    /// A partner topic in it.
    ///
    /// # Errors
    ///
    /// [`ResourceIdError::Name`].
    pub fn partner_topic(&self, name: &str) -> Result<ResourceId<PartnerTopic>, ResourceIdError> {
        self.resource(name)
    }

    /// A partner destination in it.
    ///
    /// # Errors
    ///
    /// [`ResourceIdError::Name`].
    pub fn partner_destination(
        &self,
        name: &str,
    ) -> Result<ResourceId<PartnerDestination>, ResourceIdError> {
        self.resource(name)
    }

    /// A system topic in it.
    ///
    /// # Errors
    ///
    /// [`ResourceIdError::Name`].
    pub fn system_topic(&self, name: &str) -> Result<ResourceId<SystemTopic>, ResourceIdError> {
        self.resource(name)
    }

    /// Its partner configuration, of which there is one.
    pub fn partner_configuration(&self) -> ResourceId<PartnerConfiguration> {
        let scope = self.scope();
        ResourceId::of(format!(
            "{scope}/{PROVIDERS}/{PROVIDER}/partnerConfigurations/default"
        ))
    }

    fn resource<K: ResourceType>(&self, name: &str) -> Result<ResourceId<K>, ResourceIdError> {
        let scope = format!("{}/{PROVIDERS}/{PROVIDER}", self.scope());
        ResourceId::under(&scope, K::TYPES.last().copied().unwrap_or_default(), name)
    }
}

/// Where event subscriptions can be: a subscription, a resource group, or any resource.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Scope(Box<str>);

impl Scope {
    /// Takes the id of something in Azure.
    ///
    /// # Errors
    ///
    /// [`ResourceIdError::Scope`].
    pub fn new(id: &str) -> Result<Self, ResourceIdError> {
        check_scope(id)?;
        Ok(Self(id.into()))
    }

    pub(super) fn path(&self) -> String {
        path_of(&self.0)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Refuses what a URL would read in another way than it looks.
pub(super) fn check_scope(id: &str) -> Result<(), ResourceIdError> {
    let is_fit = |part: &str| {
        let is_dots = part.chars().all(|c| c == '.');
        let is_safe = |c: char| c.is_alphanumeric() || "-._()~ ".contains(c);
        !is_dots && part.chars().all(is_safe)
    };
    match id.strip_prefix('/') {
        Some(rest) if id.len() <= LONGEST_ID && rest.split('/').all(is_fit) => Ok(()),
        _ => Err(ResourceIdError::Scope {
            found: Excerpt::of(id),
        }),
    }
}

/// Each part encoded, the slashes between them kept.
pub(super) fn path_of(id: &str) -> String {
    let parts: Vec<_> = id.split('/').map(encoded).collect();
    parts.join("/")
}

/// Percent-encoded, for a path or a query.
pub(super) fn encoded(text: &str) -> String {
    let encoded: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
    // A plus means a space in forms alone.
    encoded.replace('+', "%20")
}

pub(super) const PROVIDERS: &str = "providers";
pub(super) const PROVIDER: &str = "Microsoft.EventGrid";
pub(super) const EVENT_SUBSCRIPTIONS: &str = "eventSubscriptions";

/// Longer than any id of Azure can be, in bytes.
const LONGEST_ID: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    const SUBSCRIPTION: &str = "00000000-0000-0000-0000-000000000001";

    fn group(name: &str) -> Result<ResourceGroup, ResourceIdError> {
        ResourceGroup::new(SubscriptionId::new(SUBSCRIPTION).unwrap(), name)
    }

    #[test]
    fn groups_and_subscriptions() {
        for (name, path) in [
            ("events", "events"),
            ("a.b_(c)", "a.b_%28c%29"),
            ("größe", "gr%C3%B6%C3%9Fe"),
        ] {
            let path = format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/{path}");
            assert_eq!(group(name).unwrap().scope().path(), path);
        }
        for name in ["", "a.", "..", "a/b", "a b", "a%b", &"g".repeat(91)] {
            assert!(group(name).is_err(), "{name}");
        }
        assert_eq!(
            SubscriptionId::new("../x").unwrap_err().to_string(),
            "`../x` is no Azure subscription (expected a UUID)"
        );
    }
}
