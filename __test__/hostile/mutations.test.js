'use strict';

/**
 * Valid conversations with random changes, as bytes on a socket. HOSTILE_SEED is the seed, HOSTILE_CASES
 * the number of cases. HOSTILE_CASE runs only the case with this number.
 */

const { describe, it } = require('node:test');

const { Random } = require('../support/random');
const { OPCODE, encodeClose, encodeFrame } = require('../support/websocket-client');
const { INGRESSES, connect, inParallel, replaceable, runAttack, used, ways } = require('./attack');
const { delay } = require('../support/wait');

const SEED = Number(process.env.HOSTILE_SEED ?? 1);
const CASES = Number(process.env.HOSTILE_CASES ?? 4000);
const ONLY = process.env.HOSTILE_CASE;

/** The server is checked after this many cases. */
const BATCH = 500;
/** How many cases run at the same time. */
const CONCURRENCY = 16;
/** Milliseconds for which a client waits for the end of the connection. */
const WAIT = 8;

const request = (line, lines = [], body = '') =>
  `${line} HTTP/1.1\r\nHost: localhost\r\n${lines.map((text) => `${text}\r\n`).join('')}\r\n${body}`;
const post = (target, body = '', lines = []) =>
  request(`POST ${target}`, [`Content-Length: ${Buffer.byteLength(body)}`, ...lines], body);
const handshake = (target) =>
  request(`GET ${target}`, [
    ...['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'],
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  ]);

const FRAMES = Buffer.concat([
  encodeFrame({ payload: '["a","b\\u2028"]' }),
  encodeFrame({ payload: '{"not":["a",1e3,null]}' }),
  encodeFrame({ opcode: OPCODE.ping, payload: 'ping' }),
  encodeFrame({ payload: '["fragm', fin: false }),
  encodeFrame({ opcode: OPCODE.pong }),
  encodeFrame({ opcode: OPCODE.continuation, payload: 'ents"]' }),
  encodeFrame({ opcode: OPCODE.binary, payload: `["${'x'.repeat(200)}"]` }),
  encodeClose(1000, 'goodbye'),
]);
const FORM = 'Content-Type: application/x-www-form-urlencoded';

/** Conversations; `$S` stands for the path of a session. */
const CONVERSATIONS = [
  [handshake('/s/0/0/websocket'), FRAMES],
  [handshake('/s/websocket'), FRAMES],
  [handshake('/x/loose/0/0/websocket'), FRAMES],
  [handshake('/s/0/0/xhr'), FRAMES],
  [post('$S/xhr'), post('$S/xhr_send', '["a","b"]'), post('$S/xhr')],
  [post('$S/xhr_streaming'), post('$S/xhr_send', '["a"]')],
  [request('GET $S/eventsource'), request('GET /s/info')],
  [request('GET $S/htmlfile?c=callback'), request('GET /app')],
  [request('GET $S/jsonp?c=callback'), post('$S/jsonp_send', 'd=%5B%22a%22%5D', [FORM])],
  [
    post('$S/xhr'),
    post('$S/jsonp_send', '["a",[1,{"b":"\\ud83d\\ude00"}]]', ['Content-Type: text/plain']),
  ],
  [
    post('$S/xhr'),
    request(
      'POST $S/xhr_send',
      ['Transfer-Encoding: chunked'],
      '3\r\n["a\r\n2;x=y\r\n"]\r\n0\r\n\r\n',
    ),
  ],
  [request('OPTIONS $S/xhr', ['Origin: http://localhost', 'Access-Control-Request-Headers: x'])],
  [request('GET /s/iframe-0.1.html', ['If-None-Match: "abc"']), request('GET /s/')],
  [
    request('GET /s/info', [
      'Cookie: JSESSIONID=a; b=c',
      'Origin: null',
      'X-Forwarded-For: 1.2.3.4',
    ]),
  ],
  [request('GET /app'), request('GET /s/info'), request('GET /app'), post('/s/chunking_test')],
  [request('GET /s/info', ['Connection: keep-alive']).replace('1.1', '1.0'), request('GET /s/')],
  [request('GET http://localhost/x/loose/info'), request('GET //x/loose/info')],
];

/** Bytes that are hard for parsers. */
const TOKENS = [
  ...[
    '\r\n',
    '\n',
    '\r',
    '\r\n\r\n',
    '\0',
    ' ',
    '\t',
    ':',
    ';',
    ',',
    '%',
    '%00',
    '?',
    '#',
    '//',
    '\\',
  ],
  ...[
    '0',
    '-1',
    '65535',
    '4294967296',
    '18446744073709551615',
    '9'.repeat(40),
    '1e9',
    'ffffffffffffffff',
  ],
  ...[
    'Content-Length: 5\r\n',
    'Transfer-Encoding: chunked\r\n',
    'Connection: Upgrade\r\n',
    'Upgrade: websocket\r\n',
  ],
  ...[
    'Connection: close\r\n',
    'Expect: 100-continue\r\n',
    'HTTP/1.1',
    'HTTP/1.0',
    'GET ',
    'POST ',
    'HEAD ',
  ],
  ...[
    '["',
    '"]',
    '[[[[',
    '{"__proto__":',
    '\\u',
    '\\ud800',
    '\xff',
    '\xed\xa0\x80',
    '\xf0\x9f\x98\x80',
  ],
  ...[
    '\x81\xfe\xff\xff',
    '\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff',
    '\x88\x80\0\0\0\0',
    '\x89\xfd',
    '\x01\x80',
  ],
].map((text) => Buffer.from(text, 'latin1'));

/** @type {((bytes: Buffer, random: Random) => Buffer)[]} */
const MUTATIONS = [
  (bytes, random) => {
    const at = random.int(0, bytes.length - 1);
    bytes[at] ^= 1 << random.int(0, 7);
    return bytes;
  },
  (bytes, random) => {
    bytes[random.int(0, bytes.length - 1)] = random.int(0, 255);
    return bytes;
  },
  (bytes, random) => insert(bytes, random, random.pick(TOKENS)),
  (bytes, random) => insert(bytes, random, random.pick(TOKENS)),
  (bytes, random) => {
    const at = random.int(0, bytes.length - 1);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + random.int(1, 40))]);
  },
  (bytes, random) => {
    const at = random.int(0, bytes.length - 1);
    const part = bytes.subarray(at, at + random.int(1, 200));
    return insert(bytes, random, Buffer.concat(Array(random.int(1, 20)).fill(part)));
  },
  (bytes, random) => bytes.subarray(0, random.int(1, bytes.length)),
  (bytes, random) => insert(bytes, random, Buffer.from(random.pick(random.pick(CONVERSATIONS)))),
  (bytes, random) => insert(bytes, random, Buffer.alloc(random.int(1, 70_000), random.int(0, 255))),
];

function insert(bytes, random, more) {
  const at = random.int(0, bytes.length);
  return Buffer.concat([bytes.subarray(0, at), more, bytes.subarray(at)]);
}

/**
 * Makes the case with this number.
 *
 * @param {number} number
 * @param {string} session
 */
function makeCase(number, session) {
  const random = new Random(SEED, number);
  const parts = random
    .pick(CONVERSATIONS)
    .map((part) => (typeof part === 'string' ? Buffer.from(part.replaceAll('$S', session)) : part));
  let bytes = Buffer.concat(parts);
  for (let count = random.int(0, 6); count > 0 && bytes.length > 1; count--) {
    bytes = random.pick(MUTATIONS)(Buffer.from(bytes), random);
  }
  const cuts = [0, ...random.cuts(bytes.length, 4), bytes.length];
  return {
    later: random.chance(0.4),
    segments: cuts.slice(1).map((cut, index) => bytes.subarray(cuts[index], cut)),
    way: random.pick([...Object.values(ways), () => {}]),
    waits: random.chance(0.7),
  };
}

/** Runs one case. The answers are not checked. */
async function runCase(client, number) {
  const { later, segments, way, waits } = makeCase(number, client.session('/s'));
  const { wire } = await (later ? used : connect)(client);
  for (const segment of segments) {
    wire.write(segment);
    await delay(0);
  }
  if (waits && !wire.ended) await Promise.race([delay(WAIT), wire.end().catch(() => {})]);
  way(wire.socket);
  // Some bytes are still sent then. The caller closes all connections.
  if (waits) await delay(1);
}

for (const ingress of INGRESSES) {
  describe(`survives conversations with random changes, ${ingress}`, () => {
    // If a client has sent very much during a response, the server notices the end of the connection only
    // when a heartbeat fails.
    const server = replaceable(ingress, { service: { heartbeat_delay: 500 } });
    const numbers = ONLY ? [Number(ONLY)] : Array.from({ length: CASES }, (_, number) => number);
    for (let at = 0; at < numbers.length; at += BATCH) {
      const batch = numbers.slice(at, at + BATCH);
      const [first, last] = [batch[0], batch.at(-1)];
      it(`cases ${first} to ${last} of seed ${SEED}`, async (test) => {
        const target = await server.get();
        await inParallel(CONCURRENCY, batch, (number) =>
          runAttack(target, ({ client }) => runCase(client, number)),
        );
        await target.checkUnharmed();
        if (last === numbers.at(-1)) test.diagnostic(await target.state());
      });
    }
  });
}
