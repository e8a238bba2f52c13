//! One message for many connections, encoded once in each form that one of them needs.

use std::sync::OnceLock;

use bytes::Bytes;

use crate::byte_queue::SHARE_FROM;
use crate::protocol::hixie;
use crate::protocol::json;
use crate::protocol::queue::Queue;
use crate::protocol::rfc6455::{Opcode, encode};
use crate::protocol::transport::{HttpTransport, Transport};
use crate::protocol::websocket_kind::WebsocketKind;

/// A message, as its publisher gave it. Any thread may ask for a form; the first one makes it.
#[derive(Debug)]
pub struct Publication {
    text: Box<[u16]>,
    /// Set if the message is bytes: a binary frame on raw websockets of services with the option `binary`.
    bytes: Option<Box<[u8]>>,
    quoted: OnceLock<Bytes>,
    frame: OnceLock<Bytes>,
    sockjs: OnceLock<Bytes>,
    raw_text: OnceLock<Bytes>,
    raw_binary: OnceLock<Bytes>,
    hixie: OnceLock<Bytes>,
    /// By the number of their transport.
    responses: [OnceLock<Form>; Transport::ALL.len()],
}

/// See [`HttpTransport::shared_form`].
#[derive(Debug)]
struct Form {
    bytes: Bytes,
    units: u64,
}

impl Publication {
    /// `text` is the message as a string, `bytes` what it is if it is bytes.
    pub fn new(text: Box<[u16]>, bytes: Option<Box<[u8]>>) -> Self {
        Self {
            text,
            bytes,
            quoted: OnceLock::new(),
            frame: OnceLock::new(),
            sockjs: OnceLock::new(),
            raw_text: OnceLock::new(),
            raw_binary: OnceLock::new(),
            hixie: OnceLock::new(),
            responses: Default::default(),
        }
    }

    /// Bytes that it takes before it is encoded.
    pub fn weight(&self) -> usize {
        self.text.len() * 2 + self.bytes.as_ref().map_or(0, |bytes| bytes.len())
    }

    /// `"…"`, as it waits in a session without receiver.
    fn quoted(&self) -> &Bytes {
        make(&self.quoted, |out| {
            json::quote(&self.text, out);
        })
    }

    /// `a["…"]`.
    fn frame(&self) -> &Bytes {
        let quoted = self.quoted();
        make(&self.frame, |out| {
            out.reserve_exact(quoted.len() + 3);
            out.extend_from_slice(b"a[");
            out.extend_from_slice(quoted);
            out.push(b']');
        })
    }

    /// A frame of a websocket. `binary` says whether the service sends bytes as such over raw websockets.
    pub fn websocket(&self, kind: WebsocketKind, binary: bool) -> &Bytes {
        match (kind, &self.bytes) {
            (WebsocketKind::Sockjs, _) => make(&self.sockjs, |out| {
                encode(Opcode::Text, self.frame(), out);
            }),
            (WebsocketKind::Raw, Some(bytes)) if binary => make(&self.raw_binary, |out| {
                encode(Opcode::Binary, bytes, out);
            }),
            (WebsocketKind::Raw, _) => make(&self.raw_text, |out| {
                // A lone surrogate becomes U+FFFD: raw websockets carry UTF-8.
                let text = String::from_utf16_lossy(&self.text);
                encode(Opcode::Text, text.as_bytes(), out);
            }),
            (WebsocketKind::Hixie76, _) => make(&self.hixie, |out| {
                hixie::encode_with(out, |out| out.extend_from_slice(self.frame()));
            }),
        }
    }

    /// Adds it to what waits for a receiver.
    pub fn queue(&self, queue: &mut Queue) {
        let quoted = self.quoted();
        if quoted.len() < SHARE_FROM {
            queue.push(|out| out.extend_from_slice(quoted));
        } else {
            queue.push_shared(quoted.clone());
        }
    }

    /// What the responses of a transport have in common ([`HttpTransport::shared_form`]), and its UTF-16 units.
    pub fn response(&self, http: &HttpTransport) -> (&Bytes, u64) {
        let Form { bytes, units } = self.responses[http.transport as usize].get_or_init(|| {
            let mut out = Vec::new();
            let units = http.shared_form(self.frame(), &mut out);
            Form {
                bytes: out.into_boxed_slice().into(),
                units,
            }
        });
        (bytes, *units)
    }
}

fn make(form: &OnceLock<Bytes>, encode: impl FnOnce(&mut Vec<u8>)) -> &Bytes {
    form.get_or_init(|| {
        let mut out = Vec::new();
        encode(&mut out);
        // It may wait long: without what its buffer has too much.
        out.into_boxed_slice().into()
    })
}
