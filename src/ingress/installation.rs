//! What connections taken from an http server need to know of it: its services and its settings.

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
    /// The newest first, which is the order in which they see a request.
    services: Mutex<Vec<Arc<ServiceInUse>>>,
    /// Something in JavaScript needs to see all requests, so they go to Node.
    withdrawn: AtomicBool,
    max_header_size: AtomicUsize,
    timeouts: Mutex<Timeouts>,
    /// The value of `Keep-Alive`, which announces `timeouts.keep_alive`.
    keep_alive: Mutex<Option<HeaderValue>>,
}

/// The http server's time limits, which also apply to connections taken from it. `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timeouts {
    /// `keepAliveTimeout`, which is announced to the client.
    pub keep_alive: Option<Duration>,
    /// The time between two requests. It is longer than the announced time, so that the connection does not close just
    /// when a client sends its next request.
    pub idle: Option<Duration>,
    /// The time between two bytes of a head.
    pub stalled: Option<Duration>,
    /// `headersTimeout`: from the first byte of a head to its end.
    pub headers: Option<Duration>,
    /// `requestTimeout`: from the first byte of a head to the end of the body.
    pub request: Option<Duration>,
}

impl Installation {
    /// An http server without services. JavaScript refers to it by `id`.
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

    /// Its number in JavaScript.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Adds a service in front of the others.
    pub fn install(&self, service: Arc<Service>) {
        lock(&self.services).insert(0, ServiceInUse::new(service));
    }

    /// Removes a service. Requests for it go to Node again.
    pub fn remove(&self, service: u32) {
        let has_id = |other: &mut Arc<ServiceInUse>| other.context.id == service;
        let removed: Vec<_> = lock(&self.services).extract_if(.., has_id).collect();
        // Dropping the last reference pushes an event, so this happens without the lock.
        drop(removed);
    }

    /// Sets whether all requests go to Node. If so, taken connections go back with their next request.
    pub fn withdraw(&self, withdrawn: bool) {
        self.withdrawn.store(withdrawn, Ordering::Relaxed);
    }

    /// Copies the http server's settings.
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

    /// The value of `Keep-Alive` that Node would send; `None` if it would send none.
    pub fn keep_alive(&self) -> Option<HeaderValue> {
        lock(&self.keep_alive).clone()
    }

    /// The bound of a head in bytes.
    pub fn max_header_size(&self) -> usize {
        self.max_header_size.load(Ordering::Relaxed)
    }

    /// The service for this target; `None` if there is none, or if the request has to go to Node.
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
