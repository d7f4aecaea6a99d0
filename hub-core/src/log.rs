//! The one door to everything that outlives a socket write: reconnects, resumes and (later) offline queues are all
//! *entries in a topic log, read after a cursor*.

use std::error::Error;
use std::sync::Arc;

use async_trait::async_trait;

use crate::cursor::{Ack, Body, Cursor, Entry, Epoch, Topic};
use crate::id::ConnectionId;
use crate::lease::Leases;
use crate::slow::WhenFull;
use crate::terms::Terms;

/// What is to be written.
#[derive(Debug, Clone)]
pub struct Append {
    /// Where.
    pub topic: Topic,
    /// Where it is to be found, too, as far as anybody listens there.
    pub also: Box<[Topic]>,
    /// Who does not get it.
    pub except: Arc<[ConnectionId]>,
    /// What.
    pub body: Body,
    /// How a queue keeps it.
    pub terms: Terms,
    /// Where those who receive it are expected to answer.
    pub ack: Option<Ack>,
    /// What becomes of it for those who read slowly. Queues owe everything: there it says nothing.
    pub when_full: WhenFull,
}

impl Append {
    /// For everybody who listens to one topic.
    #[must_use]
    pub fn new(topic: Topic, body: Body) -> Self {
        Self {
            topic,
            also: Box::default(),
            except: Arc::default(),
            body,
            terms: Terms::default(),
            ack: None,
            when_full: WhenFull::Wait,
        }
    }
}

/// What became of an [`Append`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// Its place in the log's total order.
    pub order: u64,
    /// Its place in its topic; 0 if the topic keeps nothing, because nobody listens or has listened lately.
    pub offset: u64,
    /// Whether it had been written before, under the same [`DedupeId`](crate::DedupeId): this is where.
    pub duplicate: bool,
    /// How many leases of clients that are away owe it now.
    pub waiting: u32,
    /// How far the tail comes before all up to this entry has been handed on: to its own order, or, where the tail leaves
    /// it out, to the last entry before it.
    pub tail: u64,
}

impl Receipt {
    /// An entry that was written now, that the tail has or says to have passed, and that nobody waits for.
    #[must_use]
    pub const fn at(order: u64, offset: u64) -> Self {
        Self {
            order,
            offset,
            duplicate: false,
            waiting: 0,
            tail: order,
        }
    }
}

/// How much one [`Log::read`] may return.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    /// The most entries.
    pub entries: usize,
    /// Read nothing beyond this order.
    pub upto: u64,
}

/// What [`Log::read`] found.
#[derive(Debug, Default)]
pub struct Page {
    /// Entries of all topics asked for, in order.
    pub entries: Vec<Arc<Entry>>,
    /// Whether there is more below the limit's order.
    pub more: bool,
    /// Topics in which entries after the cursor are gone.
    pub gaps: Vec<Gap>,
    /// How many entries were left out because their own time was over; that is no gap.
    pub expired: u64,
}

/// Entries that a reader should have seen and can't any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Where; `None` when the whole log is another one than the reader knew.
    pub topic: Option<Topic>,
    /// Why.
    pub why: GapCause,
}

/// Why entries are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum GapCause {
    /// More came than the topic keeps, or than a client that is away may have unread.
    Trimmed,
    /// Nobody listened for so long that the topic was forgotten; whether it held anything is not known any more.
    Expired,
    /// The store has lost entries: its file was damaged.
    Damaged,
    /// All of them were sent with [`WhenFull::DropOldest`].
    Dropped,
    /// The cursor is of another log: a restarted server, or one that lost entries.
    EpochChanged,
}

/// A change of what this node wants to hear of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Interest {
    /// The node's first listener came.
    Listen,
    /// The node's last listener left; the topic is kept for a while.
    Leave,
}

/// What the live tail says.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Notice {
    /// An entry was appended to a topic that this node listens to.
    Appended(Arc<Entry>),
    /// Nothing more up to this order comes. A node that appends where it does not listen waits for this.
    Passed(u64),
}

/// Why a log did not do as asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The store can't be reached; trying again later may help.
    #[error("the log is unavailable")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// A body is larger than the log keeps; nothing was written.
    #[error("a body of {size} bytes is larger than the {limit} that the log keeps")]
    TooLarge {
        /// How large it is.
        size: usize,
        /// How large one may be.
        limit: usize,
    },
    /// A queue that refuses what is new is full; nothing was written.
    #[error("the queue is full: it keeps {limit} and refuses more")]
    Full {
        /// What it keeps at most.
        limit: &'static str,
    },
    /// A lease would be larger than one may be, or one more than there may be; nothing was written.
    #[error("there may be {limit} {what} at most")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there may be.
        limit: usize,
    },
    /// The log was closed.
    #[error("the log is closed")]
    Closed,
    /// Somebody else has taken over.
    #[error("another connection has taken over")]
    Fenced,
}

/// A log of topics. The server appends from anywhere, reads when somebody resumes, and one pump reads the live tail.
///
/// # Contract
/// * `append` is atomic: orders are contiguous within one call and never reused; the notice of an entry comes after
///   every notice of a lower order, and an entry can be read before its notice is out.
/// * `read` returns entries merged by order, only those after the cursor; a reader that asks again with the last order
///   it got misses nothing and gets nothing twice.
/// * What was trimmed or forgotten after the cursor is reported as a gap, never skipped in silence.
/// * Whoever has an `Arc` of it is one node: nodes that share what is stored have a value of their own each, with a tail
///   and interests of its own.
/// * The tail hands out the entries of all topics that the node listens to; those of others it may hand out or leave out.
///   After an `append` of this node it reaches [`Receipt::tail`] of the last entry that was kept, with that entry or with
///   [`Notice::Passed`], and has nothing between that and the entry itself.
/// * A [`Topic::Queue`] keeps its entries whether anybody listens or not: until every lease on it is past them, and for a
///   while in any case, so that who is noticed late to be gone loses nothing.
/// * An entry of a queue whose own time is over ([`Terms::expires_in`]) is left out by `read` and counted in
///   [`Page::expired`], on the page on which it would lie; it is no gap, neither before nor after it is swept. Live topics
///   keep it as any other.
/// * One that was written before under the same [`DedupeId`](crate::DedupeId) on the same hub, whatever the queue, is not
///   written again, also twice in one call: its receipt says where it is and that it is a duplicate, and the tail does not
///   have it once more. Names are remembered for a window of time and so many on a hub, the newest, from the moment of
///   their receipt; what was refused can be tried again under its name.
///
/// # Receipts
/// * What has a receipt is kept as safely as the log keeps anything: for one with a disk, it is on the disk. An `append`
///   that fails may have been written or not where the store can't tell; then nothing of it is in the tail or read until
///   the log is opened again.
/// * [`Receipt::waiting`] counts leases that are let go, not those that are held, which owe the entry as it is written:
///   all on the queue, or those whom [`Terms::only`] means. It is the same for a duplicate, as of now.
/// * [`Terms::only`] is for whoever counts and hands on: `read` returns an entry whoever it is for.
///
/// # Limits
/// * A queue keeps so many entries and bytes; the newest entry stays, however large. Beyond that the log lets go the oldest
///   (a gap of [`GapCause::Trimmed`] for who has not had it), or refuses the whole call with [`LogError::Full`], in which
///   case neither an order nor a name is used up. Which of them is the log's own setting. What is over by its own time goes
///   without a gap, and counts until it has gone.
/// * A body of a queue that is larger than the log keeps is refused, with the whole call, by [`LogError::TooLarge`]; live
///   topics have no such limit.
/// * A live topic keeps so many of its newest entries and bytes, and is forgotten some time after its last listener left.
/// * Where it let go entries, all of which were sent with [`WhenFull::DropOldest`], it may tell so ([`GapCause::Dropped`]). One that
///   was sent with [`WhenFull::Coalesce`] may go without a gap while the topic has a newer one of its key that is for everybody.
///
/// # Pages
/// * [`Page::more`] says whether there is more up to [`Limit::upto`]; the next page begins after the last order of this one.
/// * A page of no entries (`entries: 0`) is a question, not an error: `more` says whether anything is there, `gaps` all that
///   is missing after the cursor, and `expired` counts everything up to `upto`.
/// * A gap is told by every read from before it, once for each topic. A cursor of another epoch, or beyond the end, gives one
///   gap without a topic ([`GapCause::EpochChanged`]) and no entries.
#[async_trait]
pub trait Log: Leases {
    /// The log's epoch: the first half of every cursor.
    fn epoch(&self) -> Epoch;

    /// The last order given out, as far as this node knows.
    fn end(&self) -> u64;

    /// Whether other nodes may read and write what this one does. Nodes that share a log tell each other through it which
    /// of them a connection is at.
    fn is_shared(&self) -> bool;

    /// Writes entries, in this order, all or none.
    ///
    /// # Errors
    /// When the store is unavailable or closed, a body too large, or a queue full that refuses what is new; then no entry
    /// is there for anybody, and the same call may be made again.
    async fn append(&self, entries: Vec<Append>) -> Result<Vec<Receipt>, LogError>;

    /// Reads what `topics` hold after `after`.
    ///
    /// # Errors
    /// When the store is unavailable or closed.
    async fn read(&self, topics: &[Topic], after: Cursor, limit: Limit) -> Result<Page, LogError>;

    /// Says that this node begins or stops to listen to a topic. A topic that any node listens to, or did lately, keeps
    /// its newest entries.
    ///
    /// Gives the order after which the tail has all that is kept of the topic. What lies before may have to be read: it
    /// is 0 where the tail leaves nothing out, and else the end of the log as this node begins to listen.
    fn watch(&self, topic: &Topic, change: Interest) -> u64;

    /// Memory is short, or not any more: as long as it is, live topics keep no more than a tenth of what they would. What
    /// goes is a gap, as ever.
    fn shrink(&self, short: bool) {
        let _ = short;
    }

    /// How many bytes of entries are in memory, about; 0 where nobody counts. The server asks every few seconds, and tells by the change
    /// how much of the memory that its process has is free to be used again.
    fn in_memory(&self) -> usize {
        0
    }

    /// The live tail, in order. Only one task calls this; dropping the future loses nothing.
    ///
    /// # Errors
    /// [`LogError::Closed`] after the log was closed and everything before was handed out.
    async fn next(&self) -> Result<Notice, LogError>;
}
