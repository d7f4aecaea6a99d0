//! [`ClientPool`]: connections that are shared by all who need them, to services whose addresses change.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use hub_core::Proxy;

use crate::builder::Builder;
use crate::client::HubClient;
use crate::error::ConnectError;
use crate::life::State;

/// How many addresses are tried for one connection.
const ADDRESSES: usize = 3;

/// Finds out where a service is.
#[async_trait]
pub trait Resolve: Send + Sync + 'static {
    /// The URL of the service's mount. `gone` is one that was given before and can't be reached any more: what was
    /// remembered of it is out of date.
    ///
    /// # Errors
    /// When nobody knows.
    async fn resolve(
        &self,
        service: &str,
        gone: Option<&str>,
    ) -> Result<String, Box<dyn Error + Send + Sync>>;
}

/// Why a pool has no connection to give.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PoolError {
    /// Nobody knows where the service is.
    #[error("'{service}' can't be found")]
    Unknown {
        /// The service.
        service: String,
        /// Why.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// It was found and could not be connected to.
    #[error("can't connect to '{service}' at {url}")]
    Connect {
        /// The service.
        service: String,
        /// The last address that was tried.
        url: String,
        /// Why.
        #[source]
        source: ConnectError,
    },
    /// The pool was closed meanwhile.
    #[error("the pool is closed")]
    Closed,
}

/// Keeps at most one connection for each service and hub, and gives it to all who ask. One that has ended is replaced when
/// somebody asks next; if its node is gone, the service is looked for again. All connections are closed with the pool, also
/// those that somebody still holds. Clones share it.
///
/// ```
/// use hub_client::{ClientPool, HubClient, Resolve};
///
/// struct Directory;
///
/// #[async_trait::async_trait]
/// impl Resolve for Directory {
///     async fn resolve(
///         &self,
///         service: &str,
///         _gone: Option<&str>,
///     ) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
///         Ok(format!("http://{service}.internal/signalr"))
///     }
/// }
///
/// # async fn with() -> Result<(), Box<dyn std::error::Error>> {
/// let pool = ClientPool::new(Directory, |url, hub| HubClient::builder(url).hub(hub));
/// let orders = pool.client("orders", "orders").await?;
/// let open: u32 = orders.invoke("orders", "open", ()).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ClientPool(Arc<Shared>);

struct Shared {
    resolve: Box<dyn Resolve>,
    build: Box<Build>,
    /// `None` when the pool is closed.
    places: Mutex<Option<HashMap<Key, Place>>>,
}

type Build = dyn Fn(&str, &str) -> Builder + Send + Sync;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    service: String,
    hub: String,
}

/// Where the connection is that there may be. One makes it, the others wait.
type Place = Arc<tokio::sync::Mutex<Option<Pooled>>>;

struct Pooled {
    client: HubClient,
    url: String,
}

impl ClientPool {
    /// A pool of connections to what `resolve` finds, made as `build` says for a URL and a hub.
    pub fn new(
        resolve: impl Resolve,
        build: impl Fn(&str, &str) -> Builder + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Shared {
            resolve: Box::new(resolve),
            build: Box::new(build),
            places: Mutex::new(Some(HashMap::new())),
        }))
    }

    /// The connection to a hub of a service. One that is about to come back is given as it is.
    ///
    /// # Errors
    /// When the service can't be found, or three addresses of it can't be connected to. Others of the pool are not
    /// affected.
    ///
    /// # Cancel safety
    /// Dropping the future gives the connection up that it was making.
    pub async fn client(&self, service: &str, hub: &str) -> Result<HubClient, PoolError> {
        let key = Key {
            service: service.to_owned(),
            hub: hub.to_ascii_lowercase(),
        };
        let shared = match &mut *self.0.lock() {
            Some(places) => Arc::clone(places.entry(key.clone()).or_default()),
            None => return Err(PoolError::Closed),
        };
        let mut place = shared.lock().await;
        let mut gone = None;
        if let Some(pooled) = &*place {
            if pooled.client.state() != State::Disconnected {
                return Ok(pooled.client.clone());
            }
            gone = place.take().map(|pooled| pooled.url);
        }
        let pooled = match self.0.connect(service, hub, gone).await {
            Ok(pooled) => pooled,
            Err(error) => {
                self.0.forget(&key, &shared);
                return Err(error);
            }
        };
        let client = pooled.client.clone();
        *place = Some(pooled);
        if self.0.lock().is_none() {
            client.end();
            return Err(PoolError::Closed);
        }
        Ok(client)
    }

    /// The typed proxy of a service's hub, over the pool's connection to it.
    ///
    /// # Errors
    /// As for [`client`](Self::client).
    pub async fn hub<P: Proxy>(&self, service: &str) -> Result<P, PoolError> {
        Ok(self.client(service, P::HUB).await?.hub())
    }

    /// Ends all connections, and tells their servers.
    pub async fn close(&self) {
        for place in self.0.close() {
            if let Some(pooled) = place.lock().await.take() {
                pooled.client.close().await;
            }
        }
    }
}

impl Shared {
    async fn connect(
        &self,
        service: &str,
        hub: &str,
        mut gone: Option<String>,
    ) -> Result<Pooled, PoolError> {
        let mut tries = 1..=ADDRESSES;
        loop {
            let last = tries.next().is_none_or(|n| n == ADDRESSES);
            let url = self.resolve.resolve(service, gone.as_deref()).await;
            let url = url.map_err(|source| PoolError::Unknown {
                service: service.to_owned(),
                source,
            })?;
            match (self.build)(&url, hub).connect().await {
                Ok(client) => return Ok(Pooled { client, url }),
                Err(error) if error.is_temporary() && !last => {
                    tracing::debug!(service, %error, "a node is gone");
                    gone = Some(url);
                }
                Err(source) => {
                    return Err(PoolError::Connect {
                        service: service.to_owned(),
                        url,
                        source,
                    });
                }
            }
        }
    }

    /// Keeps nothing of what can't be reached, unless somebody else waits for it.
    fn forget(&self, key: &Key, place: &Place) {
        if let Some(places) = &mut *self.lock()
            && Arc::strong_count(place) == 2
        {
            places.remove(key);
        }
    }

    /// From now on there are no others.
    fn close(&self) -> Vec<Place> {
        let places = self.lock().take().unwrap_or_default();
        places.into_values().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Option<HashMap<Key, Place>>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        for place in self.close() {
            // Nobody holds the lock: who does has the pool.
            if let Ok(place) = place.try_lock()
                && let Some(pooled) = &*place
            {
                pooled.client.end();
            }
        }
    }
}

impl fmt::Debug for ClientPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = self.0.lock();
        let keys = places.iter().flat_map(HashMap::keys);
        f.debug_set().entries(keys).finish()
    }
}
