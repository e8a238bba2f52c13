//! Rooms: joining them, and publishing to their members.

use std::collections::BTreeSet;

use napi::JsString;
use napi::bindgen_prelude::*;
use napi_derive::napi;

use super::NativeEngine;
use crate::catch_panic;
use crate::server::fan_out::Audience;
use crate::server::publication::Publication;
use crate::server::rooms::{Name, Rooms};

#[napi]
impl NativeEngine {
    /// The rooms of a new `Server`.
    #[napi(catch_unwind)]
    pub fn create_rooms(&mut self) -> u32 {
        let rooms = Rooms::new(&self.runtime);
        self.rooms.add(|_| rooms)
    }

    /// JavaScript no longer has the `Server`; its connections keep the rooms.
    #[napi(catch_unwind)]
    pub fn release_rooms(&mut self, rooms: u32) {
        drop(self.rooms.remove(rooms));
    }

    /// Makes a connection a member. False if it is one already, or not open.
    #[napi(catch_unwind)]
    pub fn join(&self, key: u32, room: JsString<'_>) -> Result<bool> {
        let room = units(room)?;
        Ok(self.with_connection(key, false, |connection| connection.join(&room)))
    }

    /// False if the connection was no member.
    #[napi(catch_unwind)]
    pub fn leave(&self, key: u32, room: JsString<'_>) -> Result<bool> {
        let room = units(room)?;
        Ok(self.with_connection(key, false, |connection| connection.leave(&room)))
    }

    /// The connection leaves all rooms.
    #[napi(catch_unwind)]
    pub fn leave_rooms(&self, key: u32) {
        self.with_connection(key, (), |connection| connection.leave_all());
    }

    /// The rooms of a connection, in the order of joining.
    #[napi(catch_unwind)]
    pub fn rooms_of<'a>(&self, env: &'a Env, key: u32) -> Result<Vec<JsString<'a>>> {
        let connection = self.state.borrow().connection(key).cloned();
        let names = connection.map_or_else(Vec::new, |connection| connection.rooms());
        strings(env, &names)
    }

    /// How many connections are in a room.
    #[napi(catch_unwind)]
    pub fn room_size(&self, rooms: u32, room: JsString<'_>) -> Result<u32> {
        let size = self.rooms.get(rooms)?.size(&units(room)?);
        Ok(u32::try_from(size).unwrap_or(u32::MAX))
    }

    /// The names of all rooms with members.
    #[napi(catch_unwind)]
    pub fn room_names<'a>(&self, env: &'a Env, rooms: u32) -> Result<Vec<JsString<'a>>> {
        strings(env, &self.rooms.get(rooms)?.names())
    }

    /// The keys of the connections in a room.
    #[napi(catch_unwind)]
    pub fn room_members(&self, rooms: u32, room: JsString<'_>) -> Result<Vec<u32>> {
        let members = self.rooms.get(rooms)?.members(&units(room)?);
        Ok(members.map_or_else(Vec::new, |members| members.keys().copied().collect()))
    }

    /// Delivers what has been published. Returns whether anything waited.
    #[napi(catch_unwind)]
    pub fn deliver_published(&self) -> bool {
        let waits = !self.runtime.fan_out.is_empty();
        self.runtime.fan_out.deliver_all();
        waits
    }

    /// Publishes to a room, or to all connections of which JavaScript has been told before the event in the given row
    /// of the table. `text` is the message as a string, `bytes` the message if it is bytes. Connections with the keys
    /// `except` do not get it, nor, if it is volatile, those for which much waits. Returns how many get it.
    #[napi(catch_unwind)]
    pub fn publish(
        &self,
        rooms: u32,
        to: Either<JsString<'_>, u32>,
        text: JsString<'_>,
        bytes: Option<Uint8Array>,
        except: Option<Either<u32, Uint32Array>>,
        is_volatile: bool,
    ) -> Result<u32> {
        let rooms = self.rooms.get(rooms)?;
        let members = match to {
            Either::A(room) => rooms.members(&units(room)?),
            Either::B(row) => Some(self.state.borrow_mut().everyone(rooms, row)),
        };
        let Some(members) = members else {
            return Ok(0);
        };
        let text = units(text)?.into_boxed_slice();
        let bytes = bytes.map(|bytes| bytes.to_vec().into_boxed_slice());
        let except: BTreeSet<u32> = match except {
            None => BTreeSet::new(),
            Some(Either::A(key)) => BTreeSet::from([key]),
            Some(Either::B(keys)) => keys.iter().copied().collect(),
        };
        let except: Box<[u32]> = except.into_iter().collect();
        // A panic costs the message, and does not become an exception of the application's.
        let count = catch_panic(|| {
            let publication = Publication::new(text, bytes);
            if is_volatile {
                self.offer(&members, &except, &publication)
            } else {
                self.publish_to(members, except, publication)
            }
        });
        Ok(count.map_or(0, |count| u32::try_from(count).unwrap_or(u32::MAX)))
    }
}

impl NativeEngine {
    fn publish_to(&self, members: Audience, except: Box<[u32]>, publication: Publication) -> usize {
        let excepted = except.iter().filter(|key| members.contains_key(key));
        let count = members.len() - excepted.count();
        if count > 0 {
            self.runtime.publish(members, except, publication);
        }
        count
    }

    /// At once, because the answer depends on what waits for each member.
    fn offer(&self, members: &Audience, except: &[u32], publication: &Publication) -> usize {
        self.runtime.fan_out.deliver_all();
        let others = members
            .iter()
            .filter(|(key, _)| except.binary_search(key).is_err());
        others
            .filter(|(_, member)| {
                let offered = catch_panic(|| (*member).clone().offer(publication));
                offered.unwrap_or_else(|| {
                    let _ = catch_panic(|| (*member).clone().fail());
                    false
                })
            })
            .count()
    }
}

/// The UTF-16 units of a string.
fn units(text: JsString<'_>) -> Result<Vec<u16>> {
    let mut units = Vec::from(text.into_utf16()?);
    // napi-rs leaves the NUL of the buffer.
    units.pop();
    Ok(units)
}

fn strings<'a>(env: &'a Env, names: &[Name]) -> Result<Vec<JsString<'a>>> {
    names
        .iter()
        .map(|name| env.create_string_utf16(name))
        .collect()
}
