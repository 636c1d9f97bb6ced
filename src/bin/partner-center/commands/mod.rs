//! What the program does, one file or folder per command.

pub(crate) mod config;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod documents;
pub(crate) mod emulate;
pub(crate) mod event_grid;
pub(crate) mod health;
pub(crate) mod receive;
pub(crate) mod register;
pub(crate) mod signature;
pub(crate) mod verify;
