//! Attaches receivers: responses and websockets.

use std::sync::Arc;
use std::time::Instant;

use super::websocket_sender::WebsocketSender;
use super::{Connection, Inner, Receiver};
use crate::lock;
use crate::protocol::closing::Cause;
use crate::protocol::session::{Attach, BUSY_FRAME, Detach, Event as SessionEvent, State};
use crate::protocol::transport::Wrapper;
use crate::protocol::websocket_kind::WebsocketKind;
use crate::server::events::{Event, RequestInfo};
use crate::server::send_buffer::SendBuffer;

/// Keeps a response attached. If it is dropped before the response has ended, the client has aborted.
#[derive(Debug)]
pub struct Attachment {
    connection: Arc<Connection>,
    receiver: u64,
    opened: bool,
}

impl Attachment {
    /// Whether the session has opened with this receiver.
    pub fn has_opened(&self) -> bool {
        self.opened
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        self.connection.end(Cause::ResponseAborted(self.receiver));
    }
}

impl Connection {
    /// Attaches a response. Returns `None` if the session has ended; the caller then looks it up again. If another
    /// receiver is attached, writes the frame that says so, ends the response, and returns no attachment.
    pub fn attach_response(
        self: &Arc<Self>,
        wrapper: &Wrapper,
        send_buffer: &Arc<SendBuffer>,
        request_info: impl Fn(bool) -> RequestInfo,
    ) -> Option<Option<Attachment>> {
        let now = Instant::now();
        let mut inner = lock(&self.inner);
        let opened = inner.session.state() == State::Connecting;
        match inner.session.attach(now, wrapper.http().transport) {
            Attach::Gone => return None,
            // The client may have left, and its next request be here, before its old connection is seen to have ended.
            Attach::Busy
                if inner
                    .send_buffer()
                    .is_some_and(|send_buffer| send_buffer.is_client_gone()) =>
            {
                inner.detach(now, Detach::Aborted);
                self.settle(&mut inner, now);
                return None;
            }
            Attach::Busy => {
                drop(inner);
                send_buffer.write(|out| {
                    wrapper.wrap(BUSY_FRAME, out);
                });
                send_buffer.end();
                return Some(None);
            }
            Attach::Attached => {}
        }
        inner.last_receiver += 1;
        let id = inner.last_receiver;
        inner.receiver = Some(Receiver::Response {
            id,
            wrapper: wrapper.clone(),
            send_buffer: send_buffer.clone(),
            written: 0,
            limit: wrapper.http().limit(self.context.options.response_limit),
        });
        // 0.3.24 does not decorate the connection with a request that only fetches the close frame.
        if inner.session.is_open() {
            self.announce(&mut inner, request_info(self.request_interest.may_ask()));
        }
        self.settle(&mut inner, now);
        Some(Some(Attachment {
            connection: self.clone(),
            receiver: id,
            opened,
        }))
    }

    /// Attaches a websocket.
    pub fn attach_websocket(
        self: &Arc<Self>,
        send_buffer: &Arc<SendBuffer>,
        kind: WebsocketKind,
        request_info: RequestInfo,
    ) {
        let now = Instant::now();
        let mut inner = lock(&self.inner);
        inner.session.attach(now, kind.transport());
        if kind == WebsocketKind::Hixie76 {
            inner.session.beat_without_pings();
        }
        inner.receiver = Some(Receiver::Websocket);
        inner.websocket = Some(WebsocketSender::new(
            send_buffer,
            kind,
            now,
            self.context.options.ping,
        ));
        self.announce(&mut inner, request_info);
        self.settle(&mut inner, now);
    }

    /// Reports a new connection, or the new request of an open one.
    fn announce(self: &Arc<Self>, inner: &mut Inner, request_info: RequestInfo) {
        let event = match inner.session.poll_event() {
            Some(SessionEvent::Opened) => Event::Open {
                key: self.key,
                service: self.context.id,
                connection: self.clone(),
                request_info,
            },
            _ => Event::Attached {
                key: self.key,
                request_info,
            },
        };
        self.runtime().events.push(event);
    }
}
