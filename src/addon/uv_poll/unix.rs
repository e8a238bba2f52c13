//! Lets the JavaScript thread poll the reactors while few connections are busy: a message that it reads itself needs no
//! thread switch. Otherwise the I/O threads poll them.
//!
//! Each reactor has a libuv poll handle. libuv's functions are looked up in the program that has loaded the addon. If they
//! are missing, the I/O threads always read.
#![allow(unsafe_code, reason = "libuv and raw Node-API calls")]

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::cell::{Cell, RefCell};
use std::ffi::{c_int, c_void};
use std::ptr;
use std::rc::{Rc, Weak};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use libloading::os::unix::Library;
use napi::bindgen_prelude::*;
use napi::sys;

use super::policy::ReadPolicy;
use crate::server::Runtime;
use crate::server::io::Io;
use crate::server::socket::PollCount;

/// The poll handles of one environment. Used on the JavaScript thread only.
#[derive(Debug)]
pub(in crate::addon) struct UvPoll(Rc<RefCell<PollState>>);

/// Who polls the reactors.
#[derive(Debug)]
struct PollState {
    handles: Vec<*mut PollHandle>,
    uv: &'static Uv,
    /// Whether the JavaScript thread polls the reactors.
    is_polling: bool,
    policy: ReadPolicy,
}

/// A poll handle, and what its callback needs. Freed after libuv has closed the handle.
struct PollHandle {
    env: sys::napi_env,
    /// The JavaScript function that drains the events.
    listener: sys::napi_ref,
    /// Gone when the handle is being closed, or the environment ends.
    poll_state: Weak<RefCell<PollState>>,
    runtime: Arc<Runtime>,
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

/// `UV_POLL` of `uv_handle_type` and `UV_READABLE` of `uv_poll_event`. They belong to the ABI of libuv 1.
const UV_POLL: c_int = 8;
const UV_READABLE: c_int = 1;
/// The alignment of memory from malloc, which is enough for libuv's handles.
const ALIGN: usize = 16;

impl Uv {
    /// The functions; `None` if the program has no libuv.
    fn get() -> Option<&'static Self> {
        static UV: OnceLock<Option<Uv>> = OnceLock::new();
        UV.get_or_init(Self::load).as_ref()
    }

    fn load() -> Option<Self> {
        let program = Library::this();
        // SAFETY: the signatures are those of libuv 1, whose ABI is stable. The program, and so its functions, exist as long
        // as the addon.
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
    /// Makes poll handles for the reactors of all I/O threads, and polls them from now on. `None` if that fails.
    pub(in crate::addon) fn start(
        env: &Env,
        listener: &Function<'_, (), ()>,
        runtime: &Arc<Runtime>,
    ) -> Option<Self> {
        let uv = Uv::get()?;
        let poll_state = Rc::new(RefCell::new(PollState {
            handles: Vec::new(),
            uv,
            is_polling: false,
            policy: ReadPolicy::new(),
        }));
        for io in runtime.ios() {
            let handle = PollHandle::new(env, listener, &poll_state, runtime, io, uv)?;
            poll_state.borrow_mut().handles.push(handle);
        }
        poll_state.borrow_mut().set_polling(true);
        Some(Self(poll_state))
    }

    /// The I/O threads read again. Closes the handles.
    pub(in crate::addon) fn close(self) {
        let mut poll_state = self.0.borrow_mut();
        poll_state.set_polling(false);
        for handle in std::mem::take(&mut poll_state.handles) {
            // SAFETY: called on the thread of the environment, before its end, and once for each handle.
            unsafe { PollHandle::close(handle) };
        }
    }

    /// JavaScript has got a batch of events. It counts if the I/O threads read.
    pub(in crate::addon) fn batch(&self, events: usize) {
        let poll_state = &mut *self.0.borrow_mut();
        if !poll_state.is_polling && poll_state.policy.handle_batch(events) {
            poll_state.set_polling(true);
        }
    }
}

impl PollState {
    /// Sets whether the JavaScript thread polls the reactors, or the I/O threads.
    fn set_polling(&mut self, is_polling: bool) {
        self.is_polling = is_polling;
        for &handle in &self.handles {
            // SAFETY: it is freed only after its handle has been closed, by `close` or at the end of the environment.
            unsafe {
                let PollHandle { io, handle, .. } = &*handle;
                if is_polling {
                    (self.uv.poll_start)(*handle, UV_READABLE, on_readable);
                } else {
                    (self.uv.poll_stop)(*handle);
                }
                io.set_driven_by_js(is_polling);
            }
        }
    }

    /// The JavaScript thread has polled.
    fn record(&mut self, count: PollCount, start: Option<Instant>) {
        if self.is_polling && self.policy.handle_poll(count, start, Instant::now) {
            self.set_polling(false);
        }
    }
}

impl PollHandle {
    /// Makes a handle. It is closed, and then freed, at the end of the environment at the latest.
    fn new(
        env: &Env,
        listener: &Function<'_, (), ()>,
        poll_state: &Rc<RefCell<PollState>>,
        runtime: &Arc<Runtime>,
        io: &Arc<Io>,
        uv: &'static Uv,
    ) -> Option<*mut Self> {
        // SAFETY: called on the thread of `env`, from JavaScript. `handle` is zeroed memory of the size that libuv needs. It
        // is freed here if `uv_poll_init` fails, and by `on_closed` otherwise.
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
            // The handle does not keep the process alive; sessions do that by themselves.
            (uv.unref)(handle);
            let mut reference = ptr::null_mut();
            sys::napi_create_reference(env.raw(), listener.raw(), 1, &raw mut reference);
            let this = Box::into_raw(Box::new(Self {
                env: env.raw(),
                listener: reference,
                poll_state: Rc::downgrade(poll_state),
                runtime: runtime.clone(),
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

    /// Begins to close the handle. Its callback is not called after that.
    ///
    /// # Safety
    /// Must be called once, on the thread of the environment, before or during its cleanup.
    unsafe fn close(this: *mut Self) {
        // SAFETY: the caller's promise. `on_closed`, which libuv calls later, frees it.
        unsafe {
            let poll = &*this;
            poll.closing.set(true);
            sys::napi_delete_reference(poll.env, poll.listener);
            (poll.uv.close)(poll.handle, on_closed);
        }
    }

    fn poll_once(&self) {
        let poll_state = self.poll_state.upgrade();
        let is_timed = poll_state
            .as_ref()
            .is_some_and(|poll_state| poll_state.borrow().policy.wants_start());
        let start = is_timed.then(Instant::now);
        let count = self.io.reactor().poll_once();
        if let Some(poll_state) = poll_state {
            poll_state.borrow_mut().record(count, start);
        }
        if self.runtime.events.is_empty() {
            // Sends pongs, for which JavaScript is not called.
            return self.runtime.flush();
        }
        self.call_listener();
    }

    fn call_listener(&self) {
        let mut scope = ptr::null_mut();
        let mut listener = ptr::null_mut();
        let mut global = ptr::null_mut();
        let mut result = ptr::null_mut();
        // SAFETY: called by libuv on the thread of `env`, outside of JavaScript, before the end of the environment.
        unsafe {
            sys::napi_open_handle_scope(self.env, &raw mut scope);
            sys::napi_get_reference_value(self.env, self.listener, &raw mut listener);
            sys::napi_get_global(self.env, &raw mut global);
            // Unlike `napi_call_function`, this also runs the next ticks. One of them may throw the exception of an
            // application's listener again.
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

/// Called by libuv when the descriptor of a reactor is readable.
unsafe extern "C" fn on_readable(handle: *mut c_void, _status: c_int, _events: c_int) {
    // A panic must not reach libuv. The panic hook has reported it.
    let _ = std::panic::catch_unwind(|| {
        let Some(uv) = Uv::get() else { return };
        // SAFETY: the data of a handle is set before the handle is started, and freed after it has been closed.
        unsafe { &*(uv.handle_get_data)(handle).cast::<PollHandle>() }.poll_once();
    });
}

/// Called by Node when the environment ends.
unsafe extern "C" fn on_cleanup(hook: sys::napi_async_cleanup_hook_handle, data: *mut c_void) {
    // SAFETY: `data` is the `PollHandle` that the hook was added with. `on_closed` frees it.
    unsafe {
        let handle = data.cast::<PollHandle>();
        (*handle).cleanup.set(hook);
        if !(*handle).closing.get() {
            PollHandle::close(handle);
        }
    }
}

/// Called by libuv when a handle has been closed.
unsafe extern "C" fn on_closed(handle: *mut c_void) {
    let Some(uv) = Uv::get() else { return };
    // SAFETY: called once, when libuv no longer uses the handle. The box came from `Box::into_raw`, and the memory from
    // `alloc_zeroed` with this layout.
    unsafe {
        let poll = Box::from_raw((uv.handle_get_data)(handle).cast::<PollHandle>());
        dealloc(handle.cast(), poll.layout);
        sys::napi_remove_async_cleanup_hook(poll.cleanup.get());
    }
}
