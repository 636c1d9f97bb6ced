//! What both engines share: statements, and functions over one connection. No driver.
//!
//! | file | what it has |
//! |---|---|
//! | `statements` | the text of each statement, in both dialects |
//! | `rows`, `store` | rows become types, and a callback becomes a row |
//! | `settle`, `operations`, `ring`, `guard` | what a call does on one connection, inside a transaction or not |
//! | `engine` | each call over the trait `Engine`, which brings the connections; what an engine keeps in memory |
//! | `settings`, `chains`, `sweeps` | parts of that |
//! | `implement` | the public traits over `engine` |
//!
//! An engine adds how it connects and migrates, how it groups stores, and the transactions of handlers.

pub(super) mod chains;
pub(super) mod engine;
pub(super) mod guard;
#[cfg(any(feature = "inbox-postgres", feature = "inbox-sqlite"))]
pub(super) mod implement;
pub(super) mod operations;
pub(super) mod ring;
pub(super) mod rows;
pub(super) mod settings;
pub(super) mod settle;
pub(super) mod statements;
pub(super) mod store;
pub(super) mod sweeps;

use super::error::InboxError;
use crate::http_client::BoxFuture;
use statements::Statements;

/// One connection, inside or outside of a transaction.
pub(super) trait Session: Send {
    /// Runs one statement, and returns its rows.
    fn run<'a>(
        &'a mut self,
        statement: &'static str,
        values: Vec<Value>,
    ) -> BoxFuture<'a, Result<Vec<Row>, InboxError>>;

    /// The value of `$1`: milliseconds since 1970, or null for the database's clock.
    fn now(&self) -> Value;

    /// The statements in the engine's dialect.
    fn statements(&self) -> &'static Statements;

    /// Locks the resource of a callback until the end of the transaction, if the engine needs that. `$1` is the endpoint, `$2` the
    /// number of the callback.
    fn lock(&self) -> Option<&'static str> {
        None
    }
}

/// A parameter or a column.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Blob(Option<Vec<u8>>),
    Int(Option<i64>),
    Text(Option<String>),
}

impl Value {
    /// A length of time in milliseconds.
    pub(super) fn millis(time: std::time::Duration) -> Self {
        i64::try_from(time.as_millis()).unwrap_or(i64::MAX / 4).min(i64::MAX / 4).into()
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(Some(value))
    }
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        // The engines count in signed numbers, and never as far as this.
        Self::Int(Some(i64::try_from(value).unwrap_or(i64::MAX)))
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Int(Some(value.into()))
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(Some(value.to_owned()))
    }
}

impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Self {
        Self::Blob(Some(value.to_owned()))
    }
}

/// The columns of one row, read from left to right.
#[derive(Debug)]
pub(super) struct Row(std::vec::IntoIter<Value>);

impl Row {
    pub(super) fn new(values: Vec<Value>) -> Self {
        Self(values.into_iter())
    }

    pub(super) fn int(&mut self) -> Result<i64, InboxError> {
        self.maybe_int()?.ok_or_else(|| unexpected("null"))
    }

    pub(super) fn count(&mut self) -> Result<u64, InboxError> {
        u64::try_from(self.int()?).map_err(|_| unexpected("a negative number"))
    }

    pub(super) fn maybe_int(&mut self) -> Result<Option<i64>, InboxError> {
        match self.0.next() {
            Some(Value::Int(value)) => Ok(value),
            // A driver that does not know the type of a null.
            Some(Value::Text(None) | Value::Blob(None)) => Ok(None),
            _ => Err(unexpected("not a number")),
        }
    }

    pub(super) fn text(&mut self) -> Result<String, InboxError> {
        self.maybe_text()?.ok_or_else(|| unexpected("null"))
    }

    pub(super) fn maybe_text(&mut self) -> Result<Option<String>, InboxError> {
        match self.0.next() {
            Some(Value::Text(value)) => Ok(value),
            Some(Value::Int(None) | Value::Blob(None)) => Ok(None),
            _ => Err(unexpected("not text")),
        }
    }

    pub(super) fn blob(&mut self) -> Result<Vec<u8>, InboxError> {
        match self.0.next() {
            Some(Value::Blob(Some(value))) => Ok(value),
            _ => Err(unexpected("not bytes")),
        }
    }

    pub(super) fn blob_of_32(&mut self) -> Result<[u8; 32], InboxError> {
        self.blob()?.try_into().map_err(|_| unexpected("not 32 bytes"))
    }
}

fn unexpected(what: &str) -> InboxError {
    InboxError::damaged(format_args!("a column holds {what}"))
}
