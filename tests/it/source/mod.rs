//! Certificate URLs, and the formats of a served certificate.

mod bundle;
mod location;
