//! The ledger: a server that is killed again and again under load, and the books of its clients.
//!
//! ```text
//! cargo xtask crash --kills 1000 [--seed S]
//! ```
//!
//! The server is the conformance application with its log on disk, killed with SIGKILL at random instants and started
//! again on the same directory and port. Fifty clients (`member`) come and go meanwhile, each time on any wire (`wire`): the
//! webSockets of `hub-client`, serverSentEvents and longPolling (`http`), or XSockets' wires with acknowledgements (`packets`);
//! their networks (`gate`) end in several ways; what they were promised and what they got is written down (`book`), and held against each other at the
//! end (`judge`). The seed decides who does what and when; what it meets there is up to the machine.

mod book;
mod dice;
mod gate;
mod http;
mod judge;
mod member;
mod options;
mod packets;
mod server;
mod wire;

use std::error::Error;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;
use tokio::time::sleep;

use crate::book::{Account, Book};
use crate::dice::Dice;
use crate::gate::Ledger;
use crate::judge::{Verdict, judge};
use crate::member::{Member, Phase};
use crate::options::Options;
use crate::server::Server;
use crate::wire::Wire;

/// How long it may take until everybody is back and has everything.
const DRAIN: Duration = Duration::from_secs(30);

/// When nobody got anything for so long, everybody may have everything.
const CALM: Duration = Duration::from_millis(1_500);

/// So many failures of a kind are told; the rest is counted.
const TOLD: usize = 20;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("ledger: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<bool, Box<dyn Error>> {
    let options = Options::parse(std::env::args().skip(1))?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let seed = options
        .seed
        .unwrap_or_else(|| u64::from(now.subsec_nanos()));
    let (kills, clients) = (options.kills, options.clients);
    println!("seed {seed}: {kills} kills, {clients} clients");
    // What an earlier run left would be judged with this one's.
    server::clear(&options.dir)?;
    let mut server = Server::start(&options.server, &options.dir)?;
    let ledger = Ledger(Arc::new(Mutex::new(Book::new(clients))));
    let (phase, phases) = watch::channel(Phase::Busy);
    let there = watch::Sender::new(0);
    let members = (0..clients).map(|who| {
        let member = Member {
            who,
            server: server.addr,
            ledger: ledger.clone(),
            dice: Dice::of(seed, who as u64 + 1),
            phase: phases.clone(),
            only: options.wire,
            there: there.clone(),
        };
        tokio::spawn(member.run())
    });
    let members: Vec<_> = members.collect();

    let mut dice = Dice::new(seed);
    let start = Instant::now();
    let (mut told, mut before) = (start, (0, 0));
    for kill in 1..=kills {
        let instant = match dice.below(5) {
            // While everybody comes back at once.
            0 => dice.millis(0, 80),
            1 => dice.millis(1_000, 2_500),
            _ => dice.millis(150, 1_000),
        };
        sleep(instant).await;
        let from = ledger.write(Book::stamp);
        server.kill()?;
        sleep(dice.millis(0, 250)).await;
        server.again()?;
        ledger.write(|book| book.killed(from));
        if told.elapsed() > Duration::from_secs(5) || kill == kills {
            let counts = ledger.write(|book| (book.promised, book.received));
            let seconds = told.elapsed().as_secs_f64();
            println!(
                "{kill:5} kills in {:.0} s: {} promised ({:.0}/s), {} received ({:.0}/s)",
                start.elapsed().as_secs_f64(),
                counts.0,
                (counts.0 - before.0) as f64 / seconds,
                counts.1,
                (counts.1 - before.1) as f64 / seconds,
            );
            (told, before) = (Instant::now(), counts);
        }
    }
    phase.send_replace(Phase::Quiet);
    let verdict = drain(&ledger, there.subscribe(), clients).await;
    for member in members {
        member.abort();
    }
    if let Some(status) = server.ended()? {
        ledger.write(|book| book.strange.push(format!("the server had ended: {status}")));
    }
    Ok(ledger.write(|book| tell(book, &verdict, seed, kills)))
}

/// Waits until everybody is back and nothing is missing any more, or it takes too long; then nothing may come late.
async fn drain(ledger: &Ledger, mut there: watch::Receiver<usize>, clients: usize) -> Verdict {
    let until = Instant::now() + DRAIN;
    let back = there.wait_for(|there| *there == clients);
    if tokio::time::timeout(DRAIN, back).await.is_err() {
        let what = "not everybody came back after the last kill".to_owned();
        ledger.write(|book| book.strange.push(what));
    }
    loop {
        let (mut last, mut since) = (0, Instant::now());
        while since.elapsed() < CALM {
            sleep(Duration::from_millis(50)).await;
            let received = ledger.write(|book| book.received);
            if received != last {
                (last, since) = (received, Instant::now());
            }
        }
        let verdict = ledger.write(|book| judge(book));
        if verdict.lost.is_empty() || Instant::now() > until {
            return verdict;
        }
    }
}

/// Prints what was found; whether all is well.
fn tell(book: &Book, verdict: &Verdict, seed: u64, kills: usize) -> bool {
    let Verdict {
        lost,
        twice,
        disorder,
        repeats,
        let_go,
        unsure,
    } = verdict;
    let kinds = [
        ("lost", lost),
        ("twice", twice),
        ("out of order", disorder),
        ("strange", &book.strange),
    ];
    for (kind, found) in kinds {
        for what in found.iter().take(TOLD) {
            println!("{kind}: {what}");
        }
        if let Some(more) = found.len().checked_sub(TOLD + 1) {
            println!("{kind}: and {} more", more + 1);
        }
    }
    let lives = Wire::ALL.map(|wire| {
        let of = |account: &Account| {
            account
                .came
                .iter()
                .filter(|(life, _)| account.wire(*life) == wire)
                .count()
        };
        format!(
            "{} {}",
            book.accounts.iter().map(of).sum::<usize>(),
            wire.name()
        )
    });
    println!("lives: {}", lives.join(", "));
    println!(
        "{unsure} calls had done their work without an answer; {repeats} messages came again to a later life, as they may; \
         {let_go} were let go by clients that closed"
    );
    let clean = verdict.is_clean() && book.strange.is_empty();
    if !clean {
        println!("to run it again: cargo xtask crash --kills {kills} --seed {seed}");
    }
    println!(
        "{kills} kills: {} promised, {} received, {} lost, {} twice, {} out of order",
        book.promised,
        book.received,
        lost.len(),
        twice.len(),
        disorder.len()
    );
    clean
}
