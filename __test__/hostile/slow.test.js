'use strict';

/** Slow clients: heads, bodies and frames that arrive byte by byte or never end, and idle clients. */

const assert = require('node:assert/strict');

const { OPCODE, encodeFrame } = require('../support/websocket-client');
const { attack, connect, used } = require('./attack');
const { delay } = require('../support/wait');

/** Milliseconds between two bytes. */
const PAUSE_MS = 25;
/** Milliseconds within which the server must answer a healthy client meanwhile: all share a machine. */
const RESPONSE_MS = 1000;
/** How many clients of each kind there are. */
const CLIENTS = 20;

/** Short time limits. */
const SHORT_LIMITS = {
  http: {
    headersTimeout: 400,
    requestTimeout: 600,
    keepAliveTimeout: 500,
    connectionsCheckingInterval: 50,
  },
  service: { heartbeat_delay: 400, pong_timeout: 200 },
};

const HEAD = 'Host: localhost\r\nContent-Length: 500000\r\n';
const HANDSHAKE =
  'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';

/** Part that is sent slowly → the bytes that are sent at once, and those that are repeated slowly. */
const streams = {
  'first lines': ['', 'GET /s/info?aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'],
  heads: ['POST /s/0/0/xhr HTTP/1.1\r\n', 'X-Slow: slow\r\n'],
  'heads of handshakes': [
    'GET /s/websocket HTTP/1.1\r\nUpgrade: websocket\r\n',
    'X-Slow: slow\r\n',
  ],
  'bodies of xhr_send': [`POST /s/0/0/xhr_send HTTP/1.1\r\n${HEAD}\r\n`, '["slow","slow"]'],
  'bodies of jsonp_send': [`POST /s/0/0/jsonp_send HTTP/1.1\r\n${HEAD}\r\n`, 'd=%5B%22'],
  'bodies that SockJS ignores': [`POST /s/0/0/xhr_streaming HTTP/1.1\r\n${HEAD}\r\n`, 'slow'],
  chunks: [
    'POST /s/0/0/xhr_send HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n',
    '1\r\na\r\n',
  ],
  'chunk extensions': [
    'POST /s/0/0/xhr_send HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1;',
    'slow=slow;',
  ],
  trailers: [
    'POST /s/0/0/xhr_send HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n',
    'X-Slow: slow\r\n',
  ],
};

/** Whether the server has ended the connection, or has sent the close frame of a heartbeat without a pong. */
const isGivenUp = (wire) => wire.ended || wire.buffer.includes('No response from heartbeat');

/**
 * Sends byte after byte until the server gives the connection up.
 *
 * @param {import('../support/wire').Wire} wire
 * @param {string | Buffer} bytes are repeated
 */
async function sendSlowly(wire, bytes) {
  const all = Buffer.from(bytes);
  for (let at = 0; !isGivenUp(wire); at = (at + 1) % all.length) {
    wire.write(all.subarray(at, at + 1));
    await delay(PAUSE_MS);
  }
}

/** Milliseconds within which the server must give each client up: the limits, and time for a busy machine. */
const GIVE_UP_MS = 4000;

/** Slow clients, each on a connection of its own, until the server gives them up. */
const slow = [
  ...Object.entries(streams).flatMap(([what, [opening, rest]]) =>
    Object.entries({ new: connect, used }).map(([kind, begin]) => [
      `${what} on ${kind} connections`,
      async (client) => {
        const { wire } = await begin(client);
        wire.write(opening);
        await sendSlowly(wire, rest);
      },
    ]),
  ),
  [
    'frames of websockets that do not answer pings',
    async (client) => {
      const { wire } = await client.websocket('/s/0/0/websocket');
      await sendSlowly(wire, encodeFrame({ payload: 'x'.repeat(60_000) }));
    },
  ],
  [
    'endless fragmented messages of websockets',
    async (client) => {
      const { wire } = await client.websocket('/s/0/0/websocket');
      wire.write(encodeFrame({ payload: '[', fin: false }));
      await sendSlowly(wire, encodeFrame({ opcode: OPCODE.continuation, fin: false }));
    },
  ],
];

/** The bytes that idle clients send first. */
const openings = {
  nothing: '',
  'half a head': `POST /s/0/0/xhr_send HTTP/1.1\r\n${HEAD}`,
  'half a body': `POST /s/0/0/xhr_send HTTP/1.1\r\n${HEAD}\r\n["`,
  'a handshake': `GET /s/0/0/websocket HTTP/1.1\r\nHost: localhost\r\n${HANDSHAKE}`,
};
const idle = Object.entries(openings).flatMap(([what, opening]) =>
  Object.entries({ new: connect, used }).map(([kind, begin]) => [
    `${what} on ${kind} connections`,
    async (client) => {
      const { wire } = await begin(client);
      wire.write(opening);
      await wire.waitUntil(
        () => isGivenUp(wire) || undefined,
        () => 'the end of the connection',
      );
    },
  ]),
);

/**
 * Runs many clients of each kind at the same time, and checks that healthy clients are served meanwhile.
 *
 * @param {[string, (client: import('../support/client').Client) => Promise<void>][]} table
 */
function runMany(table) {
  return async ({ server, client }) => {
    const runKind = async ([title, act]) => {
      const start = performance.now();
      await Promise.all(Array.from({ length: CLIENTS }, () => act(client)));
      const elapsed = performance.now() - start;
      assert.ok(elapsed < GIVE_UP_MS, `${title}: given up after ${Math.round(elapsed)} ms`);
    };
    const all = Promise.all(table.map(runKind)).then(() => 'over');
    do await server.checkResponsiveWithin(RESPONSE_MS);
    while ((await Promise.race([all, delay(100)])) !== 'over');
  };
}

attack(
  `${CLIENTS} clients of each kind`,
  [
    [`that are slow: ${slow.map(([title]) => title).join(', ')}`, runMany(slow)],
    [`that send nothing more after: ${idle.map(([title]) => title).join(', ')}`, runMany(idle)],
  ],
  { ...SHORT_LIMITS, rounds: 0 },
);
