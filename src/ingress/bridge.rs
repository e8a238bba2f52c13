//! The bridge, which works on every platform: JavaScript hands in requests and bytes, and writes what comes out.
//!
//! All of it runs on the JavaScript thread. What is written in the course of time is announced with
//! `Event::Output`, and JavaScript takes it when its own stream can have more.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::protocol::closing::Cause;
use crate::protocol::websocket_kind::WebsocketKind;
use crate::server::Service;
use crate::server::bodies::{Admission, BodyPlan};
use crate::server::connection::{Attachment, Permit};
use crate::server::dispatch::{Head, Plan, Reply};
use crate::server::events::RequestInfo;
pub use crate::server::send_buffer::Take;
use crate::server::send_buffer::{Destination, SendBuffer};
use crate::server::websocket_reader::Reader;
use crate::{catch_panic, may_panic};

/// What JavaScript holds by number: responses and websockets that are under way.
#[derive(Debug, Default)]
pub struct Bridge {
    open: HashMap<u32, Open>,
    bodies: HashMap<u32, Pending>,
}

/// A request whose body is being read, or waits.
#[derive(Debug)]
struct Pending {
    service: Arc<Service>,
    plan: BodyPlan,
    permit: Option<Permit>,
}

#[derive(Debug)]
enum Open {
    Response(
        Arc<SendBuffer>,
        #[expect(dead_code, reason = "held to be dropped")] Option<Attachment>,
    ),
    Websocket(Arc<SendBuffer>, Reader),
}

/// What JavaScript does with a request.
#[derive(Debug)]
pub enum Answer {
    /// Write this response.
    Full(http::Response<Bytes>),
    /// Write this head, then what comes out of the send buffer, whose number is that of the request.
    Stream {
        response: http::Response<()>,
        /// A session was opened.
        has_opened: bool,
        /// Something waits in the send buffer, or nothing ever will.
        has_bytes: bool,
    },
    /// Read the body, at most `max_message_size` bytes, and call again with it.
    Body,
    /// Call again with the body when the connection is resumed that [`Bridge::waits_for`] names.
    Wait,
}

impl Bridge {
    /// Answers a request that JavaScript knows as `id`.
    pub fn request(&mut self, service: &Arc<Service>, id: u32, head: &Head<'_>) -> Answer {
        may_panic("request");
        match service.plan(
            head,
            || Destination::NodeBody(id),
            |transport, _| RequestInfo::Node { id, transport },
        ) {
            Plan::Reply(reply) => self.answer(id, reply),
            Plan::Body(plan) => {
                let pending = Pending {
                    service: service.clone(),
                    plan,
                    permit: None,
                };
                self.bodies.insert(id, pending);
                Answer::Body
            }
        }
    }

    /// Answers the request `id` now that its body is there; `None` is a body that is too long.
    pub fn body(&mut self, id: u32, body: Option<&[u8]>) -> Option<Answer> {
        may_panic("body");
        let Pending { service, plan, .. } = self.bodies.remove(&id)?;
        let admission = match body {
            Some(_) => plan.admit(&service),
            None => Admission::Now,
        };
        let reply = match admission {
            Admission::Now => plan.finish_now(&service, body),
            Admission::TooManyWaiting => plan.too_many_waiting(&service),
            Admission::Wait(permit) => {
                let pending = Pending {
                    service,
                    plan,
                    permit: Some(permit),
                };
                self.bodies.insert(id, pending);
                return Some(Answer::Wait);
            }
        };
        Some(self.answer(id, reply))
    }

    /// The key of the paused connection that the body of `id` waits for.
    pub fn waits_for(&self, id: u32) -> Option<u32> {
        let permit = self.bodies.get(&id)?.permit.as_ref()?;
        Some(permit.connection().key())
    }

    fn answer(&mut self, id: u32, reply: Reply) -> Answer {
        match reply {
            Reply::Full(response) => Answer::Full(response),
            Reply::Stream {
                response,
                send_buffer,
                attachment,
            } => {
                let has_opened = attachment.as_ref().is_some_and(Attachment::has_opened);
                let has_bytes = send_buffer.has_ended() || send_buffer.buffered() > 0;
                self.open
                    .insert(id, Open::Response(send_buffer, attachment));
                Answer::Stream {
                    response,
                    has_opened,
                    has_bytes,
                }
            }
        }
    }

    /// Opens a websocket whose handshake has been accepted; its bytes come and go under `id`.
    pub fn websocket(
        &mut self,
        service: &Arc<Service>,
        id: u32,
        kind: WebsocketKind,
        response: &[u8],
    ) {
        may_panic("accept");
        let send_buffer = SendBuffer::new(Destination::Node(id));
        let reader = Reader::open(service, &send_buffer, kind, response, id);
        self.open.insert(id, Open::Websocket(send_buffer, reader));
    }

    /// Bytes from the client of a websocket.
    pub fn feed(&mut self, id: u32, bytes: &[u8]) {
        if let Some(Open::Websocket(_, reader)) = self.open.get_mut(&id) {
            // A copy, because others may look at the same Buffer and decoding unmasks in place.
            let fed = catch_panic(|| {
                may_panic("feed");
                reader.feed(&mut bytes.to_vec());
            });
            if fed.is_none() {
                reader.connection().end(Cause::Panic);
            }
        }
    }

    /// Moves what JavaScript is to write into `to`: one frame of a response, or of a websocket as much as has
    /// room there. With the last of it, `id` is over.
    pub fn take(&mut self, id: u32, to: &mut [u8]) -> Take {
        let Some(Open::Response(send_buffer, _) | Open::Websocket(send_buffer, _)) =
            self.open.get(&id)
        else {
            return Take::Bytes(0);
        };
        let taken = catch_panic(|| {
            may_panic("bridge");
            send_buffer.take(to)
        });
        let taken = taken.unwrap_or(Take::Aborted);
        if let Take::Last(_) = taken {
            self.end(id);
        }
        taken
    }

    /// How many bytes the frame has that [`Bridge::take`] has called large.
    pub fn next_frame(&self, id: u32) -> usize {
        match self.open.get(&id) {
            Some(Open::Response(send_buffer, _)) => send_buffer.next_frame(),
            _ => 0,
        }
    }

    /// The client of `id` is gone.
    pub fn end(&mut self, id: u32) {
        let gone = (self.open.remove(&id), self.bodies.remove(&id));
        // A panic while they let go of their sessions costs nobody else.
        let _ = catch_panic(|| drop(gone));
    }
}
