//! The native methods behind `conn`. A connection is named by its key.

use std::sync::Arc;

use napi::bindgen_prelude::*;
use napi_derive::napi;

use super::NativeEngine;
use crate::protocol::closing::{Cause, CloseFrame};
use crate::server::connection::{Connection, Outgoing, Sent};
use crate::{catch_panic, may_panic};

#[napi]
impl NativeEngine {
    /// Sends a binary frame on a raw websocket. Returns the same as `write` of the fast path.
    #[napi(catch_unwind)]
    pub fn write_binary(&self, key: u32, bytes: Uint8Array) -> bool {
        let send = |connection: &Arc<Connection>| connection.send(Outgoing::Binary(&bytes));
        self.with_connection(key, Sent::Taken, send) == Sent::Taken
    }

    /// Closes a session. `frame` is the `c` frame for its client.
    #[napi(catch_unwind)]
    pub fn close(&self, key: u32, frame: String) {
        self.with_connection(key, (), |connection| {
            may_panic("close");
            connection.end(Cause::ApplicationClosed(frame.into_bytes()));
        });
    }

    /// Closes a raw websocket. Without a reason, no close frame is sent.
    #[napi(catch_unwind)]
    pub fn close_raw(&self, key: u32, code: u16, reason: Option<&[u8]>) {
        self.with_connection(key, (), |connection| {
            let frame = reason.map(|reason| CloseFrame::new(code, reason));
            connection.end(Cause::ApplicationClosedRaw(frame));
        });
    }

    /// JavaScript has handled a [`ClientClose`](crate::server::events::Event::ClientClose) and all events before it: the
    /// websocket ends.
    #[napi(catch_unwind)]
    pub fn finish_client_close(&self, key: u32) {
        self.with_connection(key, (), Connection::finish_client_close);
    }

    /// Ends the receiver of a session: its response, or its websocket without a `c` frame.
    #[napi(catch_unwind)]
    pub fn end_receiver(&self, key: u32) {
        self.with_connection(key, (), |connection| connection.end(Cause::ReceiverDone));
    }

    /// The number of the response that is the receiver now, counted from 1; 0 if there is none.
    #[napi(catch_unwind)]
    pub fn receiver(&self, key: u32) -> u32 {
        self.with_connection(key, 0, |connection| connection.receiver())
    }

    /// Ends a session without a receiver.
    #[napi(catch_unwind)]
    pub fn end_session(&self, key: u32) {
        self.with_connection(key, (), |connection| {
            connection.end(Cause::SessionAbandoned);
        });
    }

    /// The whole request behind the event in a row of the table, while JavaScript handles the events of the table.
    #[napi(catch_unwind)]
    pub fn whole_request(&self, row: u32) -> Option<String> {
        let state = self.state.borrow();
        let latin1 = state.request(row)?;
        Some(latin1.iter().copied().map(char::from).collect())
    }

    /// Stops reading from the client, or starts it again.
    #[napi(catch_unwind)]
    pub fn pause(&self, key: u32, paused: bool) {
        self.with_connection(key, (), |connection| connection.pause(paused));
    }

    /// The number of bytes that wait for the client.
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
    /// Calls `run` with a connection. Returns `nothing` if JavaScript has been told that the connection has ended. A panic
    /// ends the connection, and is not an exception in the application.
    pub(super) fn with_connection<T: Copy>(
        &self,
        key: u32,
        nothing: T,
        run: impl FnOnce(&Arc<Connection>) -> T,
    ) -> T {
        let connection = self.state.borrow().connection(key).cloned();
        let Some(connection) = connection else {
            return nothing;
        };
        catch_panic(|| {
            // What was published before comes first.
            self.runtime.fan_out.catch_up(&connection);
            run(&connection)
        })
        .unwrap_or_else(|| {
            let _ = catch_panic(|| connection.end(Cause::Panic));
            nothing
        })
    }
}
