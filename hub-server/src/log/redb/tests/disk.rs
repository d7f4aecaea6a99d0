//! A disk that loses its power, fills up, or forgets bits.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use redb::StorageBackend;

/// What a file has, and what of it is on the disk for sure.
#[derive(Debug, Clone)]
pub(super) struct Disk(Arc<Mutex<Platter>>);

#[derive(Debug, Default, Clone)]
struct Platter {
    seen: Vec<u8>,
    synced: Vec<u8>,
    unsynced: Vec<Write>,
    /// So many writes and syncs until the power goes.
    left: Option<u64>,
    off: bool,
    full: bool,
    /// Syncs fail by chance, and what was written stays to be seen.
    flaky: Option<u64>,
    /// The sync after so many more fails in the same way.
    fails: Option<u64>,
    syncs: u64,
    open: bool,
}

#[derive(Debug, Clone)]
enum Write {
    At(usize, Vec<u8>),
    Len(usize),
}

/// Chance that comes out the same for the same seed (SplitMix64).
pub(super) struct Chance(pub(super) u64);

impl Chance {
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % bound.max(1)
    }
}

/// What the hardware writes at once.
const SECTOR: usize = 512;

impl Disk {
    pub(super) fn new() -> Self {
        Self(Arc::default())
    }

    fn of(bytes: Vec<u8>) -> Self {
        let disk = Self::new();
        let mut platter = disk.lock();
        platter.synced.clone_from(&bytes);
        platter.seen = bytes;
        drop(platter);
        disk
    }

    fn lock(&self) -> MutexGuard<'_, Platter> {
        self.0.lock().unwrap()
    }

    /// The power goes after so many more writes and syncs.
    pub(super) fn cut_after(&self, writes: u64) {
        self.lock().left = Some(writes);
    }

    pub(super) fn is_off(&self) -> bool {
        self.lock().off
    }

    pub(super) fn set_full(&self, full: bool) {
        self.lock().full = full;
    }

    /// Every so many syncs fail from now on, by chance; `None` for none.
    pub(super) fn set_flaky(&self, seed: Option<u64>) {
        self.lock().flaky = seed;
    }

    /// The sync after so many more fails, once.
    pub(super) fn fail_after(&self, syncs: u64) {
        self.lock().fails = Some(syncs);
    }

    pub(super) fn syncs(&self) -> u64 {
        self.lock().syncs
    }

    /// What is there when the power is back: of what was not synced some is lost, some torn, some came too early.
    pub(super) fn after_cut(&self, chance: &mut Chance) -> Self {
        let platter = self.lock();
        let mut bytes = platter.synced.clone();
        let mut writes: Vec<Write> = platter.unsynced.clone();
        if chance.below(2) == 0 {
            for at in (1..writes.len()).rev() {
                writes.swap(at, chance.below(at as u64 + 1) as usize);
            }
        }
        let kept = chance.below(101);
        for write in writes {
            if chance.below(100) >= kept {
                continue;
            }
            match write {
                Write::Len(len) => bytes.resize(len, 0),
                Write::At(at, data) => {
                    let torn = chance.below(4) == 0;
                    for (nth, sector) in data.chunks(SECTOR).enumerate() {
                        let at = at + nth * SECTOR;
                        if torn && chance.below(2) == 0 {
                            continue;
                        }
                        if bytes.len() < at + sector.len() {
                            bytes.resize(at + sector.len(), 0);
                        }
                        bytes[at..at + sector.len()].copy_from_slice(sector);
                    }
                }
            }
        }
        Self::of(bytes)
    }

    /// The same after a clean stop, with something done to its bytes.
    pub(super) fn altered(&self, alter: impl FnOnce(&mut Vec<u8>)) -> Self {
        let mut bytes = self.lock().seen.clone();
        alter(&mut bytes);
        Self::of(bytes)
    }

    pub(super) fn opener(&self) -> super::super::file::Opener {
        let disk = self.clone();
        Box::new(move || {
            let mut platter = disk.lock();
            if std::mem::replace(&mut platter.open, true) {
                return Err(redb::DatabaseError::DatabaseAlreadyOpen);
            }
            drop(platter);
            redb::Builder::new()
                .set_cache_size(1 << 20)
                .create_with_backend(disk.clone())
        })
    }
}

impl Platter {
    fn step(&mut self) -> io::Result<()> {
        if self.left == Some(0) {
            self.off = true;
        }
        if self.off {
            return Err(io::Error::other("the power is off"));
        }
        self.left = self.left.map(|left| left - 1);
        Ok(())
    }

    fn room(&self) -> io::Result<()> {
        if self.full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.lock().seen.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let platter = self.lock();
        if platter.off {
            return Err(io::Error::other("the power is off"));
        }
        let at = usize::try_from(offset).unwrap();
        let found = platter.seen.get(at..at + out.len());
        out.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut platter = self.lock();
        platter.step()?;
        platter.room()?;
        let len = usize::try_from(len).unwrap();
        platter.seen.resize(len, 0);
        platter.unsynced.push(Write::Len(len));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut platter = self.lock();
        platter.step()?;
        if let Some(seed) = platter.flaky {
            let mut chance = Chance(seed);
            platter.flaky = Some(chance.below(u64::MAX));
            if chance.below(4) == 0 {
                return Err(io::Error::other("a sync failed"));
            }
        }
        if platter.fails == Some(0) {
            platter.fails = None;
            return Err(io::Error::other("a sync failed"));
        }
        platter.fails = platter.fails.map(|left| left - 1);
        platter.syncs += 1;
        platter.synced = platter.seen.clone();
        platter.unsynced.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut platter = self.lock();
        platter.step()?;
        platter.room()?;
        let at = usize::try_from(offset).unwrap();
        if platter.seen.len() < at + data.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        platter.seen[at..at + data.len()].copy_from_slice(data);
        platter.unsynced.push(Write::At(at, data.to_vec()));
        Ok(())
    }

    fn close(&self) -> io::Result<()> {
        self.lock().open = false;
        Ok(())
    }
}
