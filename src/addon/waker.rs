//! Wakes the JavaScript thread when events wait, by one threadsafe function without arguments.
#![allow(
    unsafe_code,
    reason = "a threadsafe function of napi-rs allocates memory for each call"
)]

use std::ffi::c_void;
use std::ptr;
use std::sync::{Arc, Mutex};

use napi::bindgen_prelude::*;
use napi::sys;

use crate::lock;
use crate::server::events::Waker;

/// A threadsafe function of Node. It exists only while something may wake JavaScript, because tools that look for open
/// handles report it.
#[derive(Debug, Default)]
pub(super) struct JsWaker {
    // A std Mutex: held while the function is called, which does not block.
    function: Mutex<Option<ThreadsafeFunction>>,
}

#[derive(Debug)]
struct ThreadsafeFunction(sys::napi_threadsafe_function);

// SAFETY: a napi_threadsafe_function may be called from any thread. Node owns it and locks it.
unsafe impl Send for ThreadsafeFunction {}

impl JsWaker {
    /// From now on, `wake` calls `listener`. That alone does not keep the process alive: see [`JsWaker::keep_alive`].
    pub(super) fn start(
        self: &Arc<Self>,
        env: &Env,
        listener: &Function<'_, (), ()>,
    ) -> Result<()> {
        let mut name = ptr::null_mut();
        let mut function = ptr::null_mut();
        self.stop(env);
        // SAFETY: `env` and `listener` are valid during this call from JavaScript. The name has the given length. No
        // finalizer, context or data is passed. The cleanup hook is added after the function was created, so it runs
        // before Node frees the function. It owns a reference to `self`, which `forget` or `stop` drops.
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
            sys::napi_unref_threadsafe_function(env.raw(), function);
            let hook = Arc::into_raw(self.clone()).cast_mut().cast();
            sys::napi_add_env_cleanup_hook(env.raw(), Some(forget), hook);
        }
        *lock(&self.function) = Some(ThreadsafeFunction(function));
        Ok(())
    }

    /// Releases the function. From now on, `wake` does nothing.
    pub(super) fn stop(self: &Arc<Self>, env: &Env) {
        let Some(ThreadsafeFunction(function)) = lock(&self.function).take() else {
            return;
        };
        // SAFETY: called on the thread of `env`, before its end. The hook has not run, because it takes the function. The
        // reference that is dropped was the hook's. No other thread has the function, because it was taken.
        unsafe {
            let hook = Arc::as_ptr(self).cast_mut();
            sys::napi_remove_env_cleanup_hook(env.raw(), Some(forget), hook.cast());
            drop(Arc::from_raw(hook));
            sys::napi_release_threadsafe_function(
                function,
                sys::ThreadsafeFunctionReleaseMode::release,
            );
        }
    }

    /// Sets whether the function keeps the process alive.
    pub(super) fn keep_alive(&self, env: &Env, alive: bool) {
        let Some(ThreadsafeFunction(function)) = &*lock(&self.function) else {
            return;
        };
        // SAFETY: called on the thread of `env`, before its end, with a function that `start` has created. These calls
        // fail only while it closes.
        unsafe {
            if alive {
                sys::napi_ref_threadsafe_function(env.raw(), *function);
            } else {
                sys::napi_unref_threadsafe_function(env.raw(), *function);
            }
        }
    }
}

impl Waker for Arc<JsWaker> {
    fn wake(&self) {
        let Some(ThreadsafeFunction(function)) = &*lock(&self.function) else {
            return;
        };
        // SAFETY: the function exists until it is taken out of `self.function`, which needs the lock. The only error is
        // that it closes, and then JavaScript need not be woken.
        let _ = unsafe {
            sys::napi_call_threadsafe_function(
                *function,
                ptr::null_mut(),
                sys::ThreadsafeFunctionCallMode::nonblocking,
            )
        };
    }
}

/// Called by Node when the environment ends, before it frees the function.
unsafe extern "C" fn forget(waker: *mut c_void) {
    // SAFETY: the hook was added with a reference to the waker, and runs once.
    let waker = unsafe { Arc::from_raw(waker.cast::<JsWaker>()) };
    lock(&waker.function).take();
}

/// Called by Node on the JavaScript thread, once for each `wake`.
unsafe extern "C" fn call(
    env: sys::napi_env,
    listener: sys::napi_value,
    _context: *mut c_void,
    _data: *mut c_void,
) {
    // Node passes null while the environment ends.
    if env.is_null() || listener.is_null() {
        return;
    }
    let mut undefined = ptr::null_mut();
    let mut result = ptr::null_mut();
    // SAFETY: Node calls this with a valid environment, and with the listener that was given to `start`. The listener
    // (`Engine.drain` in `lib/engine.js`) does not throw. If it did, Node would report the exception.
    unsafe {
        sys::napi_get_undefined(env, &raw mut undefined);
        sys::napi_call_function(env, undefined, listener, 0, ptr::null(), &raw mut result);
    }
}
