//! Lets the JavaScript thread take the turns of the reactors while few connections are busy: a message
//! that it reads itself costs no change of threads. When it has more to do, the I/O threads read.
//!
//! A reactor is watched by a libuv poll handle. libuv's functions are those of the program that loaded
//! the addon; where they are not found, the I/O threads always read.
#![allow(unsafe_code, reason = "libuv and raw Node-API calls")]

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::cell::{Cell, RefCell};
use std::ffi::{c_int, c_void};
use std::ptr;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use libloading::os::unix::Library;
use napi::bindgen_prelude::*;
use napi::sys;

use super::policy::ReadPolicy;
use crate::addon::state::State;
use crate::server::io::Io;
use crate::server::socket::PollCount;

/// The poll handles of one environment. JavaScript thread only.
#[derive(Debug)]
pub(in crate::addon) struct UvPoll {
    handles: Vec<*mut PollHandle>,
    uv: &'static Uv,
    /// Whether the JavaScript thread has the reactors.
    has_turns: bool,
    policy: ReadPolicy,
}

/// What libuv's callback needs. Freed when its handle has been closed.
struct PollHandle {
    env: sys::napi_env,
    /// JavaScript's function that drains the events.
    listener: sys::napi_ref,
    state: Rc<RefCell<State>>,
    io: Arc<Io>,
    uv: &'static Uv,
    handle: *mut c_void,
    layout: Layout,
    cleanup: Cell<sys::napi_async_cleanup_hook_handle>,
    /// The handle is being closed.
    closing: Cell<bool>,
}

#[derive(Debug)]
struct Uv {
    handle_size: unsafe extern "C" fn(c_int) -> usize,
    handle_set_data: unsafe extern "C" fn(*mut c_void, *mut c_void),
    handle_get_data: unsafe extern "C" fn(*const c_void) -> *mut c_void,
    unref: unsafe extern "C" fn(*mut c_void),
    close: unsafe extern "C" fn(*mut c_void, CloseCallback),
    poll_init: unsafe extern "C" fn(*mut c_void, *mut c_void, c_int) -> c_int,
    poll_start: unsafe extern "C" fn(*mut c_void, c_int, PollCallback) -> c_int,
    poll_stop: unsafe extern "C" fn(*mut c_void) -> c_int,
}

type PollCallback = unsafe extern "C" fn(*mut c_void, c_int, c_int);
type CloseCallback = unsafe extern "C" fn(*mut c_void);

/// `UV_POLL` of `uv_handle_type`, and `UV_READABLE` of `uv_poll_event`: both part of libuv 1's ABI.
const UV_POLL: c_int = 8;
const UV_READABLE: c_int = 1;
/// What malloc gives, and more than libuv's handles ask for.
const ALIGN: usize = 16;

impl Uv {
    /// The functions; none where the program has no libuv.
    fn get() -> Option<&'static Self> {
        static UV: OnceLock<Option<Uv>> = OnceLock::new();
        UV.get_or_init(Self::load).as_ref()
    }

    fn load() -> Option<Self> {
        let program = Library::this();
        // SAFETY: the signatures are those of libuv 1, which keeps its ABI; the program and so its
        // functions are there for as long as the addon is.
        unsafe {
            Some(Self {
                handle_size: *program.get("uv_handle_size").ok()?,
                handle_set_data: *program.get("uv_handle_set_data").ok()?,
                handle_get_data: *program.get("uv_handle_get_data").ok()?,
                unref: *program.get("uv_unref").ok()?,
                close: *program.get("uv_close").ok()?,
                poll_init: *program.get("uv_poll_init").ok()?,
                poll_start: *program.get("uv_poll_start").ok()?,
                poll_stop: *program.get("uv_poll_stop").ok()?,
            })
        }
    }
}

impl UvPoll {
    /// Watches the reactors of all `ios`, and takes their turns to begin with. `None` where that cannot be.
    pub(in crate::addon) fn start(
        env: &Env,
        listener: &Function<'_, (), ()>,
        state: &Rc<RefCell<State>>,
        ios: &[Arc<Io>],
    ) -> Option<Self> {
        let uv = Uv::get()?;
        let mut handles = Vec::new();
        for io in ios {
            handles.push(PollHandle::new(env, listener, state, io, uv)?);
        }
        let mut this = Self {
            handles,
            uv,
            has_turns: false,
            policy: ReadPolicy::new(),
        };
        this.drive(true);
        Some(this)
    }

    fn drive(&mut self, take: bool) {
        self.has_turns = take;
        for &handle in &self.handles {
            // SAFETY: freed only after its handle was closed, by `close` or when the environment ends.
            unsafe {
                let PollHandle { io, handle, .. } = &*handle;
                if take {
                    (self.uv.poll_start)(*handle, UV_READABLE, on_readable);
                } else {
                    (self.uv.poll_stop)(*handle);
                }
                io.set_driven_by_js(take);
            }
        }
    }

    /// The I/O threads read again, and nothing is watched any more.
    pub(in crate::addon) fn close(mut self) {
        self.drive(false);
        for handle in self.handles {
            // SAFETY: called on the thread of the environment, before its end, and once: `self` is gone.
            unsafe { PollHandle::close(handle) };
        }
    }

    /// A batch of so many events has come from the I/O threads.
    pub(in crate::addon) fn batch(&mut self, events: usize) {
        if !self.has_turns && self.policy.handle_batch(events) {
            self.drive(true);
        }
    }

    /// The JavaScript thread has taken a turn.
    fn record(&mut self, count: PollCount, start: Option<Instant>) {
        if self.has_turns && self.policy.handle_poll(count, start, Instant::now) {
            self.drive(false);
        }
    }
}

impl PollHandle {
    /// A handle that is freed when it has been closed, at the latest when the environment ends.
    fn new(
        env: &Env,
        listener: &Function<'_, (), ()>,
        state: &Rc<RefCell<State>>,
        io: &Arc<Io>,
        uv: &'static Uv,
    ) -> Option<*mut Self> {
        // SAFETY: called on the thread of `env`, from JavaScript. `handle` is zeroed memory of the size
        // that libuv asks for; it is freed here if libuv does not take it, else by `on_closed`.
        unsafe {
            let mut event_loop = ptr::null_mut();
            let status = sys::napi_get_uv_event_loop(env.raw(), &raw mut event_loop);
            if status != sys::Status::napi_ok {
                return None;
            }
            let layout = Layout::from_size_align((uv.handle_size)(UV_POLL).max(1), ALIGN).ok()?;
            let handle = alloc_zeroed(layout).cast::<c_void>();
            if handle.is_null() {
                return None;
            }
            if (uv.poll_init)(event_loop.cast(), handle, io.reactor().fd()) != 0 {
                dealloc(handle.cast(), layout);
                return None;
            }
            // Sessions keep the process alive, not this.
            (uv.unref)(handle);
            let mut reference = ptr::null_mut();
            sys::napi_create_reference(env.raw(), listener.raw(), 1, &raw mut reference);
            let this = Box::into_raw(Box::new(Self {
                env: env.raw(),
                listener: reference,
                state: state.clone(),
                io: io.clone(),
                uv,
                handle,
                layout,
                cleanup: Cell::new(ptr::null_mut()),
                closing: Cell::new(false),
            }));
            (uv.handle_set_data)(handle, this.cast());
            sys::napi_add_async_cleanup_hook(
                env.raw(),
                Some(on_cleanup),
                this.cast(),
                (*this).cleanup.as_ptr(),
            );
            Some(this)
        }
    }

    /// Begins to close the handle; nothing of this is used after that.
    ///
    /// # Safety
    /// On the thread of the environment, before or during its cleanup, once.
    unsafe fn close(this: *mut Self) {
        // SAFETY: the caller's promise; it is freed by `on_closed`, which libuv calls later.
        unsafe {
            let poll = &*this;
            poll.closing.set(true);
            sys::napi_delete_reference(poll.env, poll.listener);
            (poll.uv.close)(poll.handle, on_closed);
        }
    }

    fn poll_once(&self) {
        let wants_start = |uv_poll: &UvPoll| uv_poll.policy.wants_start();
        let is_timed = self
            .state
            .borrow()
            .uv_poll
            .as_ref()
            .is_some_and(wants_start);
        let start = is_timed.then(Instant::now);
        let count = self.io.reactor().poll_once();
        let mut state = self.state.borrow_mut();
        if let Some(uv_poll) = &mut state.uv_poll {
            uv_poll.record(count, start);
        }
        if state.runtime.events.is_empty() {
            // Pongs leave without JavaScript.
            return state.runtime.flush();
        }
        drop(state);
        self.call_listener();
    }

    fn call_listener(&self) {
        let mut scope = ptr::null_mut();
        let mut listener = ptr::null_mut();
        let mut global = ptr::null_mut();
        let mut result = ptr::null_mut();
        // SAFETY: called by libuv on the thread of `env`, outside of JavaScript, before the environment
        // ends.
        unsafe {
            sys::napi_open_handle_scope(self.env, &raw mut scope);
            sys::napi_get_reference_value(self.env, self.listener, &raw mut listener);
            sys::napi_get_global(self.env, &raw mut global);
            // Unlike a plain call, this one runs what the listener has left for the next tick. That may
            // throw, as what an application's listener threw is rethrown there.
            let status = sys::napi_make_callback(
                self.env,
                ptr::null_mut(),
                global,
                listener,
                0,
                ptr::null(),
                &raw mut result,
            );
            if status == sys::Status::napi_pending_exception {
                let mut exception = ptr::null_mut();
                sys::napi_get_and_clear_last_exception(self.env, &raw mut exception);
                sys::napi_fatal_exception(self.env, exception);
            }
            sys::napi_close_handle_scope(self.env, scope);
        }
    }
}

/// The reactor has something to do.
unsafe extern "C" fn on_readable(handle: *mut c_void, _status: c_int, _events: c_int) {
    // A panic must not cross into libuv; it has been reported.
    let _ = std::panic::catch_unwind(|| {
        let Some(uv) = Uv::get() else { return };
        // SAFETY: the data of a handle is set before it is started, and freed after it was closed.
        unsafe { &*(uv.handle_get_data)(handle).cast::<PollHandle>() }.poll_once();
    });
}

/// The environment ends.
unsafe extern "C" fn on_cleanup(hook: sys::napi_async_cleanup_hook_handle, data: *mut c_void) {
    // SAFETY: `data` is the `PollHandle` that the hook was added for; it is freed by `on_closed`.
    unsafe {
        let handle = data.cast::<PollHandle>();
        (*handle).cleanup.set(hook);
        if !(*handle).closing.get() {
            PollHandle::close(handle);
        }
    }
}

unsafe extern "C" fn on_closed(handle: *mut c_void) {
    let Some(uv) = Uv::get() else { return };
    // SAFETY: libuv no longer uses the handle; the box came from `Box::into_raw`, the memory from
    // `alloc_zeroed` with this layout, and nobody calls again.
    unsafe {
        let poll = Box::from_raw((uv.handle_get_data)(handle).cast::<PollHandle>());
        dealloc(handle.cast(), poll.layout);
        sys::napi_remove_async_cleanup_hook(poll.cleanup.get());
    }
}
