'use strict';

/** @file Invalid clients. Their answers are not checked, but they must not affect other clients. */

const { OPCODE, encodeFrame } = require('../../support/websocket-client');

const HANDSHAKE =
  'Host: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';

/** Milliseconds after which a client destroys its connection. */
const TIMEOUT_MS = 1500;

/**
 * Name, the bytes to send, and whether the client then waits until the server ends the connection.
 *
 * @type {[string, (session: string) => string | Buffer | (string | Buffer)[], boolean][]}
 */
const CLIENTS = [
  ['half a head', () => 'GET /plain/info HTTP/1.1\r\nHost: loc', false],
  ['an endless head', () => `GET /plain/info HTTP/1.1\r\nX: ${'x'.repeat(60_000)}`, true],
  [
    'half a body',
    (session) =>
      `POST ${session}/xhr_send HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n["a`,
    false,
  ],
  ['garbage', () => Buffer.from([0, 255, 22, 3, 1, 2, 0, 1, 10, 13, 10, 13, 10]), true],
  ['a handshake', (session) => `GET ${session}/websocket HTTP/1.1\r\n${HANDSHAKE}`, false],
  ['an upgrade request for a plain route', () => `GET /marked/info HTTP/1.1\r\n${HANDSHAKE}`, true],
  [
    'an upgrade request with POST',
    (session) => `POST ${session}/xhr HTTP/1.1\r\n${HANDSHAKE}`,
    false,
  ],
  [
    'an invalid frame',
    (session) => [
      `GET ${session}/websocket HTTP/1.1\r\n${HANDSHAKE}`,
      encodeFrame({ payload: '["never', rsv: 5 }),
    ],
    true,
  ],
  [
    'an invalid message',
    (session) => [
      `GET ${session}/websocket HTTP/1.1\r\n${HANDSHAKE}`,
      encodeFrame({ payload: '["good"]' }),
      encodeFrame({ payload: '["bad' }),
    ],
    true,
  ],
  [
    'a close in the segment of the handshake',
    () => [
      `GET /plain/websocket HTTP/1.1\r\n${HANDSHAKE}`,
      encodeFrame({ opcode: OPCODE.close, payload: Buffer.from([3, 232]) }),
    ],
    true,
  ],
  ['a poll', (session) => `POST ${session}/xhr HTTP/1.1\r\nHost: a\r\n\r\n`, false],
  ['a stream', (session) => `POST ${session}/xhr_streaming HTTP/1.1\r\nHost: a\r\n\r\n`, false],
  [
    'a pipeline',
    (session) =>
      `GET /own/1 HTTP/1.1\r\nHost: a\r\n\r\nPOST ${session}/xhr HTTP/1.1\r\nHost: a\r\n` +
      'Content-Length: 0\r\n\r\nGET /own/2 HTTP/1.1\r\nHost: a\r\n\r\n',
    true,
  ],
  [
    'two lengths',
    (session) =>
      `POST ${session}/xhr HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n12`,
    true,
  ],
  ['no callback', (session) => `GET ${session}/jsonp HTTP/1.1\r\nHost: a\r\n\r\n`, true],
];

/**
 * @param {import('../../support/client').Client} client
 * @param {string} name of a session that it may open
 * @param {import('../../support/random').Random} random
 */
async function runInvalidClient(client, name, random) {
  const [, bytes, waits] = random.pick(CLIENTS);
  const { wire } = client.connect();
  const { socket } = wire;
  const closed = new Promise((resolve) => socket.once('close', resolve));
  for (const piece of [bytes(`/plain/0/${name}`)].flat()) wire.write(piece);
  if (waits) {
    const timer = setTimeout(() => socket.destroy(), TIMEOUT_MS);
    await closed;
    clearTimeout(timer);
    return;
  }
  // Before the server has read anything, or after it.
  await new Promise((resolve) => setTimeout(resolve, random.pick([0, 1, 5, 50])));
  const timer = setTimeout(() => socket.destroy(), TIMEOUT_MS);
  socket[random.pick(['end', 'destroy', 'resetAndDestroy'])]();
  await closed;
  clearTimeout(timer);
}

module.exports = { runInvalidClient };
