//! Ids of Partner Center's resources: text that is safe to put in a path.

use std::fmt;

use uuid::Uuid;

/// The id of a resource in Partner Center, as received.
///
/// One to 512 ASCII letters, digits, `-`, `.`, `_`, `~`, `{` and `}`, and neither `.` nor `..`; so it is always one
/// segment of a URI's path. Braces occur in the placeholders of samples, such as `{SubscriptionId}`. Ids are
/// compared byte by byte: compare [`Id::as_uuid`] if the case of a UUID may differ.
///
/// # Example
///
/// ```
/// use partner_center_webhooks::event::Id;
///
/// let id = Id::new("4b2a6e33-8791-4386-bd2b-0d55baf25039").unwrap();
/// assert_eq!(id.as_uuid().unwrap().to_string(), id.as_str());
/// assert_eq!(Id::new("{CustomerId}").unwrap().as_uuid(), None);
/// assert_eq!(Id::new("a/../b"), None);
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Id(Box<str>);

impl Id {
    /// Returns the id, or `None` if `text` has another form.
    pub fn new(text: &str) -> Option<Self> {
        let is_id =
            text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~{}".contains(&byte));
        let is_short = text.len() <= MAX_LEN;
        (is_id && is_short && !["", ".", ".."].contains(&text)).then(|| Self(text.into()))
    }

    /// The id, as received.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id as a UUID, if it is one.
    pub fn as_uuid(&self) -> Option<Uuid> {
        Uuid::try_parse(&self.0).ok()
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Audit ids, which are the longest, are about 200 bytes.
const MAX_LEN: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_one_segment_of_a_path() {
        for text in
            ["4b2a6e33-8791-4386-bd2b-0d55baf25039", "{CustomerId}", "G000024135", "a.b_c~d", "..."]
        {
            let id = Id::new(text).unwrap();
            assert_eq!(id.as_str(), text);
            assert_eq!(id.to_string(), text);
        }
        for text in ["", ".", "..", "%2e%2e", "a b", r"a\b", "a/b", "ä", "a\n", "a:b", "a?b", "a#b"]
        {
            assert_eq!(Id::new(text), None, "{text:?}");
        }
        assert!(Id::new(&"a".repeat(512)).is_some());
        assert_eq!(Id::new(&"a".repeat(513)), None);
    }

    #[test]
    fn only_a_uuid_reads_as_a_uuid() {
        let uuid = Id::new("C0BFD694-3075-4ec5-9a3c-733d3a890a1f").unwrap().as_uuid().unwrap();
        assert_eq!(uuid.to_string(), "c0bfd694-3075-4ec5-9a3c-733d3a890a1f");
        for text in [
            "{CustomerId}",
            "c0bfd694",
            "c0bfd694-3075-4ec5-9a3c-733d3a890a1f-c0bfd694-3075-4ec5-9a3c-733d3a890a1f",
        ] {
            assert_eq!(Id::new(text).unwrap().as_uuid(), None);
        }
    }
}
