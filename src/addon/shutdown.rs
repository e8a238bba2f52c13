//! Ends a runtime with its environment, or before that, when its engine is garbage.
#![allow(
    unsafe_code,
    reason = "napi-rs does not free a cleanup hook that is removed"
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

/// Ends a runtime once. Used on the JavaScript thread only.
#[derive(Debug)]
pub(super) struct Shutdown {
    /// `None` after the end.
    left: RefCell<Option<Parts>>,
}

#[derive(Debug)]
struct Parts {
    runtime: Arc<Runtime>,
    state: Rc<RefCell<State>>,
}

impl Shutdown {
    /// Ends the runtime when the environment ends, unless [`Shutdown::now`] was called before.
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
        // SAFETY: the hook owns a reference to `this`, which `on_cleanup` or `now` drops.
        check_status!(unsafe {
            sys::napi_add_env_cleanup_hook(env.raw(), Some(on_cleanup), hook.cast())
        })?;
        Ok(this)
    }

    /// Ends the runtime, unless the environment has ended.
    pub(super) fn now(self: &Rc<Self>, env: &Env) {
        if !self.run() {
            return;
        }
        let hook = Rc::as_ptr(self).cast_mut();
        // SAFETY: called on the thread of `env`. The hook has not run, because `run` has returned true; its reference is
        // dropped once.
        unsafe {
            sys::napi_remove_env_cleanup_hook(env.raw(), Some(on_cleanup), hook.cast());
            drop(Rc::from_raw(hook));
        }
    }

    /// Returns false if the runtime had ended before.
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

/// Called by Node when the environment ends.
unsafe extern "C" fn on_cleanup(shutdown: *mut c_void) {
    // SAFETY: the hook was added with a reference to the `Shutdown`, and runs once.
    let shutdown = unsafe { Rc::from_raw(shutdown.cast::<Shutdown>()) };
    shutdown.run();
}
