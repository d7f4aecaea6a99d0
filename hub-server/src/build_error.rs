//! [`BuildError`]: what is wrong with the settings of a server.

/// Why a server can't be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A setting is out of its range; the text is the original's.
    #[error("{0}")]
    Setting(&'static str),
    /// Two hubs have the same name, ignoring case.
    #[error(
        "Two Hubs must not share the same name: '{0}'. Give one of them another with #[hub(name = \"..\")]."
    )]
    SharedName(&'static str),
    /// A hub's name is empty or has a dot, which separates hub and group in names of topics.
    #[error("The hub name '{0}' is invalid.")]
    InvalidName(&'static str),
    /// Presence was asked for on a hub that is not served.
    #[error("presence was asked for on the hub '{0}', which there is not")]
    UnknownHub(String),
    /// The path does not begin with a slash.
    #[error("the path '{0}' does not begin with '/'")]
    Path(String),
    /// The directory of the server's log can't be opened.
    #[cfg(feature = "redb")]
    #[error(transparent)]
    Log(#[from] crate::log::OpenError),
    /// The system gave no random bytes for a key.
    #[error("the system has no random numbers for a key; give one with `key`")]
    NoRandomness,
}
