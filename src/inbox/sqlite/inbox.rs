//! The traits that are alike in both engines.

use super::SqliteInbox;
use crate::inbox::sql::implement::implement;

implement!(SqliteInbox);
