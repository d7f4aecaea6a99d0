//! [`Door`]: where sockets come in, as fast as is good for those who are in, and not too many from one address
//! (`delivery.md` c).

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream, ToSocketAddrs, lookup_host};
use tokio::time::{Instant, sleep, sleep_until};

use crate::config::Config;
use crate::meter;
use crate::server::prepare;

/// So many sockets wait in the kernel until they are let in.
const BACKLOG: u32 = 4_096;

/// After a quiet moment so much of a second's sockets may come at once.
const BURST: u32 = 10;

/// How long nothing is accepted after that failed: mostly there are too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// Listens with room for a crowd.
///
/// # Errors
/// When none of the addresses can be listened on.
pub(crate) async fn listen(addr: impl ToSocketAddrs) -> io::Result<TcpListener> {
    let mut last = io::Error::new(io::ErrorKind::InvalidInput, "there is no such address");
    for addr in lookup_host(addr).await? {
        match listen_on(addr) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn listen_on(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = match addr {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // As the standard library does: a server that starts again needs its port at once.
    #[cfg(not(windows))]
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    socket.listen(BACKLOG)
}

pub(crate) struct Door {
    listener: TcpListener,
    silence: Duration,
    /// If there is a limit.
    most: Option<u32>,
    pace: Pace,
    inside: Inside,
}

/// How many sockets each address has.
#[derive(Clone, Default)]
struct Inside(Arc<Mutex<HashMap<IpAddr, u32>>>);

/// A socket that was let in; as long as this lives it counts.
pub(crate) struct Ticket {
    address: IpAddr,
    inside: Inside,
}

impl Door {
    pub(crate) fn new(listener: TcpListener, config: &Config) -> Self {
        Self {
            listener,
            silence: config.disconnect_timeout,
            most: config.max_sockets_per_address,
            pace: Pace::new(config.accept_rate),
            inside: Inside::default(),
        }
    }

    /// The next one that may come in. Whoever has too many sockets already finds the new one closed.
    pub(crate) async fn next(&mut self) -> (TcpStream, Option<Arc<Ticket>>) {
        loop {
            self.pace.next().await;
            let (socket, address) = match self.listener.accept().await {
                Ok((socket, from)) => (socket, network_of(from.ip())),
                Err(error) => {
                    tracing::warn!(%error, "accept failed; trying again in 100 ms");
                    sleep(PAUSE).await;
                    continue;
                }
            };
            let ticket = self.most.map(|most| self.inside.admit(address, most));
            if let Some(None) = ticket {
                tracing::debug!("an address has too many sockets");
                meter::refused();
                continue;
            }
            prepare(&socket, self.silence);
            return (socket, ticket.flatten().map(Arc::new));
        }
    }
}

impl Inside {
    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn admit(&self, address: IpAddr, most: u32) -> Option<Ticket> {
        let mut all = self.lock();
        let count = all.entry(address).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        drop(all);
        let inside = self.clone();
        Some(Ticket { address, inside })
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut all = self.inside.lock();
        if let Some(count) = all.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                all.remove(&self.address);
            }
        }
    }
}

/// Whoever has one address of IPv6 has the 2^64 around it, too.
fn network_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(address) => IpAddr::V4(address),
            None => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        },
    }
}

/// So many a second, and after a quiet moment a tenth of that at once.
struct Pace {
    every: Duration,
    /// When the next one would be due if they came evenly.
    due: Instant,
}

impl Pace {
    fn new(a_second: u32) -> Self {
        Self {
            every: Duration::from_secs(1) / a_second.max(1),
            due: Instant::now(),
        }
    }

    async fn next(&mut self) {
        let ahead = Duration::from_secs(1) / BURST;
        let now = Instant::now();
        if self.due > now + ahead {
            sleep_until(self.due - ahead).await;
        }
        self.due = self.due.max(Instant::now()) + self.every;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_so_many_and_again_as_many_when_they_have_gone() {
        let inside = Inside::default();
        let address = IpAddr::from([127, 0, 0, 1]);
        let other = IpAddr::from([127, 0, 0, 2]);
        for _ in 0..2 {
            let tickets = [inside.admit(address, 2), inside.admit(address, 2)];
            assert!(tickets.iter().all(Option::is_some));
            assert!(inside.admit(address, 2).is_none());
            assert!(inside.admit(other, 2).is_some(), "others are not meant");
        }
        assert!(inside.lock().is_empty());
    }

    #[test]
    fn neighbours_of_ipv6_are_one() {
        let network = |text: &str| network_of(text.parse().unwrap());
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:2"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_eq!(network("::ffff:10.0.0.1"), network("10.0.0.1"));
        assert_ne!(network("10.0.0.1"), network("10.0.0.2"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_crowd_comes_in_one_after_the_other() {
        let mut pace = Pace::new(100);
        sleep(Duration::from_secs(5)).await;
        let begun = Instant::now();
        let mut at = Vec::new();
        for _ in 0..211 {
            pace.next().await;
            at.push(begun.elapsed());
        }
        assert_eq!(
            at[9],
            Duration::ZERO,
            "a tenth of a second's may come at once"
        );
        assert!(
            (190..=210).contains(&(at[210].as_millis() / 10)),
            "{:?}",
            at[210]
        );
        // Who comes slowly never waits.
        for _ in 0..50 {
            sleep(Duration::from_millis(11)).await;
            let begun = Instant::now();
            pace.next().await;
            assert_eq!(begun.elapsed(), Duration::ZERO);
        }
    }
}
