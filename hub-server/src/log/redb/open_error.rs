//! [`OpenError`]: why a [`RedbLog`](super::RedbLog) can't be opened.

use std::path::PathBuf;

/// Why a [`RedbLog`](super::RedbLog) can't be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process, or this one, has the directory open.
    #[error("{} is in use: one server at a time can keep its messages there", .0.display())]
    InUse(PathBuf),
    /// The directory can't be made, or the file in it can't be read or written.
    #[error("{} can't be opened", .0.display())]
    Unavailable(PathBuf, #[source] Box<dyn std::error::Error + Send + Sync>),
    /// The file was written by another version, in a form that this one does not read.
    #[error("{} was written by another version (form {form}); move it away to begin anew", path.display())]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// The form that it has.
        form: u64,
    },
    /// The file is damaged beyond single entries.
    #[error("{} is damaged: {what}; move it away to begin anew without what is queued there", path.display())]
    Damaged {
        /// The directory.
        path: PathBuf,
        /// Where in the file.
        what: &'static str,
    },
}
