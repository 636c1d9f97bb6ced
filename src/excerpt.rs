//! Text from outside, made fit for an error message or a log line: escaped and cut.

use std::fmt;

use crate::mask;

/// A piece of foreign text, at most [`Excerpt::LIMIT`] or [`Excerpt::LONG_LIMIT`] bytes of it, escaped.
///
/// Header values, URLs and certificate names are chosen by whoever sent them. An excerpt carries enough of
/// one to recognise it, and can neither forge a log line nor fill a disk: everything but printable ASCII is
/// written as `\n`, `\x7f` and the like, and what was cut is counted.
///
/// # Example
///
/// ```
/// use partner_center_webhooks::Excerpt;
///
/// assert_eq!(Excerpt::of("rsa-sha1").to_string(), "rsa-sha1");
/// assert_eq!(Excerpt::of("a\r\nlevel=error").to_string(), r"a\r\nlevel=error");
///
/// let long = "x".repeat(200);
/// assert_eq!(Excerpt::of(&long).to_string(), format!("{}… (200 bytes)", &long[..Excerpt::LIMIT]));
/// ```
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct Excerpt {
    escaped: Box<str>,
    length: usize,
    limit: usize,
}

impl Excerpt {
    /// How many bytes of the original are kept: enough for any certificate URL that a callback should name
    /// and for the first names of a certificate.
    pub const LIMIT: usize = 120;

    /// How many bytes [`Excerpt::long`] keeps: what Microsoft gives for the description of an error.
    pub const LONG_LIMIT: usize = 1024;

    /// Takes the beginning of `text`.
    pub fn of(text: impl AsRef<[u8]>) -> Self {
        Self::limited(text.as_ref(), Self::LIMIT)
    }

    /// Takes more of it: for the words of a service that was called, rather than of a stranger.
    pub fn long(text: impl AsRef<[u8]>) -> Self {
        Self::limited(text.as_ref(), Self::LONG_LIMIT)
    }

    /// Takes the beginning of a URL without the values of its query, its user and its fragment, which may be secrets: the
    /// names of the query's members stay.
    ///
    /// ```
    /// use partner_center_webhooks::Excerpt;
    ///
    /// let url = Excerpt::of_url("https://contoso.example/hook?code=s3cret&v=1");
    /// assert_eq!(url.to_string(), "https://contoso.example/hook?code=...&v=...");
    /// ```
    pub fn of_url(url: impl AsRef<[u8]>) -> Self {
        let url = url.as_ref();
        // Most have nothing to hide, and strangers choose how many there are.
        match url.iter().any(|byte| b"?@#".contains(byte)) {
            true => Self::of(mask::url(&String::from_utf8_lossy(url)).as_bytes()),
            false => Self::of(url),
        }
    }

    fn limited(bytes: &[u8], limit: usize) -> Self {
        let kept = bytes.get(..limit).unwrap_or(bytes);
        Self {
            escaped: kept.escape_ascii().to_string().into_boxed_str(),
            length: bytes.len(),
            limit,
        }
    }

    /// Length of the original in bytes.
    pub fn original_len(&self) -> usize {
        self.length
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.escaped)?;
        match self.length > self.limit {
            true => write!(f, "… ({} bytes)", self.length),
            false => Ok(()),
        }
    }
}

impl fmt::Debug for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}
