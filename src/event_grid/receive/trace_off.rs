//! Stands in for `trace` where feature `tracing` is off: nothing is logged, and nothing is compiled.

use std::fmt::Display;

pub(super) fn refused(_: u16, _: &dyn Display) {}

pub(super) fn refused_until_repair(_: u16, _: &dyn Display) {}

pub(super) fn accepted(_: usize, _: usize, _: &dyn Display) {}

pub(super) fn unrecognized(_: usize, _: &dyn Display, _: &dyn Display) {}

pub(super) fn token_not_needed(_: &dyn Display) {}

pub(super) fn notice(_: &'static str, _: &dyn Display) {}

pub(super) fn keys_not_renewed(_: &dyn Display) {}
