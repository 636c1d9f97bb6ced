//! Text from outside, escaped and cut for error messages and logs.

use std::fmt;

use crate::mask;

/// Text from outside, escaped and cut to [`Excerpt::LIMIT`] or [`Excerpt::LONG_LIMIT`] bytes.
///
/// The sender chooses header values, URLs and certificate names. An excerpt is long enough to recognize the text, and can
/// neither forge a log line nor fill a disk: everything except printable ASCII is escaped as `\n`, `\x7f` and so on, and
/// cut text ends with its original length.
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
    /// The maximum number of bytes: enough for any genuine certificate URL, and for the first names of a certificate.
    pub const LIMIT: usize = 120;

    /// The maximum number of bytes of [`Excerpt::long`]: Microsoft's limit for the description of an error.
    pub const LONG_LIMIT: usize = 1024;

    /// Keeps the first [`Excerpt::LIMIT`] bytes of `text`.
    pub fn of(text: impl AsRef<[u8]>) -> Self {
        Self::limited(text.as_ref(), Self::LIMIT)
    }

    /// Keeps the first [`Excerpt::LONG_LIMIT`] bytes: for messages of a called service, not of a stranger.
    pub fn long(text: impl AsRef<[u8]>) -> Self {
        Self::limited(text.as_ref(), Self::LONG_LIMIT)
    }

    /// Keeps the beginning of a URL, and masks its user, its fragment and the values of its query, because they may be
    /// secrets. The names of the query's parameters stay.
    ///
    /// ```
    /// use partner_center_webhooks::Excerpt;
    ///
    /// let url = Excerpt::of_url("https://contoso.example/hook?code=s3cret&v=1");
    /// assert_eq!(url.to_string(), "https://contoso.example/hook?code=...&v=...");
    /// ```
    pub fn of_url(url: impl AsRef<[u8]>) -> Self {
        let url = url.as_ref();
        // Most URLs have nothing to mask, and strangers can send any number of them.
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

    /// The length of the original, in bytes.
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
