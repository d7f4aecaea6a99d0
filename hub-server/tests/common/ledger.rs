//! Two hubs that write down when their calls begin and end, one that takes them one at a time and one that does not.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use hub_server::{HubError, hub};
use tokio::sync::Semaphore;

use super::until;

/// What the calls did.
#[derive(Clone)]
pub struct Book {
    /// Lets one slow call end for each permit.
    pub gate: Arc<Semaphore>,
    steps: Arc<Mutex<Vec<String>>>,
    inside: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Default for Book {
    fn default() -> Self {
        Self {
            gate: Arc::new(Semaphore::new(0)),
            steps: Arc::default(),
            inside: Arc::default(),
            most: Arc::default(),
        }
    }
}

impl Book {
    fn note(&self, step: String) {
        self.steps.lock().unwrap().push(step);
    }

    fn enter(&self) {
        let inside = self.inside.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(inside, Ordering::SeqCst);
    }

    fn leave(&self) {
        self.inside.fetch_sub(1, Ordering::SeqCst);
    }

    async fn slow(&self, n: usize) -> usize {
        self.enter();
        self.note(format!("{n} began"));
        self.gate.acquire().await.unwrap().forget();
        self.note(format!("{n} ended"));
        self.leave();
        n
    }

    async fn yields(&self, n: usize) -> usize {
        self.enter();
        for _ in 0..n % 4 {
            tokio::task::yield_now().await;
        }
        self.leave();
        n
    }

    pub fn seen(&self) -> Vec<String> {
        self.steps.lock().unwrap().clone()
    }

    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.steps.lock().unwrap())
    }

    /// How many calls were inside at once, at most.
    pub fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }

    /// Waits until exactly this has happened.
    pub async fn become_(&self, steps: &[&str]) {
        until(|| async { (self.seen().len() >= steps.len()).then_some(()) }).await;
        assert_eq!(self.seen(), steps);
    }
}

/// The hub `ledger`: one call at a time.
pub struct Ledger(pub Book);

#[hub(sequential)]
impl Ledger {
    async fn book(&self, n: usize) -> usize {
        self.0.slow(n).await
    }

    async fn yields(&self, n: usize) -> usize {
        self.0.yields(n).await
    }

    fn quick(&self, n: usize) -> usize {
        self.0.enter();
        self.0.leave();
        n
    }

    async fn pair(&self, n: usize) -> (usize, usize) {
        (self.0.yields(n).await, self.0.yields(n + 1).await)
    }

    async fn panic(&self, at_once: bool) {
        if !at_once {
            tokio::task::yield_now().await;
        }
        panic!("on purpose");
    }

    fn fail(&self) -> Result<(), HubError> {
        Err(HubError::new("sorry"))
    }
}

/// The hub `second`: one call at a time, beside those of `ledger`.
pub struct Second;

#[hub(sequential)]
impl Second {
    fn quick(&self, n: usize) -> usize {
        n
    }
}

/// The hub `loose`: as hubs are without a word.
pub struct Loose(pub Book);

#[hub]
impl Loose {
    async fn book(&self, n: usize) -> usize {
        self.0.slow(n).await
    }

    fn quick(&self, n: usize) -> usize {
        n
    }
}
