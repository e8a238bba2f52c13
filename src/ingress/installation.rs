//! An http server of Node, as far as connections taken from it need to know it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::header::HeaderValue;

use crate::lock;
use crate::server::{Service, ServiceInUse};

/// One http server and the services that were installed on it.
#[derive(Debug)]
pub struct Installation {
    id: u32,
    /// Newest first, the order in which they see a request.
    services: Mutex<Vec<Arc<ServiceInUse>>>,
    /// Somebody else wants to see all requests: nothing is ours any more.
    withdrawn: AtomicBool,
    max_header_size: AtomicUsize,
    timeouts: Mutex<Timeouts>,
    /// The value of `Keep-Alive` that tells of `timeouts.keep_alive`.
    keep_alive: Mutex<Option<HeaderValue>>,
}

/// The http server's own time limits, in force on connections taken from it. `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timeouts {
    /// `keepAliveTimeout`, which is announced to the client.
    pub keep_alive: Option<Duration>,
    /// Between two requests: some more than what is announced, so that the next request of a client does not
    /// meet the close.
    pub idle: Option<Duration>,
    /// Without a byte, in a head that is not complete.
    pub stalled: Option<Duration>,
    /// `headersTimeout`: from the first byte of a head to its end.
    pub headers: Option<Duration>,
    /// `requestTimeout`: from the first byte of a head to the end of the body.
    pub request: Option<Duration>,
}

impl Installation {
    /// An http server without services. `id` names it in `closeIdleConnections`.
    pub fn new(id: u32) -> Self {
        Self {
            id,
            services: Mutex::default(),
            withdrawn: AtomicBool::new(false),
            max_header_size: AtomicUsize::new(16 << 10),
            timeouts: Mutex::default(),
            keep_alive: Mutex::default(),
        }
    }

    /// Its name.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Adds a service in front of the others.
    pub fn install(&self, service: Arc<Service>) {
        lock(&self.services).insert(0, ServiceInUse::new(service));
    }

    /// Takes a service away: requests for it are Node's again.
    pub fn remove(&self, service: u32) {
        let is_meant = |other: &mut Arc<ServiceInUse>| other.id == service;
        let removed: Vec<_> = lock(&self.services).extract_if(.., is_meant).collect();
        // The last one that holds it tells JavaScript: not under the lock.
        drop(removed);
    }

    /// Whether connections stay in Node. Those in Rust return to Node with their next request.
    pub fn withdraw(&self, withdrawn: bool) {
        self.withdrawn.store(withdrawn, Ordering::Relaxed);
    }

    /// Follows the http server's settings.
    pub fn configure(&self, timeouts: Timeouts, max_header_size: usize) {
        *lock(&self.timeouts) = timeouts;
        *lock(&self.keep_alive) = timeouts.keep_alive.and_then(|limit| {
            let seconds = limit.as_secs();
            HeaderValue::from_str(&format!("timeout={seconds}")).ok()
        });
        self.max_header_size
            .store(max_header_size, Ordering::Relaxed);
    }

    /// The http server's time limits.
    pub fn timeouts(&self) -> Timeouts {
        *lock(&self.timeouts)
    }

    /// The `Keep-Alive` header that Node would send, if it would.
    pub fn keep_alive(&self) -> Option<HeaderValue> {
        lock(&self.keep_alive).clone()
    }

    /// Bytes that a head may have.
    pub fn max_header_size(&self) -> usize {
        self.max_header_size.load(Ordering::Relaxed)
    }

    /// The service that answers this target without Node's help.
    pub fn claim_plain(&self, target: &str) -> Option<Arc<ServiceInUse>> {
        if self.withdrawn.load(Ordering::Relaxed) {
            return None;
        }
        let services = lock(&self.services);
        let service = services
            .iter()
            .find(|service| service.router.claims(target))?;
        (!service.needs_node(target)).then(|| service.clone())
    }
}
