//! Rooms. Any program that joins, leaves, publishes, writes and closes, while an I/O thread delivers at any time: each
//! connection gets what the program has sent it, in the order of the program, once, and nothing else.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};

use sockjs_rs::protocol::websocket_kind::WebsocketKind;
use sockjs_rs::server::fan_out::{Audience, Delivery, FanOut, Member};
use sockjs_rs::server::publication::Publication;
use sockjs_rs::server::rooms::Rooms;

use super::input::Input;

const NAMES: [&str; 3] = ["a", "b", "ab"];
/// Connections that are open at once.
const MOST: usize = 12;

/// A connection, as far as rooms go: what it is sent while it is open, it has got.
#[derive(Debug)]
struct Fake {
    key: u32,
    shared: Arc<Shared>,
    state: Mutex<FakeState>,
}

#[derive(Debug)]
struct FakeState {
    is_open: bool,
    /// The number of the last delivery.
    delivered: u64,
    /// The numbers of the messages that it has got.
    got: Vec<u32>,
}

/// What the program and the I/O thread use.
#[derive(Debug, Default)]
struct Shared {
    fan_out: FanOut,
    /// What the program does while the I/O thread is about to deliver to a member.
    interruption: Mutex<Option<Interruption>>,
}

#[derive(Debug)]
enum Interruption {
    Write(Arc<Fake>, u32),
    DeliverAll,
}

impl Shared {
    fn interrupt(&self) {
        let interruption = self.interruption.lock().expect("no panic").take();
        match interruption {
            Some(Interruption::Write(fake, number)) => fake.write(number),
            Some(Interruption::DeliverAll) => self.fan_out.deliver_all(),
            None => {}
        }
    }
}

impl Fake {
    fn lock(&self) -> MutexGuard<'_, FakeState> {
        self.state.lock().expect("no panic")
    }

    /// As the program writes.
    fn write(self: &Arc<Self>, number: u32) {
        self.shared.fan_out.catch_up(self);
        self.lock().send(number);
    }
}

impl FakeState {
    fn send(&mut self, number: u32) {
        if self.is_open {
            self.got.push(number);
        }
    }
}

impl Member for Fake {
    fn key(&self) -> u32 {
        self.key
    }

    fn deliver(self: Arc<Self>, deliveries: &[Arc<Delivery>]) {
        self.shared.interrupt();
        let mut state = self.lock();
        for delivery in deliveries {
            if delivery.sequence > state.delivered {
                state.delivered = delivery.sequence;
                if delivery.is_for(self.key) {
                    state.send(number_of(&delivery.publication));
                }
            }
        }
    }

    fn offer(self: Arc<Self>, publication: &Publication) -> bool {
        let mut state = self.lock();
        state.send(number_of(publication));
        state.is_open
    }

    fn fail(self: Arc<Self>) {
        panic!("{self:?} has panicked");
    }
}

fn publication(number: u32) -> Publication {
    let text: Vec<u16> = number.to_string().encode_utf16().collect();
    Publication::new(text.into(), None)
}

fn number_of(publication: &Publication) -> u32 {
    let frame = publication.websocket(WebsocketKind::Raw, false);
    let text = std::str::from_utf8(&frame[2..]).expect("digits");
    text.parse().expect("a number")
}

fn name(room: usize) -> Vec<u16> {
    NAMES[room].encode_utf16().collect()
}

/// A connection, and what it should get.
#[derive(Debug)]
struct Expected {
    fake: Arc<Fake>,
    is_open: bool,
    is_admitted: bool,
    /// Its client left: it may have missed the last messages.
    is_gone: bool,
    messages: Vec<u32>,
}

/// The rooms, and a model of them.
#[derive(Default)]
struct Scene {
    rooms: Rooms<Arc<dyn Member>>,
    shared: Arc<Shared>,
    connections: Vec<Expected>,
    /// For each room its members, by their place in `connections`.
    members: [Vec<usize>; NAMES.len()],
    keeps_everyone: bool,
    free_keys: Vec<u32>,
    next_key: u32,
    next_message: u32,
}

/// See the module.
pub fn check(data: &[u8]) {
    let mut input = Input::new(data);
    let mut scene = Scene::default();
    while !input.is_empty() {
        scene.step(&mut input);
        scene.compare();
    }
    scene.shared.fan_out.deliver_all();
    assert!(scene.shared.fan_out.is_empty());
    for Expected {
        fake,
        is_gone,
        messages,
        ..
    } in &scene.connections
    {
        let got = &fake.lock().got;
        if *is_gone {
            assert!(messages.starts_with(got), "{got:?} of {messages:?}");
        } else {
            assert_eq!(got, messages);
        }
    }
}

impl Scene {
    fn step(&mut self, input: &mut Input<'_>) {
        let open: Vec<usize> = (0..self.connections.len())
            .filter(|index| self.connections[*index].is_open)
            .collect();
        if open.is_empty() || (open.len() < MOST && input.below(8) == 0) {
            return self.open();
        }
        let index = open[input.below(open.len())];
        let room = input.below(NAMES.len());
        match input.below(16) {
            0..=2 => self.join(index, room),
            3 => self.leave(index, room),
            4..=7 => self.publish(room, &self.keys(input)),
            8 => self.broadcast(&self.keys(input)),
            9 | 10 => {
                let number = self.message();
                self.connections[index].fake.write(number);
                self.connections[index].messages.push(number);
            }
            11 => {
                let fake = &self.connections[index].fake;
                if input.below(2) == 0 {
                    self.shared.fan_out.catch_up(fake);
                } else {
                    self.admit(index);
                }
            }
            12 => self.close(index, input.below(2) == 0),
            13 => self.offer(room, &self.keys(input)),
            14 => self.deliver_interrupted(index, input.below(2) == 0),
            _ => drop(self.shared.fan_out.deliver_some()),
        }
    }

    fn message(&mut self) -> u32 {
        self.next_message += 1;
        self.next_message
    }

    fn open(&mut self) {
        let key = self.free_keys.pop().unwrap_or_else(|| {
            self.next_key += 1;
            self.next_key
        });
        self.connections.push(Expected {
            fake: Arc::new(Fake {
                key,
                shared: self.shared.clone(),
                state: Mutex::new(FakeState {
                    is_open: true,
                    delivered: 0,
                    got: Vec::new(),
                }),
            }),
            is_open: true,
            is_admitted: false,
            is_gone: false,
            messages: Vec::new(),
        });
    }

    fn join(&mut self, index: usize, room: usize) {
        let fake = self.connections[index].fake.clone();
        let joined = self.rooms.join(&name(room), fake.key, fake);
        let members = &mut self.members[room];
        assert_eq!(joined.is_some(), !members.contains(&index));
        if joined.is_some() {
            members.push(index);
        }
    }

    fn leave(&mut self, index: usize, room: usize) {
        let key = self.connections[index].fake.key;
        self.rooms.leave(&name(room), key);
        self.members[room].retain(|other| *other != index);
    }

    fn admit(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        self.rooms
            .admit(connection.fake.key, connection.fake.clone());
        connection.is_admitted = self.keeps_everyone;
    }

    /// Keys for `except`, in ascending order; some may be those of no member.
    fn keys(&self, input: &mut Input<'_>) -> Vec<u32> {
        let most = self.next_key as usize + 1;
        let count = input.below(6).saturating_sub(3);
        let keys = (0..count).map(|_| input.below(most.min(255)));
        let keys: BTreeSet<u32> = keys
            .map(|key| u32::try_from(key).expect("it is small"))
            .collect();
        keys.into_iter().collect()
    }

    fn publish(&mut self, room: usize, except: &[u32]) {
        let Some(audience) = self.rooms.members(&name(room)) else {
            assert!(self.members[room].is_empty());
            return;
        };
        self.send(audience, &self.members[room].clone(), except);
    }

    fn broadcast(&mut self, except: &[u32]) {
        self.rooms.keep_everyone();
        self.keeps_everyone = true;
        let audience = self.rooms.everyone().expect("they are kept");
        let to: Vec<usize> = (0..self.connections.len())
            .filter(|index| self.connections[*index].is_admitted)
            .collect();
        self.send(audience, &to, except);
    }

    fn send(&mut self, audience: Audience, to: &[usize], except: &[u32]) {
        let number = self.message();
        let fan_out = &self.shared.fan_out;
        assert!(fan_out.push(audience, except.into(), publication(number)));
        assert!(!fan_out.is_empty());
        self.expect(to, except, number);
    }

    /// Publishes a volatile message; nobody is slow.
    fn offer(&mut self, room: usize, except: &[u32]) {
        let Some(audience) = self.rooms.members(&name(room)) else {
            return;
        };
        self.shared.fan_out.deliver_all();
        let number = self.message();
        let publication = publication(number);
        for member in audience.values() {
            if !except.contains(&member.key()) {
                assert!(member.clone().offer(&publication));
            }
        }
        self.expect(&self.members[room].clone(), except, number);
    }

    fn expect(&mut self, to: &[usize], except: &[u32], number: u32) {
        for index in to {
            let connection = &mut self.connections[*index];
            assert!(connection.is_open);
            if !except.contains(&connection.fake.key) {
                connection.messages.push(number);
            }
        }
    }

    /// The program closes a connection, or its client leaves, which an I/O thread notices. Its key is then free.
    fn close(&mut self, index: usize, is_gone: bool) {
        let connection = &mut self.connections[index];
        let fake = &connection.fake;
        if !is_gone {
            self.shared.fan_out.catch_up(fake);
        }
        fake.lock().is_open = false;
        self.free_keys.push(fake.key);
        self.rooms.dismiss(fake.key);
        connection.is_open = false;
        connection.is_admitted = false;
        connection.is_gone = is_gone;
        for room in 0..NAMES.len() {
            self.leave(index, room);
        }
    }

    /// The I/O thread delivers, and while it does, the program writes or delivers too.
    fn deliver_interrupted(&mut self, index: usize, writes: bool) {
        let interruption = if writes {
            let number = self.message();
            let connection = &mut self.connections[index];
            connection.messages.push(number);
            Interruption::Write(connection.fake.clone(), number)
        } else {
            Interruption::DeliverAll
        };
        *self.shared.interruption.lock().expect("no panic") = Some(interruption);
        self.shared.fan_out.deliver_some();
        // Nothing may have been there to deliver.
        self.shared.interrupt();
    }

    fn compare(&self) {
        let key = |index: &usize| self.connections[*index].fake.key;
        let keys = |audience: &Audience| audience.keys().copied().collect::<Vec<_>>();
        let mut names = BTreeSet::new();
        for (room, members) in self.members.iter().enumerate() {
            let mut expected: Vec<u32> = members.iter().map(key).collect();
            expected.sort_unstable();
            let found = self.rooms.members(&name(room));
            assert_eq!(found.as_ref().map(keys).unwrap_or_default(), expected);
            assert_eq!(found.is_some(), !expected.is_empty());
            assert_eq!(self.rooms.size(&name(room)), expected.len());
            if found.is_some() {
                names.insert(name(room));
            }
        }
        let mut found: Vec<Vec<u16>> = self.rooms.names().iter().map(|it| it.to_vec()).collect();
        found.sort_unstable();
        assert!(found.iter().eq(&names));
        if let Some(everyone) = self.rooms.everyone() {
            let admitted = self.connections.iter().filter(|it| it.is_admitted);
            let mut expected: Vec<u32> = admitted.map(|it| it.fake.key).collect();
            expected.sort_unstable();
            assert_eq!(keys(&everyone), expected);
        }
        for connection in &self.connections {
            let got = &connection.fake.lock().got;
            assert!(connection.messages.starts_with(got));
        }
    }
}
