//! Calls the JavaScript thread when events wait: one threadsafe function without arguments.
#![allow(
    unsafe_code,
    reason = "napi-rs's own threadsafe function allocates for every call"
)]

use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;

use napi::bindgen_prelude::*;
use napi::sys;

use crate::server::engine::Silence;
use crate::server::events::Doorbell;

/// A threadsafe function of Node. Unreferenced to begin with: it does not keep the process alive.
#[derive(Debug)]
pub(super) struct Bell {
    function: sys::napi_threadsafe_function,
    silence: Arc<Silence>,
}

// SAFETY: a napi_threadsafe_function may be called from any thread; Node owns and locks what is behind it.
unsafe impl Send for Bell {}
// SAFETY: as above; the handle itself is never changed.
unsafe impl Sync for Bell {}

impl Bell {
    /// A bell that calls `listener`.
    pub(super) fn new(
        env: &Env,
        listener: &Function<'_, (), ()>,
        silence: Arc<Silence>,
    ) -> Result<Self> {
        let mut name = ptr::null_mut();
        let mut function = ptr::null_mut();
        // SAFETY: `env` and `listener` are valid during this call from JavaScript; the name is a literal
        // of the given length; no finalizer, context or data is passed.
        unsafe {
            check_status!(sys::napi_create_string_utf8(
                env.raw(),
                c"sockjs-rs".as_ptr(),
                9,
                &raw mut name
            ))?;
            check_status!(sys::napi_create_threadsafe_function(
                env.raw(),
                listener.raw(),
                ptr::null_mut(),
                name,
                0,
                1,
                ptr::null_mut(),
                None,
                ptr::null_mut(),
                Some(call),
                &raw mut function
            ))?;
            check_status!(sys::napi_unref_threadsafe_function(env.raw(), function))?;
        }
        Ok(Self { function, silence })
    }

    /// Another handle to the same bell.
    pub(super) fn handle(&self) -> Self {
        Self {
            function: self.function,
            silence: self.silence.clone(),
        }
    }

    /// Whether the process stays alive for what may still ring.
    pub(super) fn keep_alive(&self, env: &Env, alive: bool) -> Result<()> {
        // SAFETY: called on the thread of `env`, before its end, with the function made above.
        unsafe {
            if alive {
                check_status!(sys::napi_ref_threadsafe_function(env.raw(), self.function))
            } else {
                check_status!(sys::napi_unref_threadsafe_function(
                    env.raw(),
                    self.function
                ))
            }
        }
    }
}

impl Doorbell for Bell {
    fn ring(&self) {
        if self.silence.is_set() {
            return;
        }
        // SAFETY: the function lives until the environment ends. Its cleanup hook, which runs before
        // Node frees the function, sets the silence and then waits for the threads that ring.
        // An error can only be "closing", after which nobody listens.
        let _ = unsafe {
            sys::napi_call_threadsafe_function(
                self.function,
                ptr::null_mut(),
                sys::ThreadsafeFunctionCallMode::nonblocking,
            )
        };
    }
}

/// Runs on the JavaScript thread, once for each ring.
unsafe extern "C" fn call(
    env: sys::napi_env,
    listener: sys::napi_value,
    _context: *mut c_void,
    _data: *mut c_void,
) {
    // Node passes null while the environment is being torn down.
    if env.is_null() || listener.is_null() {
        return;
    }
    let mut undefined = ptr::null_mut();
    let mut result = ptr::null_mut();
    // SAFETY: Node calls this with a valid environment and the listener given at creation. The listener
    // (lib/engine.js) does not throw; were it to, Node reports the pending exception.
    unsafe {
        sys::napi_get_undefined(env, &raw mut undefined);
        sys::napi_call_function(env, undefined, listener, 0, ptr::null(), &raw mut result);
    }
}
