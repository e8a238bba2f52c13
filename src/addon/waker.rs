//! Calls the JavaScript thread when events wait: one threadsafe function without arguments.
#![allow(
    unsafe_code,
    reason = "napi-rs's own threadsafe function allocates for every call"
)]

use std::ffi::c_void;
use std::ptr;
use std::sync::{Arc, Mutex};

use napi::bindgen_prelude::*;
use napi::sys;

use crate::lock;
use crate::server::events::Waker;

/// A threadsafe function of Node, which is there only while something may wake JavaScript: tools that look for open
/// handles count it as one.
#[derive(Debug, Default)]
pub(super) struct JsWaker {
    // A std Mutex: held during the call, which does not block.
    function: Mutex<Option<ThreadsafeFunction>>,
}

#[derive(Debug)]
struct ThreadsafeFunction(sys::napi_threadsafe_function);

// SAFETY: a napi_threadsafe_function may be called from any thread; Node owns and locks what is behind it.
unsafe impl Send for ThreadsafeFunction {}

impl JsWaker {
    /// From now on `wake` calls `listener`. By itself that does not keep the process alive.
    pub(super) fn start(
        self: &Arc<Self>,
        env: &Env,
        listener: &Function<'_, (), ()>,
    ) -> Result<()> {
        let mut name = ptr::null_mut();
        let mut function = ptr::null_mut();
        self.stop(env);
        // SAFETY: `env` and `listener` are valid during this call from JavaScript; the name is a literal
        // of the given length; no finalizer, context or data is passed. The hook runs before Node frees
        // the function, because it is added after it; it owns a count of `self`, which `forget` or
        // `stop` gives back.
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

    /// Wakes no more, and gives the function back.
    pub(super) fn stop(self: &Arc<Self>, env: &Env) {
        let Some(ThreadsafeFunction(function)) = lock(&self.function).take() else {
            return;
        };
        // SAFETY: called on the thread of `env`, before its end: the hook has not run, or there would be no
        // function. The count was the hook's. Nobody else has the function by now.
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

    /// Whether the process stays alive while JavaScript may still be woken.
    pub(super) fn keep_alive(&self, env: &Env, alive: bool) {
        let Some(ThreadsafeFunction(function)) = &*lock(&self.function) else {
            return;
        };
        // SAFETY: called on the thread of `env`, before its end, with the function made above. These fail
        // only when it is closing, which nobody waits for.
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
        // SAFETY: the function is there until it is taken out of its place, which waits for the lock. An
        // error can only be "closing", after which nobody listens.
        let _ = unsafe {
            sys::napi_call_threadsafe_function(
                *function,
                ptr::null_mut(),
                sys::ThreadsafeFunctionCallMode::nonblocking,
            )
        };
    }
}

/// The environment ends, and Node frees the function.
unsafe extern "C" fn forget(waker: *mut c_void) {
    // SAFETY: the hook was added with a count of the waker, and runs once.
    let waker = unsafe { Arc::from_raw(waker.cast::<JsWaker>()) };
    lock(&waker.function).take();
}

/// Runs on the JavaScript thread, once for each `wake`.
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
