//! Stands in for `trace` where feature `tracing` is off: nothing is logged, and nothing is compiled.

use std::fmt::Display;

pub(crate) fn accepted(_: &dyn Display, _: &dyn Display, _: Option<&dyn Display>) {}

pub(crate) fn refused(
    _: &'static str,
    _: u16,
    _: &'static str,
    _: Option<&dyn Display>,
    _: &dyn Display,
) {
}

pub(crate) fn refused_until_repair(
    _: &'static str,
    _: u16,
    _: &'static str,
    _: Option<&dyn Display>,
    _: &dyn Display,
) {
}

pub(crate) fn attempt(_: &'static str, _: &dyn Display) {}

pub(crate) fn attempt_stale(_: &'static str, _: &dyn Display) {}

pub(crate) fn guard_failed(_: &'static str, _: &dyn Display, _: &dyn Display) {}

pub(crate) fn authority_failed(_: &dyn Display) {}

pub(crate) fn revocation_unknown(_: &dyn Display) {}

pub(crate) fn ends_soon(_: &dyn Display, _: u64) {}

pub(crate) fn not_renewed(_: &dyn Display) {}

#[cfg(feature = "actix-web")]
pub(crate) fn misconfigured(_: &dyn Display) {}
