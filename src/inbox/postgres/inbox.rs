//! The traits that are alike in both engines.

use super::PostgresInbox;
use crate::inbox::sql::implement::implement;

implement!(PostgresInbox);
