//! Executors, and what tests see of them.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use hub_core::scheduler::{KeyedScheduler, Priority, SchedulerBuilder, Spawn, Task, Ticket};

/// Runs tasks in turn, when it is told to.
#[derive(Clone, Default)]
pub(crate) struct ByHand {
    ready: Arc<Mutex<VecDeque<Arc<Spawned>>>>,
    pub(crate) spawned: Arc<AtomicUsize>,
}

pub(crate) struct Spawned {
    task: Mutex<Option<Task>>,
    queued: AtomicBool,
    ready: Arc<Mutex<VecDeque<Arc<Self>>>>,
}

impl Wake for Spawned {
    fn wake(self: Arc<Self>) {
        if !self.queued.swap(true, Ordering::SeqCst) {
            self.ready.lock().unwrap().push_back(self.clone());
        }
    }
}

impl Spawn for ByHand {
    fn spawn(&self, task: Task) -> Result<(), Task> {
        self.spawned.fetch_add(1, Ordering::SeqCst);
        let spawned = Arc::new(Spawned {
            task: Mutex::new(Some(task)),
            queued: AtomicBool::new(false),
            ready: self.ready.clone(),
        });
        spawned.wake();
        Ok(())
    }
}

impl ByHand {
    /// Polls the first task that is ready; gives whether there was one.
    pub(crate) fn turn(&self) -> bool {
        let Some(next) = self.ready.lock().unwrap().pop_front() else {
            return false;
        };
        next.queued.store(false, Ordering::SeqCst);
        let mut task = next.task.lock().unwrap();
        let waker = Waker::from(next.clone());
        if let Some(running) = task.as_mut()
            && pin!(running)
                .poll(&mut Context::from_waker(&waker))
                .is_ready()
        {
            *task = None;
        }
        true
    }

    /// Polls tasks until none is ready.
    pub(crate) fn run(&self) {
        while self.turn() {}
    }

    /// Drops the tasks that are ready.
    pub(crate) fn clear(&self) {
        let ready = std::mem::take(&mut *self.ready.lock().unwrap());
        for spawned in ready {
            let task = spawned.task.lock().unwrap().take();
            drop(task);
        }
    }
}

/// A few threads that run whatever is ready.
#[derive(Clone)]
pub(crate) struct Pool(Sender<Arc<Pooled>>);

struct Pooled {
    task: Mutex<Option<Task>>,
    queued: AtomicBool,
    pool: Sender<Arc<Self>>,
}

impl Wake for Pooled {
    fn wake(self: Arc<Self>) {
        if !self.queued.swap(true, Ordering::SeqCst) {
            // The threads are gone with the test.
            let _ = self.pool.send(self.clone());
        }
    }
}

impl Pool {
    pub(crate) fn of(threads: usize) -> Self {
        let (sender, receiver) = channel::<Arc<Pooled>>();
        let receiver = Arc::new(Mutex::new(receiver));
        for _ in 0..threads {
            let receiver = receiver.clone();
            thread::spawn(move || {
                loop {
                    let next = receiver.lock().unwrap().recv();
                    let Ok(pooled) = next else { return };
                    pooled.queued.store(false, Ordering::SeqCst);
                    let waker = Waker::from(pooled.clone());
                    let mut task = pooled.task.lock().unwrap();
                    if let Some(running) = task.as_mut()
                        && pin!(running)
                            .poll(&mut Context::from_waker(&waker))
                            .is_ready()
                    {
                        *task = None;
                    }
                }
            });
        }
        Self(sender)
    }
}

impl Spawn for Pool {
    fn spawn(&self, task: Task) -> Result<(), Task> {
        let pooled = Arc::new(Pooled {
            task: Mutex::new(Some(task)),
            queued: AtomicBool::new(false),
            pool: self.0.clone(),
        });
        pooled.wake();
        Ok(())
    }
}

pub(crate) type Keyed = KeyedScheduler<&'static str>;

pub(crate) fn settings() -> SchedulerBuilder {
    KeyedScheduler::builder()
}

pub(crate) fn by_hand() -> (Keyed, ByHand) {
    let executor = ByHand::default();
    (settings().build(executor.clone()), executor)
}

/// Puts a task into the normal lane, where there is room.
pub(crate) fn put<T: Send + 'static>(
    scheduler: &Keyed,
    key: &'static str,
    task: impl Future<Output = T> + Send + 'static,
) -> Ticket<T> {
    scheduler.try_submit(key, Priority::Normal, task).unwrap()
}

/// Polls once.
pub(crate) fn poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// Waits once, for nothing.
pub(crate) async fn yield_now() {
    let mut yielded = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Something that a task waits for until it is opened.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<Mutex<(bool, Vec<Waker>)>>);

impl Gate {
    pub(crate) fn open(&self) {
        let mut gate = self.0.lock().unwrap();
        gate.0 = true;
        let wakers = std::mem::take(&mut gate.1);
        drop(gate);
        wakers.into_iter().for_each(Waker::wake);
    }

    pub(crate) async fn pass(self) {
        std::future::poll_fn(|cx| {
            let mut gate = self.0.lock().unwrap();
            if gate.0 {
                return Poll::Ready(());
            }
            gate.1.push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

/// What happened, in order.
#[derive(Clone, Default)]
pub(crate) struct Diary(Arc<Mutex<Vec<String>>>);

impl Diary {
    pub(crate) fn note(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }

    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// Says when it is dropped.
pub(crate) struct Dropped(pub(crate) Diary, pub(crate) &'static str);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.note(self.1);
    }
}
