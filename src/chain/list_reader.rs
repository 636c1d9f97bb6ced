//! The structure of a revocation list (RFC 5280, 5.1 to 5.3).
//!
//! A list is accepted as a whole or not at all. So it is refused if anything unknown may change its meaning: a delta, an
//! indirect list, a list for some reasons only, an unknown critical extension, and anything malformed.

use std::ops::Range;

use rustls_pki_types::UnixTime;

use super::der::{
    BIT_STRING, ENUMERATED, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, Reader, SEQUENCE,
};

/// A parsed list. Ranges are places in its DER.
#[derive(Debug)]
pub(super) struct ParsedList {
    /// The signed part.
    pub(super) signed: Range<usize>,
    pub(super) signature: Range<usize>,
    /// The contents of the issuer's name.
    pub(super) issuer: Range<usize>,
    pub(super) this_update: UnixTime,
    pub(super) next_update: UnixTime,
    /// The serial numbers, in the order of the list.
    pub(super) serials: Vec<Range<usize>>,
    pub(super) part: Option<Part>,
}

/// The scope of a partial list (issuing distribution point).
#[derive(Clone, Debug)]
pub(super) struct Part {
    /// The URIs of the list, which certificates name too. `None` if the list is the only one of its kind.
    pub(super) uris: Option<Vec<Box<str>>>,
    pub(super) only_authorities: bool,
    pub(super) only_end_entities: bool,
}

/// Why a list is refused.
type Problem = &'static str;

/// Reads a list in DER.
///
/// The error is a few words for [`ParseError::RevocationList`](super::parse_error::ParseError::RevocationList), such as `its version is
/// not 2`.
pub(super) fn read_list(der: &[u8]) -> Result<ParsedList, Problem> {
    let mut outside = Reader::new(der);
    let mut list = outside.read_long(SEQUENCE).ok_or("it is not a DER sequence")?;
    is_read(&outside, "bytes follow the list")?;
    let start = list.range().start;
    let contents = list.read_long(SEQUENCE).ok_or("its signed part is malformed")?;
    let signed = start..list.range().start;
    let algorithm = list.read(SEQUENCE).ok_or("its signatureAlgorithm is malformed")?;
    let signature =
        list.read(BIT_STRING).and_then(whole_bytes).ok_or("its signature is malformed")?;
    is_read(&list, "bytes follow its signature")?;
    read_contents(contents, algorithm.bytes(), signed, signature.range())
}

/// `algorithm` is the one outside the signed part: both must be the same (5.1.1.2).
fn read_contents(
    mut contents: Reader<'_>,
    algorithm: &[u8],
    signed: Range<usize>,
    signature: Range<usize>,
) -> Result<ParsedList, Problem> {
    let version = contents.read(INTEGER);
    if version.is_none_or(|version| version.bytes() != [1]) {
        return Err("its version is not 2");
    }
    let inner = contents.read(SEQUENCE);
    if inner.is_none_or(|inner| inner.bytes() != algorithm) {
        return Err("it names two different signature algorithms");
    }
    let issuer = contents.read(SEQUENCE).ok_or("its issuer is malformed")?;
    if issuer.is_empty() {
        return Err("it has no issuer");
    }
    let this_update = contents.read_time().ok_or("its thisUpdate is malformed")?;
    let next_update = contents.read_time().ok_or("its nextUpdate is missing or malformed")?;
    let mut serials = Vec::new();
    if contents.next_is(SEQUENCE) {
        let mut entries = contents.read_long(SEQUENCE).ok_or("its entries are malformed")?;
        while !entries.is_empty() {
            serials.push(read_entry(&mut entries)?);
        }
    }
    let part = contents
        .read(EXPLICIT_0)
        .ok_or("its extensions are missing or malformed")
        .and_then(read_extensions)?;
    is_read(&contents, "bytes follow its extensions")?;
    Ok(ParsedList {
        signed,
        signature,
        issuer: issuer.range(),
        this_update,
        next_update,
        serials,
        part,
    })
}

/// Reads an entry, and returns the place of its serial number.
///
/// Dates and reasons are only checked for their form: a certificate on the list is revoked, whatever the date and the reason.
fn read_entry(entries: &mut Reader<'_>) -> Result<Range<usize>, Problem> {
    let malformed = "an entry is malformed";
    let mut entry = entries.read(SEQUENCE).ok_or(malformed)?;
    let serial = entry.read(INTEGER).ok_or(malformed)?;
    if serial.is_empty() {
        return Err(malformed);
    }
    entry.read_time().ok_or(malformed)?;
    if !entry.is_empty() {
        let mut extensions = entry.read(SEQUENCE).ok_or(malformed)?;
        let mut seen = Vec::new();
        while !extensions.is_empty() {
            let extension = Extension::read(&mut extensions, &mut seen)?;
            match extension.id {
                REASON_CODE => {
                    let mut value = extension.value;
                    let reason = value.read(ENUMERATED).ok_or(malformed)?;
                    is_read(&value, malformed)?;
                    // 7 is unused (section 5.3.1).
                    if !matches!(reason.bytes(), [0..=6 | 8..=10]) {
                        return Err(malformed);
                    }
                }
                INVALIDITY_DATE => {
                    let mut value = extension.value;
                    value.read_time().ok_or(malformed)?;
                    is_read(&value, malformed)?;
                }
                CERTIFICATE_ISSUER => return Err("an entry belongs to another issuer"),
                _ => extension.is_ignorable()?,
            }
        }
    }
    is_read(&entry, malformed)?;
    Ok(serial.range())
}

/// At least one is required: lists of version 2 have a number and a key identifier (5.2).
fn read_extensions(mut tagged: Reader<'_>) -> Result<Option<Part>, Problem> {
    let malformed = "its extensions are malformed";
    let mut extensions = tagged.read(SEQUENCE).ok_or(malformed)?;
    is_read(&tagged, malformed)?;
    if extensions.is_empty() {
        return Err(malformed);
    }
    let mut seen = Vec::new();
    let mut part = None;
    while !extensions.is_empty() {
        let mut extension = Extension::read(&mut extensions, &mut seen)?;
        match extension.id {
            NUMBER => {
                let number = extension.value.read(INTEGER);
                is_read(&extension.value, malformed)?;
                if !number.is_some_and(|number| is_list_number(number.bytes())) {
                    return Err("its number is malformed");
                }
            }
            DELTA_INDICATOR => return Err("it is a delta, which lists only changes"),
            ISSUING_DISTRIBUTION_POINT => part = Some(read_part(extension.value)?),
            // The signature is tried with the key of each issuer anyway.
            AUTHORITY_KEY_IDENTIFIER => {}
            _ => extension.is_ignorable()?,
        }
    }
    Ok(part)
}

/// An issuing distribution point (5.2.5).
fn read_part(mut value: Reader<'_>) -> Result<Part, Problem> {
    let malformed = "its issuing distribution point is malformed";
    let mut point = value.read(SEQUENCE).ok_or(malformed)?;
    is_read(&value, malformed)?;
    let mut part = Part { uris: None, only_authorities: false, only_end_entities: false };
    let mut before = None;
    while !point.is_empty() {
        let (tag, contents) = point.read_any().ok_or(malformed)?;
        let number = tag & 0x1f;
        if before.is_some_and(|before| before >= number) {
            return Err(malformed);
        }
        before = Some(number);
        let flag = || contents.flag().ok_or(malformed);
        match tag {
            0xa0 => part.uris = Some(read_full_name(contents)?),
            0x81 => part.only_end_entities = flag()?,
            0x82 => part.only_authorities = flag()?,
            0x83 => return Err("it covers only some revocation reasons"),
            0x84 if flag()? => return Err("it is indirect"),
            0x85 if flag()? => return Err("it covers attribute certificates"),
            0x84 | 0x85 => {}
            _ => return Err(malformed),
        }
    }
    Ok(part)
}

/// The URIs of a distribution point's full name; other kinds of names never match.
///
/// Kinds of names that do not exist are malformed.
fn read_full_name(mut point: Reader<'_>) -> Result<Vec<Box<str>>, Problem> {
    let malformed = "the name of its distribution point is malformed";
    let (tag, mut names) = point.read_any().ok_or(malformed)?;
    is_read(&point, malformed)?;
    if tag != FULL_NAME {
        return Err("its distribution point is named relative to its issuer");
    }
    let mut uris = Vec::new();
    while !names.is_empty() {
        let (tag, name) = names.read_any().ok_or(malformed)?;
        match tag {
            URI => {
                let uri = str::from_utf8(name.bytes()).ok().filter(|uri| uri.is_ascii());
                uris.push(uri.ok_or(malformed)?.into());
            }
            0xa0 | 0x81..=0x82 | 0xa3..=0xa5 | 0x87..=0x88 => {}
            _ => return Err(malformed),
        }
    }
    Ok(uris)
}

/// An extension of a list or of an entry (RFC 5280, section 4.2).
struct Extension<'d> {
    id: &'d [u8],
    is_critical: bool,
    value: Reader<'d>,
}

impl<'d> Extension<'d> {
    /// Reads the next extension; its kind must not be in `seen`.
    fn read(extensions: &mut Reader<'d>, seen: &mut Vec<&'d [u8]>) -> Result<Self, Problem> {
        let read = |extensions: &mut Reader<'d>| {
            let mut extension = extensions.read(SEQUENCE)?;
            let found = Self {
                id: extension.read(OBJECT_IDENTIFIER)?.bytes(),
                is_critical: extension.read_flag()?,
                value: extension.read(OCTET_STRING)?,
            };
            (extension.is_empty() && !found.id.is_empty()).then_some(found)
        };
        let found = read(extensions).ok_or("an extension is malformed")?;
        if seen.contains(&found.id) {
            return Err("an extension occurs twice");
        }
        seen.push(found.id);
        Ok(found)
    }

    /// An unknown extension may change the meaning of the list only if it is critical (5.2).
    fn is_ignorable(&self) -> Result<(), Problem> {
        match self.is_critical {
            true => Err("a critical extension is unknown"),
            false => Ok(()),
        }
    }
}

/// The bits of a bit string, if they are whole bytes.
fn whole_bytes(mut bits: Reader<'_>) -> Option<Reader<'_>> {
    let unused = bits.byte()?;
    (unused == 0).then_some(bits)
}

/// Whether `bytes` are a non-negative DER integer of at most 20 bytes (section 5.2.3).
fn is_list_number(bytes: &[u8]) -> bool {
    match bytes {
        [0] => true,
        [0, rest @ ..] => rest.len() <= 20 && rest.first().is_some_and(|first| *first >= 0x80),
        [first, ..] => *first < 0x80 && bytes.len() <= 20,
        [] => false,
    }
}

/// Bytes after a value are hidden from other parsers, so they are refused.
fn is_read(reader: &Reader<'_>, problem: Problem) -> Result<(), Problem> {
    match reader.is_empty() {
        true => Ok(()),
        false => Err(problem),
    }
}

/// The tag of the extensions of a list.
const EXPLICIT_0: u8 = 0xa0;
/// The tag of a full name within a distribution point.
const FULL_NAME: u8 = 0xa0;
/// The tag of a URI among general names.
const URI: u8 = 0x86;
// Object identifiers under 2.5.29.
const NUMBER: &[u8] = &[0x55, 0x1d, 20];
const REASON_CODE: &[u8] = &[0x55, 0x1d, 21];
const INVALIDITY_DATE: &[u8] = &[0x55, 0x1d, 24];
const DELTA_INDICATOR: &[u8] = &[0x55, 0x1d, 27];
const ISSUING_DISTRIBUTION_POINT: &[u8] = &[0x55, 0x1d, 28];
const CERTIFICATE_ISSUER: &[u8] = &[0x55, 0x1d, 29];
const AUTHORITY_KEY_IDENTIFIER: &[u8] = &[0x55, 0x1d, 35];
