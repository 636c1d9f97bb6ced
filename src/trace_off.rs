//! Stands in for `trace` where feature `tracing` is off: nothing is logged, and nothing is compiled.

use std::fmt::Display;

use crate::error::Error;
use crate::signature::VerifiedBody;

pub(crate) fn accepted<B>(_: &VerifiedBody<B>, _: Option<&dyn Display>) {}

pub(crate) fn refused(_: &Error) {}
