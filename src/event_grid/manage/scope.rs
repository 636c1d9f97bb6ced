//! Subscriptions, resource groups and scopes, and the rules for names.

use std::fmt;

use thiserror::Error;
use uuid::Uuid;

use crate::excerpt::Excerpt;

/// Why a text is not an id, or not a valid part of one.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum ResourceIdError {
    /// It is not an id of this resource type.
    #[error(
        "`{found}` is not the id of a {resource_type} (expected one that ends in `{expected}`)"
    )]
    ResourceId {
        /// The resource type.
        resource_type: &'static str,
        /// The expected end.
        expected: Box<str>,
        /// The text.
        found: Excerpt,
    },
    /// It is not a valid name for this resource type.
    #[error(
        "`{found}` cannot name a {resource_type} (expected {shortest} to {longest} {characters})"
    )]
    Name {
        /// The resource type.
        resource_type: &'static str,
        /// The minimum length in characters.
        shortest: usize,
        /// The maximum length in characters.
        longest: usize,
        /// The valid characters.
        characters: &'static str,
        /// The text.
        found: Excerpt,
    },
    /// It is not a scope.
    #[error(
        "`{found}` is not a scope (expected an id that begins with a slash, without empty segments, dot segments or \
         characters that are special in a URL)"
    )]
    Scope {
        /// The text.
        found: Excerpt,
    },
    /// It is not the id of an Azure subscription.
    #[error("`{found}` is not an Azure subscription id (expected a UUID)")]
    SubscriptionId {
        /// The text.
        found: Excerpt,
    },
}

/// Which names are valid for a resource type.
///
/// Source: the validators of Terraform's provider, which mirror the rules of the service.
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
    /// Source: "Naming rules and restrictions for Azure resources".
    const GROUP: Self = Self {
        shortest: 1,
        longest: 90,
        others: "-._()",
        characters: "letters, digits, hyphens, dots, underscores and parentheses, without a dot at the end",
    };

    /// From `shortest` to `longest` letters, digits and hyphens.
    pub const fn hyphenated(shortest: usize, longest: usize) -> Self {
        Self { shortest, longest, others: "-", characters: "letters, digits and hyphens" }
    }

    pub(super) fn check(
        self,
        resource_type: &'static str,
        name: &str,
    ) -> Result<(), ResourceIdError> {
        let length = name.chars().count();
        let is_valid = |c: char| c.is_ascii_alphanumeric() || self.others.contains(c);
        // Only names of groups may have letters of any script.
        let is_letter = |c: char| self == Self::GROUP && c.is_alphanumeric();
        let has_end = !name.ends_with('.');
        let has_length = (self.shortest..=self.longest).contains(&length);
        match has_length && has_end && name.chars().all(|c| is_valid(c) || is_letter(c)) {
            true => Ok(()),
            false => Err(ResourceIdError::Name {
                resource_type,
                shortest: self.shortest,
                longest: self.longest,
                characters: self.characters,
                found: Excerpt::of(name),
            }),
        }
    }
}

/// The id of an Azure subscription.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct SubscriptionId(Uuid);

impl SubscriptionId {
    /// Parses a UUID.
    ///
    /// # Errors
    ///
    /// [`ResourceIdError::SubscriptionId`].
    pub fn new(id: &str) -> Result<Self, ResourceIdError> {
        let id = Uuid::parse_str(id)
            .map_err(|_| ResourceIdError::SubscriptionId { found: Excerpt::of(id) })?;
        Ok(Self(id))
    }

    /// Its UUID.
    pub fn id(&self) -> Uuid {
        self.0
    }

    /// The subscription as a scope.
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
    /// The group `name` in `subscription`.
    ///
    /// # Errors
    ///
    /// [`ResourceIdError::Name`].
    pub fn new(subscription: SubscriptionId, name: &str) -> Result<Self, ResourceIdError> {
        NameRule::GROUP.check("resource group", name)?;
        Ok(Self { subscription, name: name.into() })
    }

    /// Its subscription.
    pub fn subscription(&self) -> SubscriptionId {
        self.subscription
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The group as a scope.
    pub fn scope(&self) -> Scope {
        let subscription = self.subscription.id();
        Scope(format!("/subscriptions/{subscription}/resourceGroups/{}", self.name).into())
    }
}

/// What an event subscription can be created for: a subscription, a resource group, or any resource.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Scope(Box<str>);

impl Scope {
    /// Parses the id of anything in Azure.
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

/// Refuses an id that would mean something else in a URL.
pub(super) fn check_scope(id: &str) -> Result<(), ResourceIdError> {
    let is_valid = |part: &str| {
        let is_dots = part.chars().all(|c| c == '.');
        let is_safe = |c: char| c.is_alphanumeric() || "-._()~ ".contains(c);
        !is_dots && part.chars().all(is_safe)
    };
    match id.strip_prefix('/') {
        Some(rest) if id.len() <= LONGEST_ID && rest.split('/').all(is_valid) => Ok(()),
        _ => Err(ResourceIdError::Scope { found: Excerpt::of(id) }),
    }
}

/// `id` with each segment percent-encoded.
pub(super) fn path_of(id: &str) -> String {
    let parts: Vec<_> = id.split('/').map(encoded).collect();
    parts.join("/")
}

/// Percent-encodes `text` for a path or a query.
pub(super) fn encoded(text: &str) -> String {
    let encoded: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
    // A plus means a space only in forms.
    encoded.replace('+', "%20")
}

pub(super) const PROVIDERS: &str = "providers";
pub(super) const PROVIDER: &str = "Microsoft.EventGrid";
pub(super) const EVENT_SUBSCRIPTIONS: &str = "eventSubscriptions";

/// In bytes: longer than any id in Azure.
const LONGEST_ID: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    const SUBSCRIPTION: &str = "00000000-0000-0000-0000-000000000001";

    fn group(name: &str) -> Result<ResourceGroup, ResourceIdError> {
        ResourceGroup::new(SubscriptionId::new(SUBSCRIPTION).unwrap(), name)
    }

    #[test]
    fn scopes_are_encoded_and_names_checked() {
        for (name, path) in
            [("events", "events"), ("a.b_(c)", "a.b_%28c%29"), ("größe", "gr%C3%B6%C3%9Fe")]
        {
            let path = format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/{path}");
            assert_eq!(group(name).unwrap().scope().path(), path);
        }
        for name in ["", "a.", "..", "a/b", "a b", "a%b", &"g".repeat(91)] {
            assert!(group(name).is_err(), "{name}");
        }
        assert_eq!(
            SubscriptionId::new("../x").unwrap_err().to_string(),
            "`../x` is not an Azure subscription id (expected a UUID)"
        );
    }
}
