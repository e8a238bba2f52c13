'use strict';

/** Upgrade requests: with each method to each path, improper ones, and data in the same segment. */

const assert = require('node:assert/strict');
const http = require('node:http');

const { OPCODE, encodeClose, encodeFrame } = require('../support/websocket-client');
const { attack, connect, ways } = require('./attack');

/** Websocket endpoints: a handshake for them gets 101. */
const WEBSOCKETS = ['/s/0/0/websocket', '/s/0/0/websocket/', '/s/websocket', '/s/websocket/'];

const TARGETS = [
  ...WEBSOCKETS,
  ...['', '/', '/info', '/iframe.html', '/chunking_test', '/nowhere', '/0/0', '/0/0/', '//'].map(
    (path) => `/s${path}`,
  ),
  ...[
    'xhr',
    'xhr_send',
    'xhr_streaming',
    'eventsource',
    'htmlfile?c=x',
    'jsonp?c=x',
    'jsonp_send',
  ].map((name) => `/s/0/0/${name}`),
];

/** Targets under no prefix, or only under `.*\/loose`, and targets that are not paths. */
const STRANGE = [
  ...['/', '*', '/app', '/app/websocket', '/loose/websocket', '/x/loose/0/0/websocket', '?/loose'],
  ...['http://localhost/s/info', 'http://localhost/loose/0/0/xhr', 'mailto:/loose/websocket'],
  ...['//s/websocket', 'localhost:80', '/s/%2e%2e/websocket', '/s/websocket?%', '\\s\\websocket'],
  ...[
    'http://[/loose/websocket',
    'x:/loose',
    '///loose/',
    '/loose/\\0/0/websocket',
    '#/loose/0/0/xhr',
  ],
];

const KEY = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==';
const HANDSHAKE = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', KEY];

const request = (method, target, lines = HANDSHAKE) =>
  `${method} ${target} HTTP/1.1\r\nHost: localhost\r\n${lines.join('\r\n')}\r\n\r\n`;

/**
 * Sends bytes, and waits until the server has ended the connection, or has answered with 101 or 200.
 *
 * @param {import('../support/client').Client} client
 * @param {string | Buffer} bytes
 */
async function exchange(client, bytes) {
  const { wire } = client.connect();
  wire.write(bytes);
  const isOpen = () => /HTTP\/1\.1 (?:101|200)[^]*\r\n\r\n/.test(wire.buffer.latin1Slice());
  await wire.waitUntil(
    () => wire.ended || isOpen() || undefined,
    () => `an answer to ${JSON.stringify(bytes.toString('latin1', 0, 99))}`,
  );
  const answer = wire.buffer.latin1Slice();
  wire.socket.destroy();
  return answer;
}

/** Upgrade requests that are not valid handshakes of RFC 6455, or have unusual headers. */
const IMPROPER = [
  ['for another protocol', ['Connection: Upgrade', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABk']],
  ['with an empty Upgrade', ['Connection: Upgrade', 'Upgrade: ']],
  ['for several protocols', ['Connection: Upgrade', 'Upgrade: h2c, websocket', 'Upgrade: x']],
  ['without Connection', HANDSHAKE.slice(1)],
  ['without Upgrade', [HANDSHAKE[0], ...HANDSHAKE.slice(2)]],
  ['without a key', HANDSHAKE.slice(0, 3)],
  ['with an empty key', [...HANDSHAKE.slice(0, 3), 'Sec-WebSocket-Key:']],
  ['with two keys', [...HANDSHAKE, KEY]],
  ['without a version', [...HANDSHAKE.slice(0, 2), KEY]],
  ...['0', '7', '8', '12', '14', '13, 8', '-13', '1e1', '99999999999999999999', ' ', 'x'].map(
    (version) => [
      `of version ${version}`,
      [...HANDSHAKE.slice(0, 2), `Sec-WebSocket-Version: ${version}`, KEY],
    ],
  ),
  ['of Hixie-75', ['Connection: Upgrade', 'Upgrade: WebSocket', 'Origin: http://localhost']],
  [
    'of Hixie-76',
    [
      ...['Connection: Upgrade', 'Upgrade: WebSocket', 'Origin: http://localhost'],
      ...['Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5', 'Sec-WebSocket-Key2: 12998 5 Y3 1  .P00'],
    ],
  ],
  [
    'of Hixie-76 with a key of zero spaces',
    ['Connection: Upgrade', 'Upgrade: WebSocket', 'Sec-WebSocket-Key1: 1', 'Sec-WebSocket-Key2: 1'],
  ],
  [
    'with every extension',
    [...HANDSHAKE, `Sec-WebSocket-Extensions: ${'a; b="c", '.repeat(400)}d`],
  ],
  ['with an invalid extension', [...HANDSHAKE, 'Sec-WebSocket-Extensions: ;;,"\\']],
  ['with many protocols', [...HANDSHAKE, `Sec-WebSocket-Protocol: ${'p, '.repeat(2000)}p`]],
  ['with a body', [...HANDSHAKE, 'Content-Length: 5']],
  ['with a chunked body', [...HANDSHAKE, 'Transfer-Encoding: chunked']],
  ['with Expect', [...HANDSHAKE, 'Expect: 100-continue']],
];

/** Data in the same segment as a handshake. */
const SEGMENTS = {
  'a message': encodeFrame({ payload: '["early"]' }),
  'a close frame': encodeClose(1000),
  'a close frame without a code': encodeClose(),
  'an invalid close frame': encodeFrame({ opcode: OPCODE.close, payload: 'x' }),
  'a message and a close frame': Buffer.concat([
    encodeFrame({ payload: '"x"' }),
    encodeClose(3000),
  ]),
  'invalid JSON': encodeFrame({ payload: '[' }),
  'an unmasked frame': encodeFrame({ payload: '["x"]', masked: false }),
  'a frame with reserved bits': encodeFrame({ rsv: 7 }),
  'an unknown opcode': encodeFrame({ opcode: 7 }),
  'half a frame': encodeFrame({ payload: '["half"]' }).subarray(0, 9),
  'one byte': Buffer.from([0x81]),
  'a ping': encodeFrame({ opcode: OPCODE.ping, payload: 'p' }),
  'a frame that is far too long': Buffer.from('81ffffffffffffffffff00000000', 'hex'),
  'many messages': Buffer.concat(Array(5000).fill(encodeFrame({ payload: '["many"]' }))),
  'another handshake': Buffer.from(request('GET', '/s/websocket')),
  'another request': Buffer.from('GET /app HTTP/1.1\r\nHost: localhost\r\n\r\n'),
  zeros: Buffer.alloc(200_000),
  'the eight bytes of Hixie-76': Buffer.from('^n:ds[4U'),
  garbage: Buffer.from(Array.from({ length: 4096 }, (_, i) => (i * 7919) & 0xff)),
};

attack(
  'upgrade requests with each method',
  [...TARGETS, ...STRANGE].map((target) => [
    `to ${target}`,
    async ({ client }) => {
      await Promise.all(
        http.METHODS.map(async (method) => {
          const answer = await exchange(client, request(method, target));
          if (!TARGETS.includes(target)) return;
          const opens = method === 'GET' && WEBSOCKETS.includes(target);
          assert.equal(answer.startsWith('HTTP/1.1 101'), opens, `${method}: ${answer}`);
        }),
      );
    },
  ]),
  { rounds: 1 },
);

attack(
  'upgrade requests',
  IMPROPER.map(([title, lines]) => [
    title,
    async ({ client }) => {
      for (const target of [
        ...WEBSOCKETS,
        '/s/info',
        '/s/0/0/xhr',
        '/app',
        '/loose/0/0/htmlfile',
      ]) {
        await exchange(client, `${request('GET', target, lines)}^n:ds[4U`);
      }
    },
  ]),
);

attack(
  'data in the segment of a handshake',
  Object.entries(SEGMENTS).flatMap(([what, bytes]) =>
    ['stays', ...Object.keys(ways)].map((way) => [
      `${what}, from a client that ${way}`,
      async ({ client }) => {
        for (const target of [
          ...WEBSOCKETS,
          '/s/0/0/xhr',
          '/s/info',
          '/app',
          '/loose/0/0/htmlfile',
        ]) {
          const { wire } = await connect(client);
          wire.write(Buffer.concat([Buffer.from(request('GET', target)), bytes]));
          if (way === 'stays') {
            await wire.read(() => wire.buffer.length > 0 || undefined, 'an answer');
          } else ways[way](wire.socket);
          if (way === 'half-closes') await wire.end();
        }
      },
    ]),
  ),
);

attack(
  'a client that',
  Object.keys(ways).flatMap((way) => [
    [
      `${way} after a refused handshake`,
      async ({ client }) => {
        for (const junk of ['', 'x'.repeat(100_000)]) {
          const { wire } = client.connect();
          wire.write(request('GET', '/s/websocket', HANDSHAKE.slice(0, 3)) + junk);
          await wire.read(() => wire.buffer.includes('HTTP/1.1 400') || undefined, 'the refusal');
          ways[way](wire.socket);
        }
      },
    ],
    [
      `${way} after an upgrade for the application`,
      async ({ client }) => {
        for (const junk of ['', 'x'.repeat(100_000)]) {
          const { wire } = client.connect();
          wire.write(request('GET', '/app') + junk);
          await client.get('/app');
          ways[way](wire.socket);
        }
      },
    ],
    [
      `${way} after an upgrade during a response`,
      async ({ client }) => {
        for (const target of ['/s/0/0/websocket', '/s/info', '/app']) {
          const { wire } = client.connect();
          const stream = `POST ${client.session('/s')}/xhr_streaming HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n`;
          wire.write(stream + request('GET', target));
          await wire.read(() => wire.buffer.includes('o\n') || undefined, 'the opening');
          ways[way](wire.socket);
        }
      },
    ],
  ]),
);
