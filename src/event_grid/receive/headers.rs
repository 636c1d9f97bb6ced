//! The headers of a request, whatever framework they come from.
//!
//! actix-web has its own `HeaderMap`, from another release of `http`. All that the checks need is pairs of a name and a value.

/// Headers by name, borrowed. A framework's map is not copied into another: only the references are.
pub(super) struct Headers<'h>(Vec<(&'h str, &'h [u8])>);

impl<'h> Headers<'h> {
    pub(super) fn new<N, V>(headers: impl IntoIterator<Item = (&'h N, &'h V)>) -> Self
    where
        N: AsRef<str> + ?Sized + 'h,
        V: AsRef<[u8]> + ?Sized + 'h,
    {
        Self(headers.into_iter().map(|(name, value)| (name.as_ref(), value.as_ref())).collect())
    }

    /// The values of the header `name`, in the order of the request.
    pub(super) fn all(&self, name: &str) -> Vec<&'h [u8]> {
        let named = self.0.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        named.map(|(_, value)| *value).collect()
    }

    /// The first value of the header `name`.
    pub(super) fn first(&self, name: &str) -> Option<&'h [u8]> {
        self.0.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }

    /// The first value of the header `name`, if it is visible ASCII, spaces and tabs: anything else is not from Event Grid.
    pub(super) fn text(&self, name: &str) -> Option<&'h str> {
        self.first(name).and_then(visible)
    }
}

/// The value as text, if it is visible ASCII, spaces and tabs: the rule of `HeaderValue::to_str`.
pub(super) fn visible(value: &[u8]) -> Option<&str> {
    let is_visible = |byte: &u8| matches!(byte, b'\t' | b' '..=b'~');
    str::from_utf8(value).ok().filter(|_| value.iter().all(is_visible))
}
