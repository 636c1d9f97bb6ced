//! Access tokens, and the credentials behind them.

mod credentials;
mod entra;
