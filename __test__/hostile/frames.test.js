'use strict';

/** Websocket frames: all kinds of heads, sequences of frames, and boundary values of lengths. */

const assert = require('node:assert/strict');

const { OPCODE, encodeClose, encodeFrame } = require('../support/websocket-client');
const { attack, inParallel, ways } = require('./attack');

const TARGETS = { websocket: '/s/0/0/websocket', 'websocket-raw': '/s/websocket' };
/** How many connections are open at the same time. */
const CONCURRENCY = 32;

const PING = encodeFrame({ opcode: OPCODE.ping, payload: 'still there?' });
/** The server's answer. */
const PONG = encodeFrame({ opcode: OPCODE.pong, payload: 'still there?', masked: false });

/**
 * Sends frames and then a ping. Either the server answers the ping, or it sends a close frame and ends the
 * connection.
 *
 * @param {import('../support/client').Client} client
 * @param {string} target
 * @param {Buffer} frames
 * @returns {Promise<number | undefined>} the code of the close frame; undefined if the ping was answered
 */
async function outcome(client, target, frames) {
  const { wire } = await client.websocket(target);
  wire.write(Buffer.concat([frames, PING]));
  await wire.waitUntil(
    () => wire.ended || wire.buffer.includes(PONG) || undefined,
    () => `an answer to ${frames.toString('hex', 0, 40)}`,
  );
  const received = wire.take(wire.buffer.length);
  const answered = received.includes(PONG);
  wire.socket.destroy();
  if (answered) return undefined;
  const close = received.lastIndexOf(0x88);
  assert.ok(close >= 0, `ended without a close frame: ${received.toString('hex')}`);
  return received.readUInt16BE(close + 2);
}

/** Frames with each value of the first byte, with and without a mask, with payloads of 0, 1 and 126 bytes. */
function* everyHead() {
  for (let first = 0; first < 256; first++) {
    const [fin, rsv, opcode] = [first >= 128, (first >> 4) & 7, first & 15];
    for (const masked of [true, false]) {
      for (const length of [0, 1, 126]) {
        yield { fin, rsv, opcode, masked, payload: '7'.repeat(length) };
      }
    }
  }
}

/**
 * @returns {number | undefined} the close code that this frame, as the first of a connection, must lead to;
 *   undefined: not checked
 */
function verdict({ fin, rsv, opcode, masked, payload }) {
  if (rsv !== 0 || ![0, 1, 2, 8, 9, 10].includes(opcode)) return 1002;
  if (opcode >= 8 && !fin) return 1002;
  if (opcode >= 8 && payload.length > 125) return masked ? 1002 : undefined;
  if (!masked) return 1003;
  if (opcode === OPCODE.continuation) return 1002;
  if (opcode === OPCODE.close) return payload.length === 0 ? 1000 : 1002;
  return undefined;
}

/** Frames for sequences. */
const ALPHABET = {
  text: encodeFrame({ payload: '"t"' }),
  binary: encodeFrame({ opcode: OPCODE.binary, payload: '"b"' }),
  'first text fragment': encodeFrame({ payload: '"', fin: false }),
  'first binary fragment': encodeFrame({ opcode: OPCODE.binary, payload: '"', fin: false }),
  continuation: encodeFrame({ opcode: OPCODE.continuation, payload: 'g', fin: false }),
  'last fragment': encodeFrame({ opcode: OPCODE.continuation, payload: '"' }),
  ping: encodeFrame({ opcode: OPCODE.ping, payload: 'p' }),
  pong: encodeFrame({ opcode: OPCODE.pong }),
  'invalid UTF-8': encodeFrame({ payload: Buffer.from([0x22, 0xc3, 0x28, 0x22]) }),
  'half a character': encodeFrame({ payload: Buffer.from([0x22, 0xc3]), fin: false }),
  'empty text': encodeFrame({ payload: '' }),
  close: encodeClose(1000),
};

function* everySequence(depth) {
  if (depth === 0) return yield [];
  for (const rest of everySequence(depth - 1)) {
    for (const name of Object.keys(ALPHABET)) yield [...rest, name];
  }
  return undefined;
}

/** Payload lengths: boundary values and values that are too large. */
const lengths = [
  0,
  1,
  125,
  126,
  127,
  65535,
  65536,
  2 ** 20,
  2 ** 20 + 1,
  2 ** 31,
  2 ** 32,
  2 ** 53,
].map(BigInt);
lengths.push(2n ** 62n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 14n, 2n ** 64n - 1n);

/** @returns {Buffer[]} the head of a masked frame, with its length in each encoding that can hold it */
function heads(opcode, length, fin) {
  const first = (fin ? 0x80 : 0) | opcode;
  const forms = [];
  if (length < 126n) forms.push(Buffer.from([first, 0x80 | Number(length)]));
  if (length < 65536n) {
    forms.push(Buffer.from([first, 0xfe, Number(length >> 8n), Number(length & 255n)]));
  }
  const long = Buffer.alloc(10);
  long.set([first, 0xff]);
  long.writeBigUInt64BE(length, 2);
  return [...forms, long].map((head) => Buffer.concat([head, Buffer.from([1, 2, 3, 4])]));
}

attack(
  'frames',
  Object.entries(TARGETS).flatMap(([protocol, target]) => [
    [
      `of every kind, ${protocol}`,
      async ({ client }) => {
        await inParallel(CONCURRENCY, everyHead(), async (frame) => {
          const code = await outcome(client, target, encodeFrame(frame));
          const expected = verdict(frame);
          if (expected) assert.equal(code, expected, JSON.stringify(frame));
        });
      },
    ],
    [
      `three in a row, ${protocol}`,
      async ({ client }) => {
        const allowed = [undefined, 1000, 1002, 1007, 3000];
        await inParallel(CONCURRENCY, everySequence(3), async (names) => {
          const frames = Buffer.concat(names.map((name) => ALPHABET[name]));
          const code = await outcome(client, target, frames);
          assert.ok(allowed.includes(code), `${names.join(', ')}: ${code}`);
        });
      },
    ],
    [
      `without a payload, with lengths from 0 to 2^64 - 1, ${protocol}`,
      async ({ client }) => {
        for (const length of lengths) {
          for (const opcode of [1, 2, 8, 9, 10]) {
            for (const head of [...heads(opcode, length, true), ...heads(opcode, length, false)]) {
              const { wire } = await client.websocket(target);
              wire.write(head);
              wire.socket.end();
              await wire.end();
            }
          }
        }
      },
    ],
    [
      `in very large numbers, ${protocol}`,
      async ({ client }) => {
        const floods = {
          pings: encodeFrame({ opcode: OPCODE.ping, payload: 'p'.repeat(125) }),
          pongs: encodeFrame({ opcode: OPCODE.pong, payload: 'p' }),
          'empty messages': encodeFrame({ payload: '' }),
          'empty fragments': encodeFrame({ payload: '', fin: false }),
        };
        for (const frame of Object.values(floods)) {
          const { wire } = await client.websocket(target);
          const more = Buffer.from(frame);
          // After the first fragment, the others are continuations.
          if (!(frame[0] & 0x80)) more[0] = OPCODE.continuation;
          wire.write(Buffer.concat([frame, ...Array(10_000).fill(more), PING]));
          await wire.read(() => wire.buffer.includes(PONG) || undefined, 'a pong');
          ways.resets(wire.socket);
        }
      },
    ],
    [
      `byte by byte, ${protocol}`,
      async ({ client }) => {
        for (const frame of Object.values(ALPHABET)) {
          const { wire } = await client.websocket(target);
          for (const byte of Buffer.concat([frame, PING])) wire.write(Buffer.from([byte]));
          await wire.waitUntil(
            () => wire.ended || wire.buffer.includes(PONG) || undefined,
            () => 'an answer',
          );
        }
      },
    ],
  ]),
  { rounds: 1 },
);
