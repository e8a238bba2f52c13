'use strict';

/**
 * @file The cases about rooms, for all servers.
 *
 * Arguments: with `--rooms N`, `--joined M` and `--published P`, each connection joins M of N rooms, and what it sends is
 * published to P of them; with `--join-and-leave`, it joins and leaves rooms at each message; with `--by-command`, the commands of
 * the runner say what it does.
 */

const { setTimeout: sleep } = require('node:timers/promises');

/**
 * How a server has rooms.
 *
 * @template T
 * @typedef {object} Rooms
 * @property {(conn: T, room: string) => unknown} join
 * @property {(conn: T, room: string) => unknown} leave
 * @property {(room: string, message: any) => unknown} publish
 */

const argv = process.argv.slice(2);

/** The distance between two members of a room, as in the load generator (`load/src/args.rs`). */
const STRIDE = 97;

/** The number of rooms that a connection joins, and leaves, at one message of `--join-and-leave`. */
const ROOMS_AT_ONCE = 100;
/** How often it does so at one message. */
const TURNS = 10;

/** Bytes of the messages that stall a connection. */
const STALLING_SIZE = 16384;
/** Milliseconds after which the kernel accepts no more bytes for a connection that does not read. */
const SETTLED_MS = 50;

const rooms = numberAfter('--rooms');
const joined = numberAfter('--joined') ?? 1;
const published = numberAfter('--published') ?? 1;
const joinsAndLeaves = argv.includes('--join-and-leave');
/** Whether the case is about rooms. */
const inRooms = rooms !== undefined || joinsAndLeaves || argv.includes('--by-command');

/** The rooms of an application that keeps the members itself, and writes to each of them. @implements {Rooms<any>} */
class Loop {
  /** @param {(conn: any, message: any) => void} send */
  constructor(send) {
    this.send = send;
    /** @type {Map<string, Set<any>>} */
    this.members = new Map();
  }

  join(conn, room) {
    const members = this.members.get(room);
    if (members) members.add(conn);
    else this.members.set(room, new Set([conn]));
  }

  leave(conn, room) {
    const members = this.members.get(room);
    members.delete(conn);
    if (members.size === 0) this.members.delete(room);
  }

  publish(room, message) {
    for (const to of this.members.get(room)) this.send(to, message);
  }
}

/** The connections that are open. */
const connections = new Set();

/**
 * Handles a new connection.
 *
 * @template T
 * @param {Rooms<T>} service
 * @param {T} conn
 * @param {string} url
 * @param {(message: any) => void} reply
 * @returns {(message: any) => void} what the connection does with a message
 */
function enter(service, conn, url, reply) {
  connections.add(conn);
  if (joinsAndLeaves) {
    const names = Array.from({ length: ROOMS_AT_ONCE }, (_, at) => nameOf(at));
    return (message) => {
      for (let turn = 0; turn < TURNS; turn++) {
        for (const name of names) service.join(conn, name);
        for (const name of names) service.leave(conn, name);
      }
      reply(message);
    };
  }
  if (rooms === undefined) return reply;
  const number = Number(/\bs(\d+)x/.exec(url)[1]);
  for (let at = 0; at < joined; at++) {
    service.join(conn, nameOf((number + (rooms - (STRIDE % rooms)) * at) % rooms));
  }
  const own = nameOf(number % rooms);
  if (published === 1) return (message) => service.publish(own, message);
  // No two of these rooms have a common member, because the members of a room have numbers that are 97 apart.
  const all = Array.from({ length: published }, (_, at) => {
    return nameOf((number + (rooms / published) * at) % rooms);
  });
  return (message) => {
    for (const room of all) service.publish(room, message);
  };
}

/** @param {number} number of a room */
function nameOf(number) {
  return `room ${number}`;
}

/**
 * The commands that the cases of memory use.
 *
 * @param {Rooms<any>} service
 */
function commands(service) {
  return {
    /** Each connection joins this number of rooms: all the same ones, or each others. */
    join(count, whose) {
      let next = 0;
      for (const conn of connections) {
        if (whose === 'same') next = 0;
        for (let at = 0; at < Number(count); at++) service.join(conn, nameOf(next++));
      }
      return 'joined';
    },

    /** All connections join one room. Then they are written to until the kernel accepts no more bytes for any. */
    async stall() {
      for (const conn of connections) service.join(conn, nameOf(0));
      const filler = 'x'.repeat(STALLING_SIZE);
      let reading = [...connections];
      while (reading.length > 0) {
        for (const conn of reading) conn.write(filler);
        await sleep(SETTLED_MS);
        // The kernel may accept more later, so that all are asked each time.
        reading = Array.from(connections).filter((conn) => conn.bufferedAmount === 0);
      }
      return 'stalled';
    },

    /** Publishes a message of this size to the room of the stalled connections, all of which must keep it. */
    async publish(size) {
      const before = new Map(Array.from(connections, (conn) => [conn, conn.bufferedAmount]));
      service.publish(nameOf(0), Buffer.alloc(Number(size), 'x').toString('latin1'));
      await sleep(SETTLED_MS);
      for (const [conn, waiting] of before) {
        if (conn.bufferedAmount < waiting + Number(size)) return 'a message is not kept';
      }
      return 'published';
    },
  };
}

/**
 * @param {string} name of an argument, which a number follows
 * @returns {number | undefined}
 */
function numberAfter(name) {
  const at = argv.indexOf(name);
  return at === -1 ? undefined : Number(argv[at + 1]);
}

module.exports = { Loop, commands, connections, enter, inRooms, numberAfter };
