//! Reads DER from front to back, strictly: one-byte tags, lengths in their shortest form.

use std::ops::Range;

use rustls_pki_types::UnixTime;
use time::{Date, Month, OffsetDateTime, Time};

pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(super) const ENUMERATED: u8 = 0x0a;
pub(super) const SEQUENCE: u8 = 0x30;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The rest of a value. Methods return `None` if the bytes are malformed or have another type.
///
/// x509-parser accepts more than DER. Lists decide over revocation, so a list in another form than the one that was signed is
/// refused here, before the other parser sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'d> {
    whole: &'d [u8],
    at: usize,
    end: usize,
}

impl<'d> Reader<'d> {
    /// The maximum length of a value other than a whole list and its entries. Longer values are malformed.
    ///
    /// 64 KiB: the longest in Microsoft's lists is a name of about a hundred bytes.
    const MAX_LENGTH: usize = 0xffff;

    /// Reads all of `der`.
    pub(super) fn new(der: &'d [u8]) -> Self {
        Self { whole: der, at: 0, end: der.len() }
    }

    /// The unread bytes.
    pub(super) fn bytes(&self) -> &'d [u8] {
        self.whole.get(self.range()).unwrap_or_default()
    }

    /// The place of the unread bytes within the bytes of the first reader.
    pub(super) fn range(&self) -> Range<usize> {
        self.at..self.end
    }

    /// Whether every byte was read.
    pub(super) fn is_empty(&self) -> bool {
        self.at >= self.end
    }

    /// Whether the next value has this tag. Reads nothing.
    pub(super) fn next_is(&self, tag: u8) -> bool {
        self.bytes().first() == Some(&tag)
    }

    /// The contents of the next value, if it has this tag.
    pub(super) fn read(&mut self, tag: u8) -> Option<Self> {
        self.read_long(tag).filter(|contents| contents.range().len() < Self::MAX_LENGTH)
    }

    /// The same for a value of any length.
    pub(super) fn read_long(&mut self, tag: u8) -> Option<Self> {
        let (found, contents) = self.read_any()?;
        (found == tag).then_some(contents)
    }

    /// The next value's tag and contents.
    pub(super) fn read_any(&mut self) -> Option<(u8, Self)> {
        let tag = self.byte().filter(|tag| tag & 0x1f != 0x1f)?;
        let length = match self.byte()? {
            short @ ..=0x7f => usize::from(short),
            // Indefinite length.
            0x80 => return None,
            0x81 => self.length(1, 0x80)?,
            0x82 => self.length(2, 0x100)?,
            0x83 => self.length(3, 0x1_0000)?,
            0x84 => self.length(4, 0x100_0000)?,
            _ => return None,
        };
        let start = self.at;
        let end = start.checked_add(length).filter(|end| *end <= self.end)?;
        self.at = end;
        let contents = Self { whole: self.whole, at: start, end };
        Some((tag, contents))
    }

    /// A `BOOLEAN DEFAULT FALSE`; an explicit `FALSE` is not DER, but occurs.
    pub(super) fn read_flag(&mut self) -> Option<bool> {
        match self.next_is(BOOLEAN) {
            true => self.read(BOOLEAN)?.flag(),
            false => Some(false),
        }
    }

    /// The contents of a `BOOLEAN`.
    pub(super) fn flag(&self) -> Option<bool> {
        match self.bytes() {
            [0xff] => Some(true),
            [0x00] => Some(false),
            _ => None,
        }
    }

    /// A time in UTC, in seconds (RFC 5280, section 4.1.2.5), from 1970 on.
    pub(super) fn read_time(&mut self) -> Option<UnixTime> {
        let (tag, contents) = self.read_any()?;
        let text = contents.bytes().strip_suffix(b"Z")?;
        let mut pairs = text.chunks(2).map(two_digits);
        let mut next = || pairs.next().flatten();
        let century = match (tag, text.len()) {
            (UTC_TIME, 12) => None,
            (GENERALIZED_TIME, 14) => Some(next()?),
            _ => return None,
        };
        let year = next()?;
        let century = century.unwrap_or(if year >= 50 { 19 } else { 20 });
        let year = i32::from(century).checked_mul(100)? + i32::from(year);
        let date = Date::from_calendar_date(year, Month::try_from(next()?).ok()?, next()?).ok()?;
        let time = Time::from_hms(next()?, next()?, next()?).ok()?;
        let seconds = OffsetDateTime::new_utc(date, time).unix_timestamp();
        let seconds = u64::try_from(seconds).ok()?;
        Some(UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds)))
    }

    /// The next byte, for headers and for the first byte of a bit string.
    pub(super) fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes().first()?;
        self.at = self.at.saturating_add(1);
        Some(byte)
    }

    /// A length of `bytes` bytes, which must be at least `least`, because shorter lengths have a shorter form.
    fn length(&mut self, bytes: usize, least: usize) -> Option<usize> {
        let mut length = 0_usize;
        for _ in 0..bytes {
            length = length.checked_mul(0x100)?.checked_add(usize::from(self.byte()?))?;
        }
        (length >= least).then_some(length)
    }
}

/// The value of two decimal digits.
fn two_digits(pair: &[u8]) -> Option<u8> {
    match pair {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => Some((tens - b'0') * 10 + (ones - b'0')),
        _ => None,
    }
}
