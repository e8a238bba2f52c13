'use strict';

/** Hixie-76: keys of every kind and none, and frames: every way to begin one, in sequence, and without end. */

const assert = require('node:assert/strict');

const {
  ANSWER,
  CLOSING,
  HixieClient,
  KEY_3,
  sizedFrame,
  textFrame,
} = require('../support/hixie-client');
const { attack, inParallel, ways } = require('./attack');

const TARGET = '/s/0/0/websocket';
const CROWD = 32;
/** What the servers under attack allow a message. */
const MAX = 1 << 20;

/**
 * What the draft says of the bytes of a client.
 *
 * @param {Buffer} bytes
 * @returns {{ texts: string[], closed: boolean }}
 */
function read(bytes) {
  const texts = [];
  let at = 0;
  let closing = false;
  while (at < bytes.length) {
    const first = bytes[at++];
    if (first < 0x80) {
      const end = bytes.indexOf(0xff, at);
      if ((end < 0 ? bytes.length : end) - at > MAX) return { texts, closed: true };
      if (end < 0) break;
      texts.push(bytes.toString('utf8', at, end));
      at = end + 1;
      continue;
    }
    closing ||= first === 0xff;
    let length = 0;
    let more = true;
    while (more && at < bytes.length) {
      more = bytes[at] >= 0x80;
      length = length * 128 + (bytes[at++] & 0x7f);
      if (length > MAX || (closing && length === 0)) return { texts, closed: true };
    }
    at += length;
  }
  return { texts, closed: false };
}

/**
 * Opens a websocket, sends frames and nothing more, and waits for the end.
 *
 * @param {import('../support/client').Client} client
 * @param {Buffer} frames
 * @param {number} piece bytes of one segment
 * @returns {Promise<string>} what has come, as latin1
 */
async function exchange(client, frames, piece) {
  const hixie = HixieClient.begin(client, TARGET, { early: KEY_3 });
  await hixie.connection.response();
  for (let at = 0; at < frames.length; at += piece) {
    hixie.wire.write(frames.subarray(at, at + piece));
  }
  hixie.wire.socket.end();
  return hixie.rest();
}

/**
 * What is JSON has to come back, and the closing frame if there is a reason for it.
 *
 * @param {import('../support/client').Client} client
 * @param {Buffer} frames
 * @param {number} [piece] bytes of one segment
 */
async function judge(client, frames, piece = frames.length) {
  const answer = await exchange(client, frames, piece);
  const { texts, closed } = read(frames);
  const echoes = [];
  let ends = closed;
  for (const text of texts.filter(Boolean)) {
    try {
      const value = JSON.parse(text);
      for (const message of Array.isArray(value) ? value : [value]) {
        echoes.push(`\0a[${JSON.stringify(`${message}`)}]\xff`);
      }
    } catch {
      ends = true;
      break;
    }
  }
  const expected = `${ANSWER}\0o\xff${echoes.join('')}${ends ? '\xff\0' : ''}`;
  const what = frames.toString('hex', 0, 60);
  // A server that closes with something unread takes back what is still on its way.
  if (ends && piece < frames.length) assert.ok(expected.startsWith(answer), what);
  else assert.equal(answer, expected, what);
}

/** Each first byte, and what decides with it. */
function* everyBeginning() {
  for (let first = 0; first < 256; first++) {
    for (const second of [0x00, 0x01, 0x05, 0x7f, 0x80, 0x81, 0xc0, 0xff]) {
      yield Buffer.concat([Buffer.from([first, second]), Buffer.from('"t"\xff', 'latin1')]);
    }
  }
}

const ALPHABET = [
  textFrame('"t"'),
  textFrame('["a","b"]'),
  textFrame(''),
  textFrame('[broken'),
  Buffer.from('\0"no end', 'latin1'),
  sizedFrame([3], 'abc'),
  sizedFrame([3], Buffer.from([0xff, 0x00, 0xff])),
  sizedFrame([0x80, 0x80, 0x00], ''),
  sizedFrame([2], 'ab', 0xff),
  Buffer.from([0x80, 0x85]),
  CLOSING,
];

function* everySequence(depth) {
  if (depth === 0) return yield Buffer.alloc(0);
  for (const rest of everySequence(depth - 1)) {
    for (const frame of ALPHABET) yield Buffer.concat([rest, frame]);
  }
  return undefined;
}

attack(
  'frames of Hixie-76',
  [
    [
      'with every beginning',
      ({ client }) => inParallel(CROWD, everyBeginning(), (frames) => judge(client, frames)),
    ],
    [
      'three in a row',
      ({ client }) => inParallel(CROWD, everySequence(3), (frames) => judge(client, frames)),
    ],
    [
      'byte by byte',
      ({ client }) => inParallel(CROWD, everySequence(2), (frames) => judge(client, frames, 1)),
    ],
    [
      'a great many',
      async ({ client }) => {
        for (const frame of [
          textFrame(''),
          sizedFrame([0], ''),
          sizedFrame([1], 'x'),
          textFrame('[]'),
        ]) {
          await judge(client, Buffer.concat([...Array(50_000).fill(frame), textFrame('"x"')]));
        }
      },
    ],
    [
      'without end',
      async ({ client }) => {
        for (const byte of [0x00, 0x80, 0x81, 0xfe, 0xff]) {
          await exchange(client, Buffer.alloc(4 * MAX, byte), 1 << 16);
        }
      },
    ],
    [
      'as long as they may be, and a byte longer',
      async ({ client }) => {
        const text = `"${'x'.repeat(MAX - 2)}"`;
        await judge(client, textFrame(text));
        await judge(client, Buffer.concat([sizedFrame([0xc0, 0x80, 0x00], text), textFrame('1')]));
        // Both are given up before all of them has been read.
        await exchange(client, textFrame(`${text} `), 1 << 16);
        await exchange(client, sizedFrame([0xc0, 0x80, 0x01], text), 1 << 16);
      },
    ],
  ],
  { rounds: 1 },
);

/** Headers of a handshake that has no answer but 400, or is one of no websocket at all. */
const KEYS = [
  ['', ''],
  ['1', '1'],
  ['a b', 'a b'],
  ['4294967296 ', '4294967296 x'],
  [`${'9'.repeat(7000)} x`, '1 x'],
  [`1${' '.repeat(7000)}x`, '1 x'],
  ['-1 x', '1e3 x'],
  ['\xe9 1', '\xa0 2'],
  ['1 x, 1 x', '1 x'],
];

attack('keys of Hixie-76', [
  ...KEYS.map(([first, second]) => [
    `such as ${JSON.stringify(first.slice(0, 12))} and ${JSON.stringify(second.slice(0, 12))}`,
    async ({ client }) => {
      const headers = { 'Sec-WebSocket-Key1': first, 'Sec-WebSocket-Key2': second };
      for (const target of [TARGET, '/s/websocket', '/s/info', '/s/0/0/xhr', '/app']) {
        const { wire } = HixieClient.begin(client, target, { headers, early: KEY_3 });
        await wire.read(() => wire.buffer.includes('HTTP/1.1 ') || undefined, 'an answer');
      }
    },
  ]),
  ...Object.keys(ways).flatMap((way) =>
    [0, 1, 7, 8].map((length) => [
      `whose third has ${length} bytes, from a peer that ${way}`,
      async ({ client }) => {
        for (const waits of [false, true]) {
          const some = KEY_3.subarray(0, length);
          const hixie = HixieClient.begin(client, TARGET, waits ? {} : { early: some });
          if (waits) {
            await hixie.connection.response();
            hixie.wire.write(some);
          }
          ways[way](hixie.wire.socket);
          if (way === 'ends its side') await hixie.wire.end();
        }
      },
    ]),
  ),
  ...[
    CLOSING,
    textFrame('[broken'),
    textFrame('"x"'),
    Buffer.from([0xff]),
    Buffer.alloc(1 << 16),
  ].map((bytes) => [
    `with ${bytes.toString('hex', 0, 8)} behind the third`,
    async ({ client }) => {
      for (const waits of [false, true]) {
        const early = Buffer.concat([KEY_3, bytes]);
        const hixie = HixieClient.begin(client, TARGET, waits ? {} : { early });
        await hixie.connection.response();
        if (waits) hixie.wire.write(early);
        hixie.wire.socket.end();
        await hixie.wire.end();
      }
    },
  ]),
]);

attack(
  'a crowd whose third key of Hixie-76',
  [
    [
      'never comes',
      async ({ client }) => {
        const crowd = Array.from({ length: 300 }, () => HixieClient.begin(client, TARGET));
        await Promise.all(crowd.map(({ wire }) => wire.end()));
      },
    ],
    [
      'comes too slowly',
      async ({ client }) => {
        const crowd = Array.from({ length: 50 }, () => HixieClient.begin(client, TARGET));
        const timers = crowd.map(({ wire }) => setInterval(() => wire.write('k'), 90));
        await Promise.all(crowd.map(({ wire }) => wire.end()));
        timers.forEach(clearInterval);
      },
    ],
  ],
  { http: { headersTimeout: 400 }, rounds: 1 },
);
