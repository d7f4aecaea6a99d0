//! [`Write`]: a transaction of the file, from its first row until it is on the disk.

use redb::{Database, Durability, WriteTransaction};

use super::bytes::Row;
use super::file::{ABOUT, BOUND, Changes, ENTRIES, LEASES, NAMES, QUEUES};
use super::rows::{
    BOUND_PLACE, LEASES_PLACE, NAMES_PLACE, about_row, lease_key, lease_row, name_key, name_row,
    queue_row,
};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// So many rows that nobody needs any more are taken away by one transaction; the rest waits for the next ones.
const MAX_CLEARED: usize = 4_096;

/// Rows of entries, by queue and order.
pub(super) type Rows = Vec<(u32, u64, Vec<u8>)>;

/// One that goes on until it is committed; dropped, it never was.
pub(super) struct Write(WriteTransaction);

impl Write {
    /// Begins with taking away entries that must not be there.
    pub(super) fn begin(open: &Database, doomed: &[(u32, u64)]) -> Result<Self, Error> {
        let mut transaction = open.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        if !doomed.is_empty() {
            let mut entries = transaction.open_table(ENTRIES)?;
            for place in doomed {
                entries.remove(place)?;
            }
        }
        Ok(Self(transaction))
    }

    pub(super) fn put(&self, rows: &Rows) -> Result<(), Error> {
        let mut entries = self.0.open_table(ENTRIES)?;
        for (number, order, row) in rows {
            entries.insert((*number, *order), row.as_slice())?;
        }
        Ok(())
    }

    /// Writes the rest, and is sure that all is on the disk. Gives what is still to be cleared.
    pub(super) fn commit(self, changes: &Changes) -> Result<Vec<(u32, u64)>, Error> {
        let Self(transaction) = self;
        let mut left = Vec::new();
        if !changes.gone.is_empty() {
            let mut entries = transaction.open_table(ENTRIES)?;
            let mut room = MAX_CLEARED;
            for (number, upto) in &changes.gone {
                let range = (*number, 0)..=(*number, *upto);
                for cleared in entries.extract_from_if(range, |_, _| true)?.take(room) {
                    cleared?;
                    room -= 1;
                }
                if room == 0 {
                    left.push((*number, *upto));
                }
            }
        }
        if !changes.queues.is_empty() {
            let mut queues = transaction.open_table(QUEUES)?;
            for (number, topic, queue) in &changes.queues {
                match queue {
                    Some(queue) => {
                        queues.insert(number, queue_row(*number, topic, *queue).as_slice())?
                    }
                    None => queues.remove(number)?,
                };
            }
        }
        if !changes.leases.is_empty() {
            let mut leases = transaction.open_table(LEASES)?;
            for (key, lease) in &changes.leases {
                let (key, row) = (lease_key(key), lease.as_ref().map(lease_row));
                put(&mut leases, LEASES_PLACE, &key, row)?;
            }
        }
        if !changes.bound.is_empty() {
            let mut bound = transaction.open_table(BOUND)?;
            for (owner, user) in &changes.bound {
                let row = user.as_ref().map(|(number, user)| {
                    let mut row = Row::default();
                    row.number(*number);
                    row.text(user);
                    row
                });
                put(&mut bound, BOUND_PLACE, owner.as_str().as_bytes(), row)?;
            }
        }
        if !changes.names.is_empty() {
            let mut names = transaction.open_table(NAMES)?;
            for (hub, id, name) in &changes.names {
                put(
                    &mut names,
                    NAMES_PLACE,
                    &name_key(hub, id),
                    name.map(name_row),
                )?;
            }
        }
        if let Some(about) = &changes.about {
            let mut table = transaction.open_table(ABOUT)?;
            table.insert(0, about_row(about).as_slice())?;
        }
        transaction.commit()?;
        Ok(left)
    }
}

/// Writes a row whose seal has its key in it, or takes it away.
fn put(
    table: &mut redb::Table<'_, &'static [u8], &'static [u8]>,
    place: u64,
    key: &[u8],
    row: Option<Row>,
) -> Result<(), Error> {
    let Some(fields) = row else {
        table.remove(key)?;
        return Ok(());
    };
    let mut row = Row::default();
    row.bytes(key);
    row.bytes(&fields);
    table.insert(key, row.seal(&[place]).as_slice())?;
    Ok(())
}
