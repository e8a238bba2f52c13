'use strict';

/** Hixie-76: valid, invalid and missing keys; frames with each first byte, sequences, and endless frames. */

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
/** How many connections are open at the same time. */
const CONCURRENCY = 32;
/** `max_message_size` of the server, in bytes. */
const MAX = 1 << 20;

/**
 * Decodes a client's bytes as the draft says.
 *
 * @param {Buffer} bytes
 * @returns {{ texts: string[], closed: boolean }} the texts, and whether a frame closes the connection
 */
function decode(bytes) {
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
 * Opens a websocket, sends frames, half-closes, and waits for the end of the connection.
 *
 * @param {import('../support/client').Client} client
 * @param {Buffer} frames
 * @param {number} piece bytes of each write
 * @returns {Promise<string>} all bytes after the head of the answer, as latin1
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
 * Checks that messages in valid JSON are echoed, and that the closing frame follows if the frames require
 * it.
 *
 * @param {import('../support/client').Client} client
 * @param {Buffer} frames
 * @param {number} [piece] bytes of each write
 */
async function checkEchoes(client, frames, piece = frames.length) {
  const answer = await exchange(client, frames, piece);
  const { texts, closed } = decode(frames);
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
  // Closing a socket with unread data resets the connection: the client may lose the end of the answer.
  if (ends && piece < frames.length) assert.ok(expected.startsWith(answer), what);
  else assert.equal(answer, expected, what);
}

/** Frames with each first byte, and second bytes that are boundary values of lengths. */
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
      'with each first byte',
      ({ client }) =>
        inParallel(CONCURRENCY, everyBeginning(), (frames) => checkEchoes(client, frames)),
    ],
    [
      'three in a row',
      ({ client }) =>
        inParallel(CONCURRENCY, everySequence(3), (frames) => checkEchoes(client, frames)),
    ],
    [
      'byte by byte',
      ({ client }) =>
        inParallel(CONCURRENCY, everySequence(2), (frames) => checkEchoes(client, frames, 1)),
    ],
    [
      'in very large numbers',
      async ({ client }) => {
        for (const frame of [
          textFrame(''),
          sizedFrame([0], ''),
          sizedFrame([1], 'x'),
          textFrame('[]'),
        ]) {
          await checkEchoes(
            client,
            Buffer.concat([...Array(50_000).fill(frame), textFrame('"x"')]),
          );
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
      'of the maximum length, and one byte longer',
      async ({ client }) => {
        const text = `"${'x'.repeat(MAX - 2)}"`;
        await checkEchoes(client, textFrame(text));
        await checkEchoes(
          client,
          Buffer.concat([sizedFrame([0xc0, 0x80, 0x00], text), textFrame('1')]),
        );
        // The server closes before it has read all of these, so their answers are not checked.
        await exchange(client, textFrame(`${text} `), 1 << 16);
        await exchange(client, sizedFrame([0xc0, 0x80, 0x01], text), 1 << 16);
      },
    ],
  ],
  { rounds: 1 },
);

/** Pairs of keys that are invalid or unusual. */
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
      `with ${length} bytes of the third key, from a client that ${way}`,
      async ({ client }) => {
        for (const waits of [false, true]) {
          const some = KEY_3.subarray(0, length);
          const hixie = HixieClient.begin(client, TARGET, waits ? {} : { early: some });
          if (waits) {
            await hixie.connection.response();
            hixie.wire.write(some);
          }
          ways[way](hixie.wire.socket);
          if (way === 'half-closes') await hixie.wire.end();
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
    `with ${bytes.toString('hex', 0, 8)} after the third key`,
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
  'many clients whose third key of Hixie-76',
  [
    [
      'never comes',
      async ({ client }) => {
        const clients = Array.from({ length: 300 }, () => HixieClient.begin(client, TARGET));
        await Promise.all(clients.map(({ wire }) => wire.end()));
      },
    ],
    [
      'comes too slowly',
      async ({ client }) => {
        const clients = Array.from({ length: 50 }, () => HixieClient.begin(client, TARGET));
        // Its eight bytes would take 2.4 s: much longer than `headersTimeout`, also on a busy machine.
        const timers = clients.map(({ wire }) => setInterval(() => wire.write('k'), 300));
        try {
          await Promise.all(clients.map(({ wire }) => wire.end()));
        } finally {
          timers.forEach(clearInterval);
        }
      },
    ],
  ],
  { http: { headersTimeout: 400 }, rounds: 1 },
);
