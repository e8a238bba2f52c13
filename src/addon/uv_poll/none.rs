//! For platforms where sockets cannot be taken from Node: there is nothing to poll.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use napi::bindgen_prelude::*;

use crate::addon::state::State;
use crate::server::io::Io;

/// Has no values.
#[derive(Debug)]
pub(in crate::addon) enum UvPoll {}

impl UvPoll {
    pub(in crate::addon) fn start(
        _env: &Env,
        _listener: &Function<'_, (), ()>,
        _state: &Rc<RefCell<State>>,
        _ios: &[Arc<Io>],
    ) -> Option<Self> {
        None
    }

    pub(in crate::addon) fn close(self) {
        match self {}
    }

    pub(in crate::addon) fn batch(&mut self, _events: usize) {
        match *self {}
    }
}
