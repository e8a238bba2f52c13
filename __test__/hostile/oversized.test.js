'use strict';

/** Heads, bodies and messages that are too large or have too many parts. */

const assert = require('node:assert/strict');

const { OPCODE, encodeFrame } = require('../support/websocket-client');
const { attack, connect, used } = require('./attack');

const KIB = 1 << 10;
const MIB = 1 << 20;
const FORM = 'Content-Type: application/x-www-form-urlencoded';

/** Large part → statuses that the answer may have, and the bytes of the request. */
const HEADS = {
  'a target': [[431], `GET /s/info?${'a'.repeat(20 * KIB)} HTTP/1.1\r\nHost: a\r\n\r\n`],
  'a target below the limit': [
    [200],
    `GET /s/info?${'a&='.repeat(5000)} HTTP/1.1\r\nHost: a\r\n\r\n`,
  ],
  'a target of percent signs': [
    [200],
    `GET /s/info?${'%'.repeat(15_000)} HTTP/1.1\r\nHost: a\r\n\r\n`,
  ],
  'a path of slashes': [[404], `GET /s${'/'.repeat(15_000)} HTTP/1.1\r\nHost: a\r\n\r\n`],
  'a path of dots': [[404, 200], `GET /s${'/..'.repeat(5000)} HTTP/1.1\r\nHost: a\r\n\r\n`],
  'a path for a greedy pattern': [
    [200, 404, 405],
    `GET ${'/loose'.repeat(2400)}! HTTP/1.1\r\nHost: a\r\n\r\n`,
  ],
  'an iframe name': [[200], `GET /s/iframe${'0'.repeat(15_000)}.html HTTP/1.1\r\nHost: a\r\n\r\n`],
  'a session name': [
    [200],
    `POST /s/0/${'a'.repeat(15_000)}/xhr HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n`,
  ],
  'a method': [[400], `${'G'.repeat(20 * KIB)} /s/info HTTP/1.1\r\nHost: a\r\n\r\n`],
  'a version': [[400], `GET /s/info HTTP/1.1${'1'.repeat(20 * KIB)}\r\nHost: a\r\n\r\n`],
  'a header': [[431], `GET /s/info HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20 * KIB)}\r\n\r\n`],
  'a header name': [[431], `GET /s/info HTTP/1.1\r\nHost: a\r\n${'x'.repeat(20 * KIB)}: x\r\n\r\n`],
  'many headers': [[431], `GET /s/info HTTP/1.1\r\nHost: a\r\n${'a: b\r\n'.repeat(20_000)}\r\n`],
  'many headers below the limit': [
    [200],
    `GET /s/info HTTP/1.1\r\nHost: a\r\n${'a:\r\n'.repeat(3500)}\r\n`,
  ],
  'an endless head': [[431], `GET /s/info HTTP/1.1\r\nHost: a\r\n${'a: b\r\n'.repeat(50_000)}`],
  'an endless header': [[431], `GET /s/info HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(MIB)}`],
  'endless empty lines': [[], '\r\n'.repeat(100_000)],
  'a cookie': [
    [200],
    `POST /s/0/0/xhr_streaming HTTP/1.1\r\nHost: a\r\nCookie: JSESSIONID=${'='.repeat(12 * KIB)}\r\n\r\n`,
  ],
  cookies: [
    [200],
    `POST /s/0/1/xhr_streaming HTTP/1.1\r\nHost: a\r\nCookie: ${'a=b; '.repeat(2800)}\r\n\r\n`,
  ],
  'an origin': [
    [200],
    `GET /s/info HTTP/1.1\r\nHost: a\r\nOrigin: ${'http://a'.repeat(1800)}\r\n\r\n`,
  ],
  'Access-Control-Request-Headers': [
    [204],
    `OPTIONS /s/0/0/xhr HTTP/1.1\r\nHost: a\r\nAccess-Control-Request-Headers: ${'x, '.repeat(4800)}x\r\n\r\n`,
  ],
  'an If-None-Match': [
    [200],
    `GET /s/iframe.html HTTP/1.1\r\nHost: a\r\nIf-None-Match: ${'"a", '.repeat(2800)}\r\n\r\n`,
  ],
  'a callback': [[500], `GET /s/0/2/jsonp?c=${'a'.repeat(10_000)} HTTP/1.1\r\nHost: a\r\n\r\n`],
  'a callback of percent signs': [
    [500],
    `GET /s/0/2/htmlfile?c=${'%'.repeat(10_000)} HTTP/1.1\r\nHost: a\r\n\r\n`,
  ],
  callbacks: [[500, 200], `GET /s/0/2/jsonp?${'c=a&'.repeat(3500)} HTTP/1.1\r\nHost: a\r\n\r\n`],
};

/** Body → statuses that the answer may have, headers, body, and whether it is incomplete. */
const BODIES = {
  'a body': [[413], [`Content-Length: ${2 * MIB}`], '["'.padEnd(2 * MIB, 'x')],
  'a body one byte above the limit': [
    [413],
    [`Content-Length: ${MIB + 1}`],
    '["'.padEnd(MIB + 1, 'x'),
  ],
  'an endless body': [[413, 408, 400], ['Content-Length: 4000000000'], 'x'.repeat(4 * MIB), true],
  'a Content-Length': [[400, 413], ['Content-Length: 9007199254740993'], 'x'.repeat(4 * MIB), true],
  chunks: [
    [413],
    ['Transfer-Encoding: chunked'],
    `${`8000\r\n${'x'.repeat(32 * KIB)}\r\n`.repeat(64)}0\r\n\r\n`,
  ],
  'very small chunks': [
    [500],
    ['Transfer-Encoding: chunked'],
    `${'1\r\nx\r\n'.repeat(20_000)}0\r\n\r\n`,
  ],
  'a form of many fields': [
    [413, 500, 200],
    [FORM, `Content-Length: ${800_000}`],
    'd=1&'.repeat(200_000),
  ],
  'a form of many names': [
    [500],
    [FORM, 'Content-Length: 1000000'],
    Array.from({ length: 100_000 }, (_, i) => `a${String(i).padStart(7, '0')}&=`).join(''),
  ],
  'a form of escapes': [
    [500],
    [FORM, `Content-Length: ${2 + 999_999}`],
    `d=${'%5B'.repeat(333_333)}`,
  ],
};

/**
 * Sends bytes that the server may refuse at any moment.
 *
 * @returns {Promise<number | undefined>} the first status after them; undefined if there is none
 */
async function refusal(client, bytes, unfinished, later) {
  const { wire } = later ? await used(client) : await connect(client);
  wire.write(bytes);
  await wire.waitUntil(
    () => wire.ended || wire.buffer.includes('HTTP/1.1 ') || unfinished || undefined,
    () => 'an answer',
  );
  // After an incomplete request, the client half-closes, and the server must end the connection.
  if (unfinished) {
    await client.get('/app');
    wire.socket.end();
    await wire.end();
  }
  const status = /^HTTP\/1\.1 (\d+)/.exec(wire.buffer.latin1Slice())?.[1];
  wire.socket.destroy();
  return status && Number(status);
}

attack(
  'oversized heads',
  [
    ...Object.entries(HEADS).flatMap(([title, [statuses, head]]) =>
      [false, true].map((later) => [
        `${title}, ${later ? 'later' : 'first'} request`,
        async ({ client }) => {
          const status = await refusal(client, head, statuses.length === 0, later);
          // The server may also end the connection without a status.
          if (status !== undefined) assert.ok(statuses.includes(status), `answered with ${status}`);
        },
      ]),
    ),
  ],
  // Some requests have a fixed session name: a second poll of it would wait.
  { rounds: 0 },
);

attack(
  'oversized bodies',
  [
    ...Object.entries(BODIES).flatMap(([title, [statuses, lines, body, unfinished]]) =>
      ['xhr_send', 'jsonp_send'].flatMap((name) =>
        [false, true].map((later) => [
          `${title} for ${name}, ${later ? 'later' : 'first'} request`,
          async ({ client }) => {
            const head = `POST ${client.session('/s')}/${name} HTTP/1.1\r\nHost: a\r\n`;
            const bytes = `${head}${lines.join('\r\n')}\r\n\r\n${body}`;
            const status = await refusal(client, bytes, unfinished, later);
            const allowed = [...statuses, 404, 500];
            if (status !== undefined) {
              assert.ok(allowed.includes(status), `answered with ${status}`);
            }
          },
        ]),
      ),
    ),
  ],
  { rounds: 1 },
);

const binary = { opcode: OPCODE.binary };

attack(
  'oversized websocket messages',
  ['/s/0/0/websocket', '/s/websocket'].flatMap((target) =>
    [
      ['a frame', encodeFrame({ payload: 'x'.repeat(2 * MIB) })],
      ['a binary frame', encodeFrame({ ...binary, payload: 'x'.repeat(MIB + 1) })],
      [
        'fragments',
        Buffer.concat([
          encodeFrame({ payload: 'x', fin: false }),
          ...Array(64).fill(
            encodeFrame({ opcode: OPCODE.continuation, payload: 'x'.repeat(32 * KIB), fin: false }),
          ),
        ]),
      ],
      [
        'very small fragments',
        Buffer.concat([
          encodeFrame({ payload: 'x', fin: false }),
          ...Array(MIB).fill(
            encodeFrame({ opcode: OPCODE.continuation, payload: 'x', fin: false }),
          ),
        ]),
      ],
    ].map(([title, bytes]) => [
      `${title} to ${target}`,
      async ({ client }) => {
        const { wire } = await client.websocket(target);
        wire.write(bytes);
        const rest = await wire.end();
        // If the client is still sending, the connection may be reset before the close frame arrives.
        if (rest.length > 4) assert.match(rest, /too large$/);
      },
    ]),
  ),
);
