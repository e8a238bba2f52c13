//! For platforms where sockets cannot be taken from Node: there is nothing to poll.

use std::sync::Arc;

use napi::bindgen_prelude::*;

use crate::server::Runtime;

/// Has no values.
#[derive(Debug)]
pub(in crate::addon) enum UvPoll {}

impl UvPoll {
    pub(in crate::addon) fn start(
        _env: &Env,
        _listener: &Function<'_, (), ()>,
        _runtime: &Arc<Runtime>,
    ) -> Option<Self> {
        None
    }

    pub(in crate::addon) fn close(self) {
        match self {}
    }

    pub(in crate::addon) fn batch(&self, _events: usize) {
        match *self {}
    }
}
