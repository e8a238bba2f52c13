'use strict';

/**
 * @file On every transport, the load generator must report each fault in an echo, and end the run. The faults of raw
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
 *   commit: (conn: import('..').Connection, message: string) => void,
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
    complaint: /c\[1000,/,
  },
};

/**
 * Runs the load generator against an echo server with a fault.
 *
 * @param {string} protocol
 * @param {(conn: import('..').Connection, message: string) => void} commit
 */
async function run(protocol, commit) {
  const service = sockjs.createServer({ prefix: '/echo', log: null });
  service.on('connection', (conn) => {
    let count = 0;
    conn.on('data', (message) => {
      count += 1;
      if (count === FAULTY) commit(conn, message);
      else conn.write(message);
    });
  });
  const server = http.createServer();
  service.installHandlers(server);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  try {
    return await promisify(execFile)(LOAD, [
      `127.0.0.1:${server.address().port}`,
      ...['--protocol', protocol, '--connections', '3', '--in-flight', '4'],
      ...['--warmup-messages', '10', '--messages', '2000', '--stall-seconds', '1'],
    ]);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

for (const protocol of ['websocket', 'xhr-polling', 'xhr-streaming', 'eventsource']) {
  describe(protocol, () => {
    test('a faultless server gets a report', async () => {
      const { stdout } = await run(protocol, (conn, message) => conn.write(message));
      assert.ok(JSON.parse(stdout).messages >= 2000);
    });

    for (const [fault, { commit, complaint }] of Object.entries(FAULTS)) {
      test(`${fault} is noticed`, async () => {
        await assert.rejects(run(protocol, commit), (error) => {
          assert.equal(error.stdout, '', 'a report in spite of the fault');
          assert.match(error.stderr, complaint);
          return true;
        });
      });
    }
  });
}
