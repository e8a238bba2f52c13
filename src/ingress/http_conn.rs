//! A taken HTTP connection: its state, with the lock and the clock. The gate, the driver, the response bodies and the
//! http server share it.

use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::task::Waker;
use std::time::Instant;

use super::http_conn_state::{End, Expired, HttpConnState, Reading};
use super::installation::Installation;
use crate::lock;
use crate::server::ServiceInUse;
use crate::server::send_buffer::SendBuffer;
use crate::server::taken_sockets::HttpConnection;

type State = HttpConnState<Arc<ServiceInUse>, Weak<SendBuffer>>;

/// One connection. Only [`HttpConnection`] is used outside of the connection's task, so the lock is rarely contended.
#[derive(Debug)]
pub struct HttpConn {
    installation: Arc<Installation>,
    state: Mutex<State>,
}

impl HttpConn {
    /// A connection whose first request Node has read.
    pub fn new(installation: Arc<Installation>) -> Self {
        let state = State::new(Instant::now(), installation.timeouts());
        Self {
            installation,
            state: Mutex::new(state),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// See [`HttpConnState::reading`].
    pub fn reading(&self) -> Reading {
        self.state().reading()
    }

    /// See [`HttpConnState::wait_for_head`].
    pub fn wait_for_head(&self, begun: bool) {
        let limits = || self.installation.timeouts();
        self.state().wait_for_head(begun, Instant::now(), limits);
    }

    /// See [`HttpConnState::head_grows`].
    pub fn head_grows(&self) {
        self.state().head_grows(Instant::now());
    }

    /// See [`HttpConnState::begin`].
    pub fn begin(&self, service: Arc<ServiceInUse>, bytes: usize) {
        self.state().begin(service, bytes, Instant::now());
    }

    /// See [`HttpConnState::passed`].
    pub fn passed(&self, bytes: usize) {
        self.state().passed(bytes);
    }

    /// See [`HttpConnState::request_complete`].
    pub fn request_complete(&self) {
        self.state().request_complete();
    }

    /// The response is a stream, through this send buffer.
    pub fn answers_with(&self, send_buffer: &Arc<SendBuffer>) {
        self.state().answers_with(Arc::downgrade(send_buffer));
    }

    /// See [`HttpConnState::response_complete`].
    pub fn response_complete(&self) {
        let limits = || self.installation.timeouts();
        // Dropping the last reference to a service pushes an event, so this happens without the lock.
        let (service, reader) = self.state().response_complete(Instant::now(), limits);
        drop(service);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// See [`HttpConnState::hold`].
    pub fn hold(&self, reader: &Waker) {
        self.state().hold(reader);
    }

    /// See [`HttpConnState::client_closes`].
    pub fn client_closes(&self, reader: &Waker) {
        self.state().client_closes(reader);
    }

    /// See [`HttpConnState::is_client_gone`].
    pub fn is_client_gone(&self) -> bool {
        self.state().is_client_gone()
    }

    /// See [`HttpConnState::give_back`].
    pub fn give_back(&self, bytes: Vec<u8>) {
        self.state().give_back(bytes);
    }

    /// See [`HttpConnState::read_fails`].
    pub fn read_fails(&self, number: i32) {
        self.state().read_fails(number);
    }

    /// See [`HttpConnState::goes_back`].
    pub fn goes_back(&self) -> bool {
        self.state().goes_back()
    }

    /// See [`HttpConnState::end`].
    pub fn end(&self) -> End {
        self.state().end()
    }

    /// The service of the request under way.
    pub fn service(&self) -> Option<Arc<ServiceInUse>> {
        self.state().service()
    }

    /// See [`HttpConnState::hands_over`].
    pub fn hands_over(&self) {
        self.state().hands_over();
    }

    /// hyper has written all its bytes. It does not always ask for the next frames by itself, so its task is woken.
    pub fn has_flushed(&self, task: &Waker) {
        let had_frames = self.state().has_flushed();
        if had_frames
            && self
                .response()
                .is_some_and(|send_buffer| send_buffer.has_sent())
        {
            task.wake_by_ref();
        }
    }

    /// See [`HttpConnState::serve_in`].
    pub fn serve_in(&self, task: &Waker) {
        self.state().serve_in(task);
    }

    /// When the http server's limits end the current phase, and how.
    pub fn deadline(&self) -> Option<(Instant, Expired)> {
        let timeouts = self.installation.timeouts();
        self.state().deadline(&timeouts)
    }

    fn response(&self) -> Option<Arc<SendBuffer>> {
        self.state().response()?.upgrade()
    }
}

impl HttpConnection for HttpConn {
    fn installation(&self) -> u32 {
        self.installation.id()
    }

    fn is_idle(&self) -> bool {
        self.state().is_idle()
    }

    fn is_answered(&self) -> bool {
        self.response()
            .is_some_and(|send_buffer| send_buffer.has_ended())
    }

    fn wake(&self) {
        let task = self.state().task().cloned();
        if let Some(task) = task {
            task.wake();
        }
    }
}
