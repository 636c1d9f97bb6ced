//! One remedy, and its price.

/// One remedy.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Advice {
    /// The action, in words.
    pub action: String,
    /// The command-line option of this crate's tools, if there is one.
    pub flag: Option<String>,
    /// The call on [`ReceiverBuilder`](crate::receiver::ReceiverBuilder), if there is one; it may have several lines.
    pub builder: Option<String>,
    /// What the action weakens; `nothing` if it is safe.
    pub weakens: String,
}

impl Advice {
    pub(super) fn new(action: impl Into<String>, weakens: &str) -> Self {
        Self { action: action.into(), flag: None, builder: None, weakens: weakens.to_owned() }
    }

    pub(super) fn with(self, flag: impl Into<String>, builder: impl Into<String>) -> Self {
        Self { flag: Some(flag.into()), builder: Some(builder.into()), ..self }
    }
}

/// The price of a safe action.
pub(super) const NOTHING: &str = "nothing";
