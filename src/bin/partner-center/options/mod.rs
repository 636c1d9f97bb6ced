//! Groups of options. A command has all options of a group or none.

pub(crate) mod account;
pub(crate) mod files;
pub(crate) mod place;
pub(crate) mod trust;
