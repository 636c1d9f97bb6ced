//! The decoded signature.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use base64::{DecodeError, DecodeSliceError};

use super::error::EnvelopeError;
use super::header::BASE64_LENGTHS;

/// A signature of at most 1024 bytes. One of an RSA key of 2048 bits, as Microsoft uses, is held in place, without an allocation.
/// Longer ones are allocated, so that an envelope is cheap to move.
#[derive(Clone)]
#[expect(
    clippy::large_enum_variant,
    reason = "the large one is the common one, and allocates nothing"
)]
pub(super) enum Signature {
    Short { bytes: [u8; Self::SHORT], length: usize },
    Long(Box<[u8]>),
}

impl Signature {
    /// The length of a signature by an RSA key of 8192 bits.
    const MAX: usize = 1024;
    /// The base64 of 256 bytes has room for two bytes more.
    const SHORT: usize = 256 + 2;

    pub(super) fn decode(header: &'static str, base64: &[u8]) -> Result<Self, EnvelopeError> {
        let wrong_length = EnvelopeError::SignatureLength { header, found: base64.len() };
        if !BASE64_LENGTHS.contains(&base64.len()) {
            return Err(wrong_length);
        }
        let decode = |bytes: &mut [u8]| {
            STANDARD.decode_slice(base64, bytes).map_err(|error| malformed(header, error))
        };
        if base64.len() == *BASE64_LENGTHS.start() {
            let mut bytes = [0; Self::SHORT];
            let length = decode(&mut bytes)?;
            return Ok(Self::Short { bytes, length });
        }
        let mut bytes = vec![0; Self::MAX + 2];
        let length = decode(&mut bytes)?;
        if length > Self::MAX {
            return Err(wrong_length);
        }
        bytes.truncate(length);
        Ok(Self::Long(bytes.into()))
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Short { bytes, length } => bytes.get(..*length).unwrap_or_default(),
            Self::Long(bytes) => bytes,
        }
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({} bytes)", self.as_bytes().len())
    }
}

/// The fault of base64 that `error` describes.
fn malformed(header: &'static str, error: DecodeSliceError) -> EnvelopeError {
    let problem = match error {
        DecodeSliceError::DecodeError(DecodeError::InvalidByte(offset, found)) => {
            return EnvelopeError::Base64Character { header, offset, found };
        }
        DecodeSliceError::DecodeError(DecodeError::InvalidLastSymbol { .. }) => {
            "its last character has spare bits that are not zero"
        }
        DecodeSliceError::DecodeError(DecodeError::InvalidPadding) => "its padding is wrong",
        _ => "it is cut short",
    };
    EnvelopeError::Base64Form { header, problem }
}
