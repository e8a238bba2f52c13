//! What an application does with a connection, by the key of its session.

use std::sync::Arc;

use napi::bindgen_prelude::*;
use napi_derive::napi;

use super::NativeEngine;
use crate::protocol::closing::{Cause, CloseFrame};
use crate::server::connection::{Connection, Outgoing, Sent};
use crate::{catch_panic, may_panic};

#[napi]
impl NativeEngine {
    /// Sends bytes over a raw websocket. Returns what `write` of the fast path returns.
    #[napi(catch_unwind)]
    pub fn write_binary(&self, key: u32, bytes: Uint8Array) -> bool {
        let send = |connection: &Arc<Connection>| connection.send(Outgoing::Binary(&bytes));
        self.with_connection(key, Sent::Taken, send) == Sent::Taken
    }

    /// Closes a session with this `c` frame.
    #[napi(catch_unwind)]
    pub fn close(&self, key: u32, frame: String) {
        self.with_connection(key, (), |connection| {
            may_panic("close");
            connection.end(Cause::ApplicationClosed(frame.into_bytes()));
        });
    }

    /// Closes a raw websocket; without a reason it is closing and no frame is sent.
    #[napi(catch_unwind)]
    pub fn close_raw(&self, key: u32, code: u16, reason: Option<&[u8]>) {
        self.with_connection(key, (), |connection| {
            let frame = reason.map(|reason| CloseFrame::new(code, reason));
            connection.end(Cause::ApplicationClosedRaw(frame));
        });
    }

    /// JavaScript has handled all events before [`ClientClose`](crate::server::events::Event::ClientClose): closes.
    #[napi(catch_unwind)]
    pub fn finish_client_close(&self, key: u32) {
        self.with_connection(key, (), Connection::finish_client_close);
    }

    /// Ends the response that receives for a session, or its websocket without a `c` frame.
    #[napi(catch_unwind)]
    pub fn end_receiver(&self, key: u32) {
        self.with_connection(key, (), |connection| connection.end(Cause::ReceiverDone));
    }

    /// The response that receives now, by its number among those of the session; 0 for none.
    #[napi(catch_unwind)]
    pub fn receiver(&self, key: u32) -> u32 {
        self.with_connection(key, 0, |connection| connection.receiver())
    }

    /// Ends a session that nobody receives for.
    #[napi(catch_unwind)]
    pub fn end_session(&self, key: u32) {
        self.with_connection(key, (), |connection| {
            connection.end(Cause::SessionAbandoned);
        });
    }

    /// The whole request behind the event in this row of the table, while JavaScript handles that.
    #[napi(catch_unwind)]
    pub fn whole_request(&self, row: u32) -> Option<String> {
        let state = self.state.borrow();
        let latin1 = state.request(row)?;
        Some(latin1.iter().copied().map(char::from).collect())
    }

    /// Stops or restarts reading from the client.
    #[napi(catch_unwind)]
    pub fn pause(&self, key: u32, paused: bool) {
        self.with_connection(key, (), |connection| connection.pause(paused));
    }

    /// Bytes that the client has not taken.
    #[napi(catch_unwind)]
    pub fn buffered(&self, key: u32) -> f64 {
        let buffered = self.with_connection(key, 0, |connection| connection.buffered());
        #[expect(
            clippy::cast_precision_loss,
            reason = "buffers are far below 2^53 bytes"
        )]
        let buffered = buffered as f64;
        buffered
    }
}

impl NativeEngine {
    /// Does something with a connection, unless JavaScript has been told of its end. A panic costs this
    /// connection, and does not become an exception of the application's.
    fn with_connection<T: Copy>(
        &self,
        key: u32,
        nothing: T,
        run: impl FnOnce(&Arc<Connection>) -> T,
    ) -> T {
        let connection = self.state.borrow().connection(key).cloned();
        let Some(connection) = connection else {
            return nothing;
        };
        catch_panic(|| run(&connection)).unwrap_or_else(|| {
            let _ = catch_panic(|| connection.end(Cause::Panic));
            nothing
        })
    }
}
