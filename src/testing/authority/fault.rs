//! Errors of the encoder. Users do not see them, because the encoding library is private.

use x509_cert::der;

use crate::testing::error::TestKitError;

/// A failure while a certificate or a list is encoded.
pub(super) enum Fault {
    Encoding(der::Error),
    Kit(TestKitError),
}

impl From<der::Error> for Fault {
    fn from(error: der::Error) -> Self {
        Self::Encoding(error)
    }
}

impl From<TestKitError> for Fault {
    fn from(error: TestKitError) -> Self {
        Self::Kit(error)
    }
}

impl From<Fault> for TestKitError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Encoding(error) => Self::creating("a certificate")(error.into()),
            Fault::Kit(error) => error,
        }
    }
}
