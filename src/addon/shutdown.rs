//! How an engine ends: with its environment, or when JavaScript's garbage collector is first.
#![allow(
    unsafe_code,
    reason = "napi-rs's own hooks keep what they hold when they are removed"
)]

use std::cell::RefCell;
use std::ffi::c_void;
use std::rc::Rc;
use std::sync::Arc;

use napi::bindgen_prelude::*;
use napi::sys;

use super::state::State;
use crate::catch_panic;
use crate::server::Runtime;

/// What has to end. JavaScript thread only.
#[derive(Debug)]
pub(super) struct Shutdown {
    /// None when it has ended.
    left: RefCell<Option<Parts>>,
}

#[derive(Debug)]
struct Parts {
    runtime: Arc<Runtime>,
    state: Rc<RefCell<State>>,
}

impl Shutdown {
    /// Ends them when the environment ends, unless [`Shutdown::now`] did.
    pub(super) fn with(
        env: &Env,
        runtime: &Arc<Runtime>,
        state: &Rc<RefCell<State>>,
    ) -> Result<Rc<Self>> {
        let this = Rc::new(Self {
            left: RefCell::new(Some(Parts {
                runtime: runtime.clone(),
                state: state.clone(),
            })),
        });
        let hook = Rc::into_raw(this.clone()).cast_mut();
        // SAFETY: the hook owns a count of `this`, which `on_cleanup` or `now` gives back.
        check_status!(unsafe {
            sys::napi_add_env_cleanup_hook(env.raw(), Some(on_cleanup), hook.cast())
        })?;
        Ok(this)
    }

    /// Ends them, unless the environment did.
    pub(super) fn now(self: &Rc<Self>, env: &Env) {
        if !self.run() {
            return;
        }
        let hook = Rc::as_ptr(self).cast_mut();
        // SAFETY: called on the thread of `env`; the hook has not run, and its count is given back once.
        unsafe {
            sys::napi_remove_env_cleanup_hook(env.raw(), Some(on_cleanup), hook.cast());
            drop(Rc::from_raw(hook));
        }
    }

    /// Whether it was left to do.
    fn run(&self) -> bool {
        let Some(Parts { runtime, state }) = self.left.take() else {
            return false;
        };
        let _ = catch_panic(|| {
            runtime.stop();
            state.borrow_mut().clear();
        });
        true
    }
}

/// The environment ends.
unsafe extern "C" fn on_cleanup(shutdown: *mut c_void) {
    // SAFETY: the hook was added with a count of the shutdown, and runs once.
    let shutdown = unsafe { Rc::from_raw(shutdown.cast::<Shutdown>()) };
    shutdown.run();
}
