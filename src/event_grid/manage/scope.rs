//! Subscriptions, resource groups and scopes, and the rules for names.

use std::fmt;

use uuid::Uuid;

use super::error::InvalidResource;
use crate::mask::Excerpt;

/// The rule for the names of a resource type.
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

    /// Whether `name` has a valid length and valid characters.
    pub(in crate::event_grid) fn allows(self, name: &str) -> bool {
        let length = name.chars().count();
        let is_valid = |c: char| c.is_ascii_alphanumeric() || self.others.contains(c);
        // Only names of groups may have letters of any script.
        let is_letter = |c: char| self == Self::GROUP && c.is_alphanumeric();
        let has_end = !name.ends_with('.');
        let has_length = (self.shortest..=self.longest).contains(&length);
        has_length && has_end && name.chars().all(|c| is_valid(c) || is_letter(c))
    }

    pub(super) fn check(
        self,
        resource_type: &'static str,
        name: &str,
    ) -> Result<(), InvalidResource> {
        match self.allows(name) {
            true => Ok(()),
            false => Err(InvalidResource::Name {
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
    /// [`InvalidResource::SubscriptionId`].
    pub fn new(id: &str) -> Result<Self, InvalidResource> {
        let id = Uuid::parse_str(id)
            .map_err(|_| InvalidResource::SubscriptionId { found: Excerpt::of(id) })?;
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
    /// [`InvalidResource::Name`].
    pub fn new(subscription: SubscriptionId, name: &str) -> Result<Self, InvalidResource> {
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
        let subscription = self.subscription.scope();
        Scope(format!("{subscription}/resourceGroups/{}", self.name).into())
    }
}

/// The scope of an event subscription: an Azure subscription, a resource group, or any resource.
///
/// # Example
///
/// ```
/// use partner_center_webhooks::event_grid::manage::{EventSubscription, InvalidResource, ResourceId, Scope};
///
/// let storage = Scope::new("/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/files")?;
/// let id = ResourceId::<EventSubscription>::at(&storage, "to-contoso")?;
/// assert!(id.as_str().ends_with("/files/providers/Microsoft.EventGrid/eventSubscriptions/to-contoso"));
/// assert!(Scope::new("/subscriptions/s/../t").is_err());
/// # Ok::<(), InvalidResource>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Scope(Box<str>);

impl Scope {
    /// Parses the id of anything in Azure.
    ///
    /// # Errors
    ///
    /// [`InvalidResource::Scope`].
    pub fn new(id: &str) -> Result<Self, InvalidResource> {
        check_scope(id)?;
        Ok(Self(id.into()))
    }

    pub(super) fn path(&self) -> String {
        path_of(&self.0)
    }

    /// The path of Event Grid's resources in this scope.
    pub(super) fn provider(&self) -> String {
        format!("{}/{PROVIDERS}/{PROVIDER}", self.0)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Refuses an id that would mean something else in a URL: `..`, an empty segment, or a character that starts a query.
pub(super) fn check_scope(id: &str) -> Result<(), InvalidResource> {
    let is_valid = |part: &str| {
        let is_dots = part.chars().all(|c| c == '.');
        let is_safe = |c: char| c.is_alphanumeric() || "-._()~ ".contains(c);
        !is_dots && part.chars().all(is_safe)
    };
    match id.strip_prefix('/') {
        Some(rest) if id.len() <= LONGEST_ID && rest.split('/').all(is_valid) => Ok(()),
        _ => Err(InvalidResource::Scope { found: Excerpt::of(id) }),
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

    fn group(name: &str) -> Result<ResourceGroup, InvalidResource> {
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
