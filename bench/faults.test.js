'use strict';

/**
 * @file With every protocol, the load generator must report each fault in an echo or in a delivery to the members of a
 * room, and end the run. The faults of raw
 * websockets, and of the frames and connections below them, are in `load/tests/faults.rs`.
 *
 * `npm run test:bench` builds the load generator first.
 */

const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const { once } = require('node:events');
const http = require('node:http');
const path = require('node:path');
const { describe, test } = require('node:test');
const { promisify } = require('node:util');

const { Server } = require('socket.io');

const sockjs = require('..');

const TARGET = process.env.CARGO_TARGET_DIR ?? 'target';
const LOAD = path.resolve(__dirname, 'load', TARGET, 'debug', 'load');

/**
 * The number of the message, on each connection, that is answered with a fault. Over HTTP it is the second of the
 * four in one request.
 */
const FAULTY = 98;

/**
 * How the server answers that message, and the error of the load generator.
 *
 * @type {Record<string, {
 *   commit: (conn: Connection, message: string) => void,
 *   complaint: RegExp
 * }>}
 */
const FAULTS = {
  'a lost message': { commit: () => {}, complaint: /was expected/ },
  'a changed character': {
    commit: (conn, message) => conn.write(message.replace('The', 'the')),
    complaint: /was expected/,
  },
  'a shortened message': {
    commit: (conn, message) => conn.write(message.slice(0, -1)),
    complaint: /was expected/,
  },
  'a lengthened message': {
    commit: (conn, message) => conn.write(`${message}!`),
    complaint: /was expected/,
  },
  'a repeated message': {
    commit: (conn, message) => {
      conn.write(message);
      conn.write(message);
    },
    complaint: /was expected/,
  },
  'exchanged messages': {
    commit: (conn, first) => {
      conn.removeAllListeners('data');
      conn.once('data', (second) => {
        conn.write(second);
        conn.write(first);
      });
    },
    complaint: /was expected/,
  },
  'a closed session': {
    commit: (conn) => conn.close(),
    complaint: /c\[1000,|unexpected .*41/,
  },
};

/** Connections, each of which sends to a room of its own with MEMBERS members. */
const ROOMS = 10;
const MEMBERS = 4;
/** The distance between two members (`load/src/args.rs`). */
const STRIDE = 97;

/**
 * How the server delivers that message to the members of a room, and the error of the load generator.
 *
 * @type {Record<string, {
 *   commit: (members: Connection[], message: string, other: Connection) => void,
 *   complaint: RegExp
 * }>}
 */
const ROOM_FAULTS = {
  'a lost delivery': {
    commit: (members, message) => deliver(members.slice(1), message),
    complaint: /1 messages are lost/,
  },
  'a repeated delivery': {
    commit: (members, message) => deliver([...members, members[1]], message),
    complaint: /was expected/,
  },
  'a changed delivery': {
    commit: ([first, ...rest], message) => {
      first.write(message.replace('The', 'the'));
      deliver(rest, message);
    },
    complaint: /was expected/,
  },
  'a delivery to another room': {
    commit: (members, message, other) => deliver([...members, other], message),
    complaint: /for another room/,
  },
};

/**
 * What the faults use of a connection.
 *
 * @typedef {object} Connection
 * @property {(message: string) => void} write
 * @property {() => void} close
 * @property {(event: 'data', listener: (message: string) => void) => void} on
 * @property {(event: 'data', listener: (message: string) => void) => void} once
 * @property {(event: 'data') => void} removeAllListeners
 */

/**
 * @param {Connection[]} members
 * @param {string} message
 */
function deliver(members, message) {
  for (const member of members) member.write(message);
}

/**
 * Runs the load generator against a server.
 *
 * @param {string} protocol
 * @param {(conn: Connection, url: string) => void} onConnection
 * @param {string[]} args
 */
async function run(protocol, onConnection, args) {
  const server = http.createServer();
  if (protocol === 'socket-io') {
    const io = new Server(server, { transports: ['websocket'], serveClient: false });
    io.on('connection', (socket) => onConnection(socketIo(socket), socket.request.url));
  } else {
    const service = sockjs.createServer({ prefix: '/echo', log: null });
    service.on('connection', (conn) => onConnection(conn, conn.url));
    service.installHandlers(server);
  }
  await once(server.listen(0, '127.0.0.1'), 'listening');
  try {
    return await promisify(execFile)(LOAD, [
      `127.0.0.1:${server.address().port}`,
      ...['--protocol', protocol, ...args],
      ...['--warmup-messages', '10', '--stall-seconds', '1'],
    ]);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

/**
 * @param {import('socket.io').Socket} socket
 * @returns {Connection}
 */
function socketIo(socket) {
  return {
    write: (message) => socket.emit('m', message),
    close: () => socket.disconnect(true),
    on: (_, listener) => socket.on('m', listener),
    once: (_, listener) => socket.once('m', listener),
    removeAllListeners: () => socket.removeAllListeners('m'),
  };
}

/**
 * Runs the load generator against an echo server with a fault.
 *
 * @param {string} protocol
 * @param {(conn: Connection, message: string) => void} commit
 */
function runEcho(protocol, commit) {
  const onConnection = (conn) => {
    let count = 0;
    conn.on('data', (message) => {
      count += 1;
      if (count === FAULTY) commit(conn, message);
      else conn.write(message);
    });
  };
  const load = ['--connections', '3', '--in-flight', '4', '--messages', '2000'];
  return run(protocol, onConnection, load);
}

/**
 * Runs the load generator against a server with rooms and a fault.
 *
 * @param {string} protocol
 * @param {(members: Connection[], message: string, other: Connection) => void} commit
 */
function runRooms(protocol, commit) {
  /** @type {Connection[]} by their number */
  const conns = [];
  const onConnection = (conn, url) => {
    const number = Number(/\bs(\d+)x/.exec(url)[1]);
    conns[number] = conn;
    let count = 0;
    conn.on('data', (message) => {
      const at = (step) => conns[(number + STRIDE * step) % ROOMS];
      const members = Array.from({ length: MEMBERS }, (_, step) => at(step));
      count += 1;
      if (count === FAULTY && number === 0) commit(members, message, at(MEMBERS));
      else deliver(members, message);
    });
  };
  const rooms = String(ROOMS);
  return run(protocol, onConnection, [
    ...['--scenario', 'fan-out', '--connections', rooms, '--senders', rooms],
    ...['--members', String(MEMBERS), '--messages', '8000'],
  ]);
}

/**
 * @param {Promise<unknown>} result of a run
 * @param {RegExp} complaint
 */
async function assertComplains(result, complaint) {
  await assert.rejects(result, (error) => {
    assert.equal(error.stdout, '', 'a report in spite of the fault');
    assert.match(error.stderr, complaint);
    return true;
  });
}

const WEBSOCKETS = ['websocket', 'socket-io'];

for (const protocol of [...WEBSOCKETS, 'xhr-polling', 'xhr-streaming', 'eventsource']) {
  describe(`${protocol}, echo`, () => {
    test('a faultless server gets a report', async () => {
      const { stdout } = await runEcho(protocol, (conn, message) => conn.write(message));
      assert.ok(JSON.parse(stdout).messages >= 2000);
    });

    for (const [fault, { commit, complaint }] of Object.entries(FAULTS)) {
      test(`${fault} is noticed`, () => assertComplains(runEcho(protocol, commit), complaint));
    }
  });
}

for (const protocol of WEBSOCKETS) {
  describe(`${protocol}, rooms`, () => {
    test('a faultless server gets a report', async () => {
      const { stdout } = await runRooms(protocol, deliver);
      assert.ok(JSON.parse(stdout).messages >= 8000);
    });

    for (const [fault, { commit, complaint }] of Object.entries(ROOM_FAULTS)) {
      test(`${fault} is noticed`, () => assertComplains(runRooms(protocol, commit), complaint));
    }
  });
}
