//! The rooms of one `createServer` object: their names, and who has joined them.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::fan_out::Members;
use super::runtime::{Runtime, StopListener};
use crate::lock;

/// The name of a room: the UTF-16 units of a JavaScript string.
pub type Name = Arc<[u16]>;

/// Rooms with at least one member; others do not exist.
///
/// Whoever publishes takes the [`Members`] and walks them without a lock. A change of a room that is being walked
/// makes a copy, so a walk reaches exactly the members of the moment at which it began.
#[derive(Debug)]
pub struct Rooms<M> {
    // A std Mutex: held while one name is found and one member is added or removed.
    by_name: Mutex<HashMap<Name, Members<M>>>,
    /// All connections whose `'connection'` has been emitted. Kept from the first broadcast on.
    everyone: Mutex<Option<Members<M>>>,
    /// Whether `everyone` is kept: so that nobody has to take its lock to find that out.
    keeps_everyone: AtomicBool,
}

impl<M> Default for Rooms<M> {
    fn default() -> Self {
        Self {
            by_name: Mutex::default(),
            everyone: Mutex::default(),
            keeps_everyone: AtomicBool::new(false),
        }
    }
}

impl<M: Send + Sync + 'static> Rooms<M> {
    /// Rooms without members.
    pub fn new(runtime: &Runtime) -> Arc<Self> {
        let rooms = Arc::new(Self::default());
        let listener = Arc::downgrade(&rooms);
        runtime.listen_for_stop(listener);
        rooms
    }
}

impl<M: Clone> Rooms<M> {
    /// Adds a member. Returns the name of the room, or `None` if `key` is a member already.
    pub fn join(&self, name: &[u16], key: u32, member: M) -> Option<Name> {
        let mut rooms = lock(&self.by_name);
        if let Some((name, _)) = rooms.get_key_value(name) {
            let name = name.clone();
            let members = rooms.get_mut(&name)?;
            if members.contains_key(&key) {
                return None;
            }
            Arc::make_mut(members).insert(key, member);
            return Some(name);
        }
        let name: Name = name.into();
        rooms.insert(name.clone(), Arc::new(BTreeMap::from([(key, member)])));
        Some(name)
    }

    /// Removes a member. A room without members is forgotten.
    pub fn leave(&self, name: &[u16], key: u32) {
        let mut rooms = lock(&self.by_name);
        let Some(members) = rooms.get_mut(name) else {
            return;
        };
        if members.len() > 1 {
            Arc::make_mut(members).remove(&key);
        } else if members.contains_key(&key) {
            rooms.remove(name);
            if rooms.len() < rooms.capacity() / 4 {
                let room = rooms.len() * 2;
                rooms.shrink_to(room);
            }
        }
    }

    /// The members of a room now; `None` if it has none.
    pub fn members(&self, name: &[u16]) -> Option<Members<M>> {
        lock(&self.by_name).get(name).cloned()
    }

    /// The name of a room as its members have it; `None` if it has no members.
    pub fn name(&self, name: &[u16]) -> Option<Name> {
        let rooms = lock(&self.by_name);
        rooms.get_key_value(name).map(|(name, _)| name.clone())
    }

    /// The number of members of a room.
    pub fn size(&self, name: &[u16]) -> usize {
        lock(&self.by_name)
            .get(name)
            .map_or(0, |members| members.len())
    }

    /// The names of all rooms, in no particular order.
    pub fn names(&self) -> Vec<Name> {
        lock(&self.by_name).keys().cloned().collect()
    }

    /// Whether somebody has broadcast, so that [`Rooms::admit`] is wanted.
    pub fn keeps_everyone(&self) -> bool {
        self.keeps_everyone.load(Ordering::Acquire)
    }

    /// From now on [`Rooms::everyone`] has those who are admitted.
    pub fn keep_everyone(&self) {
        lock(&self.everyone).get_or_insert_default();
        self.keeps_everyone.store(true, Ordering::Release);
    }

    /// The `'connection'` of this member is being emitted.
    pub fn admit(&self, key: u32, member: M) {
        if let Some(everyone) = &mut *lock(&self.everyone) {
            Arc::make_mut(everyone).insert(key, member);
        }
    }

    /// A member that may have been admitted has gone.
    pub fn dismiss(&self, key: u32) {
        if let Some(everyone) = &mut *lock(&self.everyone)
            && everyone.contains_key(&key)
        {
            Arc::make_mut(everyone).remove(&key);
        }
    }

    /// All who have been admitted, now.
    pub fn everyone(&self) -> Option<Members<M>> {
        lock(&self.everyone).clone()
    }
}

impl<M: Send + Sync> StopListener for Rooms<M> {
    fn stopped(&self) {
        // Dropping the last reference to a member may end it, so this happens without the locks.
        let rooms = std::mem::take(&mut *lock(&self.by_name));
        let everyone = lock(&self.everyone).take();
        drop((rooms, everyone));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Vec<u16> {
        text.encode_utf16().collect()
    }

    fn keys(members: &Members<()>) -> Vec<u32> {
        members.keys().copied().collect()
    }

    #[test]
    fn a_member_joins_a_room_once() {
        let rooms = Rooms::default();
        assert!(rooms.join(&name("a"), 1, ()).is_some());
        assert!(rooms.join(&name("a"), 1, ()).is_none());
        assert!(rooms.join(&name("a"), 2, ()).is_some());
        assert_eq!(rooms.size(&name("a")), 2);
        assert_eq!(rooms.size(&name("b")), 0);
    }

    #[test]
    fn a_room_without_members_does_not_exist() {
        let rooms = Rooms::default();
        for number in 0..1000 {
            rooms.join(&name(&number.to_string()), 1, ());
        }
        for number in 0..1000 {
            rooms.leave(&name(&number.to_string()), 2);
            rooms.leave(&name(&number.to_string()), 1);
            rooms.leave(&name(&number.to_string()), 1);
        }
        assert!(rooms.names().is_empty());
        assert!(lock(&rooms.by_name).capacity() < 100);
    }

    #[test]
    fn names_are_compared_unit_by_unit() {
        let rooms = Rooms::default();
        rooms.join(&[0xd800], 1, ());
        assert_eq!(rooms.size(&[0xd800]), 1);
        assert_eq!(rooms.size(&[0xd801]), 0);
        assert_eq!(rooms.size(&[0xfffd]), 0);
        assert_eq!(rooms.names(), [Name::from([0xd800])]);
    }

    #[test]
    fn a_walk_reaches_the_members_of_its_beginning() {
        let rooms = Rooms::default();
        let room = name("a");
        rooms.join(&room, 1, ());
        rooms.join(&room, 2, ());
        let walk = rooms.members(&room).unwrap();
        rooms.leave(&room, 1);
        rooms.join(&room, 3, ());
        assert_eq!(keys(&walk), [1, 2]);
        assert_eq!(keys(&rooms.members(&room).unwrap()), [2, 3]);
    }

    #[test]
    fn a_change_copies_a_room_only_while_it_is_walked() {
        let rooms = Rooms::default();
        let room = name("a");
        rooms.join(&room, 1, ());
        let address = Arc::as_ptr(&rooms.members(&room).unwrap());
        rooms.join(&room, 2, ());
        assert_eq!(Arc::as_ptr(&rooms.members(&room).unwrap()), address);
    }

    #[test]
    fn everyone_is_kept_from_the_first_broadcast_on() {
        let rooms = Rooms::default();
        rooms.admit(1, ());
        assert!(rooms.everyone().is_none() && !rooms.keeps_everyone());
        rooms.keep_everyone();
        rooms.admit(2, ());
        rooms.admit(3, ());
        rooms.dismiss(2);
        rooms.dismiss(1);
        assert_eq!(keys(&rooms.everyone().unwrap()), [3]);
        rooms.stopped();
        assert!(rooms.everyone().is_none());
    }
}
