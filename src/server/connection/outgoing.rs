//! Messages of the application, and their frames.

use std::sync::Arc;

use crate::protocol::hixie;
use crate::protocol::json;
use crate::protocol::rfc6455::{Opcode, encode, encode_with};
use crate::protocol::transport::Wrapper;
use crate::protocol::websocket_kind::WebsocketKind;
use crate::server::publication::Publication;
use crate::server::send_buffer::SendBuffer;

/// A message of the application.
#[derive(Clone, Copy, Debug)]
pub enum Outgoing<'a> {
    /// A JavaScript string.
    Text(&'a [u16]),
    /// Bytes; a binary frame on raw websockets.
    Binary(&'a [u8]),
    /// A message that other connections get too.
    Published(&'a Publication),
}

/// Appends a message as an `a[…]` frame.
pub(super) fn frame_text(units: &[u16], out: &mut Vec<u8>) {
    out.extend_from_slice(b"a[");
    json::quote(units, out);
    out.push(b']');
}

/// Appends a SockJS frame as a frame of its websocket.
pub(super) fn frame_payload(frame: &[u8], kind: WebsocketKind, out: &mut Vec<u8>) {
    match kind {
        WebsocketKind::Sockjs | WebsocketKind::Raw => encode(Opcode::Text, frame, out),
        WebsocketKind::Hixie76 => hixie::encode_with(out, |out| out.extend_from_slice(frame)),
    }
}

/// Appends a message as a frame of its websocket. Bytes are for raw websockets only.
pub(super) fn frame_message(message: Outgoing<'_>, kind: WebsocketKind, out: &mut Vec<u8>) {
    match (message, kind) {
        (Outgoing::Text(units), WebsocketKind::Sockjs) => {
            encode_with(Opcode::Text, units.len() + 5, out, |out| {
                frame_text(units, out);
            });
        }
        (Outgoing::Text(units), WebsocketKind::Raw) => {
            encode_with(Opcode::Text, units.len(), out, |out| {
                // A lone surrogate becomes U+FFFD: raw websockets carry UTF-8.
                let chars = char::decode_utf16(units.iter().copied());
                let mut utf8 = [0; 4];
                for char in chars {
                    let char = char.unwrap_or(char::REPLACEMENT_CHARACTER);
                    out.extend_from_slice(char.encode_utf8(&mut utf8).as_bytes());
                }
            });
        }
        (Outgoing::Text(units), WebsocketKind::Hixie76) => {
            hixie::encode_with(out, |out| frame_text(units, out));
        }
        (Outgoing::Binary(bytes), _) => encode(Opcode::Binary, bytes, out),
        (Outgoing::Published(publication), _) => {
            out.extend_from_slice(publication.websocket(kind, false));
        }
    }
}

/// Writes a published message to a response. Returns the number of UTF-16 units that count for `response_limit`.
pub(super) fn write_published(
    publication: &Publication,
    wrapper: &Wrapper,
    send_buffer: &Arc<SendBuffer>,
) -> u64 {
    let (form, units) = publication.response(wrapper.http());
    let mut around = None;
    if wrapper.http().has_shared_frames() {
        send_buffer.write_shared(form);
    } else {
        send_buffer.write(|out| around = wrapper.wrap_form(form, out));
    }
    around.unwrap_or(0) + units
}
