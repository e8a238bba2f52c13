'use strict';

/*
 * Rooms against a model: a random program joins, leaves, publishes, broadcasts, writes and closes, with clients of all
 * transports. Each client must get what the program has sent it, in that order, once, and nothing else.
 *
 * ROOMS_SEED=N repeats a run. The seed is printed.
 */

const { addition, ingresses } = require('./support/library');
const { Random } = require('./support/random');
const { startService } = require('./support/server');
const { open, every } = require('./support/transports');

const SEED = Number(process.env.ROOMS_SEED ?? Date.now() % 1e9);

/** The number of clients of each transport. */
const CLIENTS = 3;
const STEPS = 300;
const ROOMS = ['a', 'b', 'ab', 'é'];

/** The number in the text of a message. */
const NUMBER = /#(\d+);/g;
/** The last message. */
const END = '#0;';
/** The reason of a close, which is then the last that a client gets. */
const REASON = 'closed by the program';

const turn = () => new Promise(setImmediate);

describe.each(ingresses)('rooms, by the %s ingress', (ingress) => {
  addition(
    'each client gets what a program has sent it, in order and once',
    async () => {
      process.stdout.write(`ROOMS_SEED=${SEED}\n`);
      const options = { disconnect_delay: 20_000, response_limit: 1 << 30 };
      const server = await startService(ingress, options);
      const program = new Program(server.service, new Random(SEED, ingress.length));
      for (let i = 0; i < CLIENTS; i++) {
        for (const [, transport] of every) {
          const client = await open(server, transport);
          const { conn } = await server.accept();
          program.peers.push(new Peer(conn, client, transport));
        }
      }
      for (const peer of program.peers) peer.poll();
      for (let step = 0; step < STEPS; step++) {
        program.step();
        if (program.random.chance(0.15)) await turn();
      }
      await program.end();
      for (const [index, peer] of program.peers.entries()) {
        const got = await peer.got();
        const name = `client ${index}, ${peer.transport.protocol}`;
        let sent = peer.sent.filter(
          (number) => got.includes(number) || !program.unsure.has(number),
        );
        // A client that has left may have missed the last messages.
        if (peer.hasLeft) sent = sent.slice(0, got.length);
        expect({ name, got }).toEqual({ name, got: sent });
      }
      expect(server.service.rooms()).toEqual([]);
    },
    20_000,
  );
});

/** A client, its connection, and what it should get. */
class Peer {
  /**
   * @param {any} conn
   * @param {Awaited<ReturnType<typeof open>>} client
   * @param {import('./support/transports').Transport} transport
   */
  constructor(conn, client, transport) {
    this.conn = conn;
    this.client = client;
    this.transport = transport;
    /** The rooms that it is in, in the order of joining. @type {string[]} */
    this.rooms = [];
    this.isOpen = true;
    this.hasLeft = false;
    /** Numbers of the messages that were sent to it. @type {number[]} */
    this.sent = [];
    /** What the answers to its polls have in their bodies. */
    this.polled = '';
    /** Settled when it has polled for the last time. */
    this.polling = Promise.resolve();
    conn.on('close', () => {
      this.isOpen = false;
      this.rooms = [];
    });
  }

  /** From now on, the client polls, if its transport does. */
  poll() {
    if (this.transport.polls) this.polling = this.#pollOn();
  }

  async #pollOn() {
    const { connection, session } = this.client;
    const { method, path } = this.transport;
    while (!this.hasLeft && !isOver(this.polled)) {
      try {
        this.polled += (await connection.request(method, session + path)).body;
      } catch (error) {
        if (!this.hasLeft) throw error;
      }
    }
  }

  /** @returns {Promise<number[]>} numbers of the messages that it has got, as soon as it has the last */
  async got() {
    await this.polling;
    if (this.transport.polls) return numbers(this.polled);
    const { wire } = this.client;
    await wire.waitUntil(
      () => wire.ended || isOver(wire.buffer) || undefined,
      () => `the last message over ${this.transport.protocol}`,
    );
    return numbers(wire.buffer.toString('latin1'));
  }
}

/** @param {string | Buffer} bytes */
function isOver(bytes) {
  return bytes.includes(END) || bytes.includes(REASON);
}

/** @param {string} text */
function numbers(text) {
  const all = Array.from(text.matchAll(NUMBER), ([, number]) => Number(number));
  return all.filter((number) => number > 0);
}

/** The program, and its model of the rooms. */
class Program {
  /**
   * @param {any} service
   * @param {Random} random
   */
  constructor(service, random) {
    this.service = service;
    this.random = random;
    /** @type {Peer[]} */
    this.peers = [];
    this.last = 0;
    /** The numbers of volatile messages, which pass by those for whom much waits. @type {Set<number>} */
    this.unsure = new Set();
  }

  step() {
    const { random } = this;
    const peer = random.pick(this.peers);
    const room = random.pick(ROOMS);
    random.weighted([
      [20, () => this.join(peer, room)],
      [6, () => this.leave(peer, room)],
      [25, () => this.publish(room)],
      [8, () => this.publishFrom(peer, room)],
      [6, () => this.broadcast()],
      [20, () => this.write(peer)],
      [1, () => this.close(peer)],
      [1, () => this.disconnect(peer)],
    ])();
  }

  /** @returns {[number, string | Buffer]} a number, and a message with it, which is sometimes long */
  message() {
    const { random } = this;
    const number = ++this.last;
    const length = random.weighted([
      [30, 0],
      [2, 5000],
      [1, 20_000],
    ]);
    const text = `#${number};${random.pick(['', '"\n', 'é漢😀', '\ud800'])}${'-'.repeat(length)}`;
    return [number, random.chance(0.1) ? Buffer.from(text) : text];
  }

  /** @param {(peer: Peer) => boolean} condition */
  those(condition) {
    return this.peers.filter((peer) => peer.isOpen && condition(peer));
  }

  join(peer, room) {
    if (peer.hasLeft) return;
    const isNew = peer.isOpen && !peer.rooms.includes(room);
    expect(peer.conn.join(room)).toBe(isNew);
    if (isNew) peer.rooms.push(room);
    this.checkRooms(peer);
  }

  leave(peer, room) {
    if (peer.hasLeft) return;
    expect(peer.conn.leave(room)).toBe(peer.rooms.includes(room));
    peer.rooms = peer.rooms.filter((other) => other !== room);
    this.checkRooms(peer);
  }

  checkRooms({ conn, rooms }) {
    expect(conn.rooms()).toEqual(rooms);
  }

  /** @returns {{ options: object | undefined, except: Peer[] }} */
  options() {
    const { random } = this;
    if (random.chance(0.6)) return { options: undefined, except: [] };
    const except = Array.from({ length: random.int(0, 4) }, () => random.pick(this.peers));
    const conns = except.map(({ conn }) => conn);
    const one = except.length === 1 && random.chance(0.5);
    return { options: { except: one ? conns[0] : conns, volatile: random.chance(0.2) }, except };
  }

  publish(room) {
    const { options, except } = this.options();
    const [number, message] = this.message();
    const to = this.those((peer) => peer.rooms.includes(room) && !except.includes(peer));
    this.sent(to, number, this.service.publish(room, message, options), options);
  }

  publishFrom(from, room) {
    const [number, message] = this.message();
    const to = this.those((peer) => peer !== from && peer.rooms.includes(room));
    this.sent(to, number, from.conn.publish(room, message));
  }

  broadcast() {
    const { options, except } = this.options();
    const [number, message] = this.message();
    const to = this.those((peer) => !except.includes(peer));
    this.sent(to, number, this.service.broadcast(message, options), options);
  }

  /**
   * A message was handed to `count` connections.
   *
   * @param {Peer[]} to
   * @param {number} number
   * @param {number} count
   * @param {any} [options]
   */
  sent(to, number, count, options) {
    expect(count).toBeLessThanOrEqual(to.length);
    if (options?.volatile) this.unsure.add(number);
    // The server may have noticed that a client has left before JavaScript has.
    else expect(count).toBeGreaterThanOrEqual(to.filter(({ hasLeft }) => !hasLeft).length);
    for (const peer of to) peer.sent.push(number);
  }

  write(peer) {
    const [number, message] = this.message();
    if (peer.hasLeft) return;
    expect(peer.conn.write(message)).toBe(peer.isOpen);
    if (peer.isOpen) peer.sent.push(number);
  }

  close(peer) {
    if (peer.hasLeft) return;
    peer.conn.close(3999, REASON);
    peer.isOpen = false;
    peer.rooms = [];
    this.checkRooms(peer);
  }

  /** Its client leaves without a close. */
  disconnect(peer) {
    if (!peer.isOpen) return;
    peer.hasLeft = true;
    peer.client.socket.destroy();
  }

  /** Sends the last message, waits until all have it, and ends all sessions. */
  async end() {
    this.service.broadcast(END);
    await Promise.all(this.peers.map((peer) => peer.got()));
    for (const { conn, transport } of this.peers) {
      if (conn.readyState === 1) conn.close();
      // Otherwise a session without a receiver would end after `disconnect_delay` only.
      if (!transport.upgraded && conn.readyState !== 3 && !conn._session.recv) {
        conn._session.didTimeout();
      }
    }
  }
}
