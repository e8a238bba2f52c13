'use strict';

/** Peers that take their time: heads, bodies and frames that come a byte at a time, or never end. */

const assert = require('node:assert/strict');

const { OPCODE, encodeFrame } = require('../support/websocket-client');
const { attack, connect, used } = require('./attack');
const { delay } = require('../support/wait');

/** Milliseconds between two bytes. */
const PACE = 25;
/** Milliseconds in which a healthy client has its answer meanwhile: crowd and server share a machine. */
const MEANWHILE = 1000;
/** Peers of each kind. */
const CROWD = 20;

/** Limits of the http server that are soon reached. */
const IMPATIENT = {
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

/** What comes slowly: first what is sent at once, then what never ends. */
const streams = {
  'first lines': ['', 'GET /s/info?aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'],
  heads: ['POST /s/0/0/xhr HTTP/1.1\r\n', 'X-Slow: slow\r\n'],
  'heads of handshakes': [
    'GET /s/websocket HTTP/1.1\r\nUpgrade: websocket\r\n',
    'X-Slow: slow\r\n',
  ],
  'bodies of xhr_send': [`POST /s/0/0/xhr_send HTTP/1.1\r\n${HEAD}\r\n`, '["slow","slow"]'],
  'bodies of jsonp_send': [`POST /s/0/0/jsonp_send HTTP/1.1\r\n${HEAD}\r\n`, 'd=%5B%22'],
  'bodies that nobody reads': [`POST /s/0/0/xhr_streaming HTTP/1.1\r\n${HEAD}\r\n`, 'slow'],
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

/** A websocket gets a close frame first, which it has 30 seconds to answer. */
const isGivenUp = (wire) => wire.ended || wire.buffer.includes('No response from heartbeat');

/**
 * Sends one byte after the other until the server has had enough of it, which has to happen.
 *
 * @param {import('../support/wire').Wire} wire
 * @param {string | Buffer} bytes again and again
 */
async function drip(wire, bytes) {
  const all = Buffer.from(bytes);
  for (let at = 0; !isGivenUp(wire); at = (at + 1) % all.length) {
    wire.write(all.subarray(at, at + 1));
    await delay(PACE);
  }
}

/** The server gives a peer up in this time, whatever it does: limits, and what a busy machine adds. */
const GIVEN_UP = 4000;

/** What slow peers do, each on a connection of its own, until the server has had enough of them. */
const peers = [
  ...Object.entries(streams).flatMap(([what, [opening, rest]]) =>
    Object.entries({ fresh: connect, 'served before': used }).map(([kind, begin]) => [
      `${what} on connections that are ${kind}`,
      async (client) => {
        const { wire } = await begin(client);
        wire.write(opening);
        await drip(wire, rest);
      },
    ]),
  ),
  [
    'frames of websockets that answer no ping',
    async (client) => {
      const { wire } = await client.websocket('/s/0/0/websocket');
      await drip(wire, encodeFrame({ payload: 'x'.repeat(60_000) }));
    },
  ],
  [
    'messages of websockets in fragments without end',
    async (client) => {
      const { wire } = await client.websocket('/s/0/0/websocket');
      wire.write(encodeFrame({ payload: '[', fin: false }));
      await drip(wire, encodeFrame({ opcode: OPCODE.continuation, fin: false }));
    },
  ],
];

/** What peers say before they say nothing more. */
const openings = {
  nothing: '',
  'half a head': `POST /s/0/0/xhr_send HTTP/1.1\r\n${HEAD}`,
  'half a body': `POST /s/0/0/xhr_send HTTP/1.1\r\n${HEAD}\r\n["`,
  'a handshake': `GET /s/0/0/websocket HTTP/1.1\r\nHost: localhost\r\n${HANDSHAKE}`,
};
const silent = Object.entries(openings).flatMap(([what, opening]) =>
  Object.entries({ fresh: connect, 'served before': used }).map(([kind, begin]) => [
    `${what} on connections that are ${kind}`,
    async (client) => {
      const { wire } = await begin(client);
      wire.write(opening);
      await wire.waitUntil(
        () => isGivenUp(wire) || undefined,
        () => 'the end of it',
      );
    },
  ]),
);

/**
 * Opens many connections of each kind at once, and checks that healthy clients are served meanwhile.
 *
 * @param {[string, (client: import('../support/client').Client) => Promise<void>][]} table
 */
function crowd(table) {
  return async ({ server, client }) => {
    const slowest = async ([title, act]) => {
      const start = performance.now();
      await Promise.all(Array.from({ length: CROWD }, () => act(client)));
      const elapsed = performance.now() - start;
      assert.ok(elapsed < GIVEN_UP, `${title}: given up after ${Math.round(elapsed)} ms`);
    };
    const all = Promise.all(table.map(slowest)).then(() => 'over');
    do await server.answersWithin(MEANWHILE);
    while ((await Promise.race([all, delay(100)])) !== 'over');
  };
}

attack(
  'peers that take their time',
  [
    [`with ${CROWD} of each: ${peers.map(([title]) => title).join(', ')}`, crowd(peers)],
    [`who have said ${silent.map(([title]) => title).join(', ')}`, crowd(silent)],
  ],
  { ...IMPATIENT, rounds: 0 },
);
