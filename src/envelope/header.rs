//! Names and limits of the signature headers.

/// The default header of the signature: `Signature` and the base64.
pub const AUTHORIZATION_HEADER: &str = "authorization";
/// The header of the signature if the registration set `signatureTokenToMsSignatureHeader`.
pub const SIGNATURE_HEADER: &str = "x-ms-signature";
/// The header of the signing certificate's URL.
pub const CERTIFICATE_URL_HEADER: &str = "x-ms-certificate-url";
/// The header of the algorithm.
pub const ALGORITHM_HEADER: &str = "x-ms-signature-algorithm";

/// Characters of base64 for signatures of 256 bytes (RSA 2048) to 1024 bytes (RSA 8192).
pub(super) const BASE64_LENGTHS: std::ops::RangeInclusive<usize> = 344..=1368;
