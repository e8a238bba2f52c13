//! The bridge, which works on every platform: JavaScript passes in requests and bytes, and writes the output.
//!
//! All of it runs on the JavaScript thread. `Event::Output` announces output, which JavaScript takes when its own stream
//! accepts more.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::protocol::closing::Cause;
use crate::server::Service;
use crate::server::bodies::{Admission, BodyPlan};
use crate::server::connection::{Attachment, Permit};
use crate::server::dispatch::{Plan, plan};
use crate::server::events::RequestInfo;
use crate::server::head::Head;
use crate::server::reply::Reply;
pub use crate::server::send_buffer::Take;
use crate::server::send_buffer::{Destination, SendBuffer};
use crate::server::websocket_reader::{Accepted, Reader};
use crate::{catch_panic, may_panic};

/// Requests and websockets that are under way, by their number in JavaScript.
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

/// What JavaScript has to do with a request.
#[derive(Debug)]
pub enum Answer {
    /// Write this response.
    Full(http::Response<Bytes>),
    /// Write this head, then the bytes of the send buffer, which has the number of the request.
    Stream {
        response: http::Response<()>,
        /// The request has opened a session.
        has_opened: bool,
        /// Bytes wait in the send buffer, or it has ended.
        has_bytes: bool,
    },
    /// Read the body, at most `max_message_size` bytes, and call again with it.
    Body,
    /// The connection that [`Bridge::waits_for`] returns is paused. Call again with the body when it is resumed.
    Wait,
}

impl Bridge {
    /// Answers a request, whose number in JavaScript is `id`.
    pub fn request(&mut self, service: &Arc<Service>, id: u32, head: &Head<'_>) -> Answer {
        may_panic("request");
        match plan(
            service,
            head,
            || Destination::NodeBody(id, service.context.runtime.events.clone()),
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

    /// Answers the request `id` after its body has arrived; `None` is a body that is too long.
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

    /// The key of the paused connection for which the body of `id` waits.
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

    /// Opens a websocket.
    pub fn websocket(&mut self, accepted: &Accepted<'_>) {
        may_panic("accept");
        let id = accepted.id;
        let events = accepted.context.runtime.events.clone();
        let send_buffer = SendBuffer::new(Destination::Node(id, events));
        let reader = Reader::open(accepted, &send_buffer);
        self.open.insert(id, Open::Websocket(send_buffer, reader));
        if !accepted.read.is_empty() {
            self.feed(id, accepted.read);
        }
    }

    /// Bytes from the client of a websocket.
    pub fn feed(&mut self, id: u32, bytes: &[u8]) {
        if let Some(Open::Websocket(_, reader)) = self.open.get_mut(&id) {
            // A copy, because decoding unmasks in place, and other listeners may use the same Buffer.
            let fed = catch_panic(|| {
                may_panic("feed");
                reader.feed(&mut bytes.to_vec());
            });
            if fed.is_none() {
                reader.connection().end(Cause::Panic);
            }
        }
    }

    /// Moves bytes that JavaScript has to write into `to`: see [`SendBuffer::take`]. The last bytes end `id`.
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

    /// The length of the frame for which [`Bridge::take`] has returned [`Take::Large`].
    pub fn next_frame(&self, id: u32) -> usize {
        match self.open.get(&id) {
            Some(Open::Response(send_buffer, _)) => send_buffer.next_frame(),
            _ => 0,
        }
    }

    /// Removes `id`: it is complete, or its client is gone.
    pub fn end(&mut self, id: u32) {
        let gone = (self.open.remove(&id), self.bodies.remove(&id));
        // A panic while their sessions end must not affect others.
        let _ = catch_panic(|| drop(gone));
    }
}
