//! Where the values of options come from: the command line, then variables, then files.
//!
//! One rule derives both names from the flag. `--signer-name` is the variable `PARTNER_CENTER_SIGNER_NAME`, and in a file the key
//! that gives the flag when its tables are joined with `-`: `name` in `[signer]`, or `signer-name` at the top.

pub(crate) mod file;
pub(crate) mod names;
pub(crate) mod resolve;
