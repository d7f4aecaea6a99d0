//! The directory: one log at a time, and a file that is whole before it has its name.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use super::OpenError;
use super::file::{File as Store, Opener};

/// The name of the file.
pub(super) const FILE: &str = "hub.redb";

/// Opens or makes a file.
pub(super) fn opener(path: PathBuf) -> Opener {
    Box::new(move || {
        let mut builder = redb::Builder::new();
        builder.set_cache_size(8 << 20).create(&path)
    })
}

/// Makes what is not there yet, and keeps other logs out for as long as the result lives.
pub(super) fn prepare(dir: &Path) -> Result<File, OpenError> {
    let failed = |error: std::io::Error| OpenError::Unavailable(dir.to_owned(), error.into());
    std::fs::create_dir_all(dir).map_err(failed)?;
    let lock = File::create(dir.join("lock")).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(OpenError::InUse(dir.to_owned())),
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    let path = dir.join(FILE);
    if path.try_exists().map_err(failed)? {
        return Ok(lock);
    }
    // A power cut while redb makes a file leaves one that it refuses.
    let new = dir.join("hub.redb.new");
    if new.try_exists().map_err(failed)? {
        std::fs::remove_file(&new).map_err(failed)?;
    }
    // Empty as yet: it begins when it is opened by its name.
    let file = Store::new(opener(new.clone()));
    file.with(|_| Ok(())).map_err(|why| why.told(dir))?;
    file.close();
    let sync = |path: &Path| File::open(path)?.sync_all();
    sync(&new).map_err(failed)?;
    std::fs::rename(&new, &path).map_err(failed)?;
    sync(dir).map_err(failed)?;
    Ok(lock)
}
