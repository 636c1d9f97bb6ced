//! The test kit itself.

mod emulator;
mod partner_center;
