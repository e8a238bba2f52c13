'use strict';

/** sockjs-client in Node, over each transport that it has there, through both ingresses of the server. */

const assert = require('node:assert/strict');
const { once } = require('node:events');
const { describe, it } = require('node:test');
const sockjs = require('sockjs');
const { makeMessages } = require('../browser/page/messages');
const { ingresses } = require('../support/library');
const { connect, next, receive, startServer } = require('./support-sockjs-client');

const TRANSPORTS = ['websocket', 'xhr-streaming', 'eventsource', 'xhr-polling'];

/** Transports that need a page. */
const REFUSED = [
  'xdr-streaming',
  'iframe-eventsource',
  'htmlfile',
  'iframe-htmlfile',
  'xdr-polling',
  'iframe-xhr-polling',
  'jsonp-polling',
];

/** For sessions that the server closes: over HTTP, they end after this delay, in milliseconds. */
const shortDelay = { disconnect_delay: 1000 };

/** Milliseconds after which a test fails. */
const timeout = 45000;

/**
 * Runs a test with an echo service.
 *
 * @param {string} ingress
 * @param {object} options of the service
 * @param {(url: string, service: object) => Promise<void>} test
 */
async function withEcho(ingress, options, test) {
  const errors = [];
  const log = (severity, line) => severity === 'error' && errors.push(line);
  const service = sockjs.createServer({ prefix: '/echo', disconnect_delay: 2000, log, ...options });
  service.on('connection', (conn) => conn.on('data', (message) => conn.write(message)));
  const { origin, stop } = await startServer(ingress, (server) => service.installHandlers(server));
  try {
    await test(`${origin}/echo`, service);
    assert.deepEqual(errors, [], 'the server logged errors');
  } finally {
    await stop();
  }
}

/**
 * Connects a client.
 *
 * @param {object} service
 * @param {string} url
 * @param {string} [transport]
 * @returns {Promise<{socket: object, conn: object}>} the client, and the connection on the server
 */
async function open(service, url, transport) {
  const connected = once(service, 'connection');
  const socket = await connect(url, { transports: transport });
  const [conn] = await connected;
  return { socket, conn };
}

/**
 * Sends messages, and checks their echoes.
 *
 * @param {object} socket
 * @param {string[]} messages
 */
async function echo(socket, messages) {
  const received = receive(socket, messages.length);
  for (const message of messages) socket.send(message);
  assert.deepEqual(await received, messages);
}

for (const ingress of ingresses) {
  describe(`sockjs-client in Node, ingress: ${ingress}`, { concurrency: 4 }, () => {
    for (const transport of TRANSPORTS) {
      it(`${transport} echoes messages of all kinds in order`, { timeout }, () =>
        withEcho(ingress, {}, async (url, service) => {
          const { socket, conn } = await open(service, url, transport);
          assert.equal(socket.transport, transport);
          assert.equal(conn.protocol, transport);

          const arrived = [];
          conn.on('data', (message) => arrived.push(message));
          const messages = makeMessages();
          await echo(socket, messages);
          assert.deepEqual(arrived, messages);

          const gone = once(conn, 'close');
          socket.close();
          await gone;
        }),
      );

      it(`the client can close over ${transport}`, { timeout }, () =>
        withEcho(ingress, {}, async (url, service) => {
          const { socket, conn } = await open(service, url, transport);
          const events = [];
          conn.on('end', () => events.push('end'));
          conn.on('close', () => events.push('close'));
          const gone = once(conn, 'close');
          const closed = next(socket, 'close');
          socket.close(3001, 'Enough');
          const { code, reason, wasClean } = await closed;
          assert.deepEqual([code, reason, wasClean], [3001, 'Enough', true]);
          await gone;
          assert.deepEqual(events, ['end', 'close']);
          assert.equal(conn.readyState, 3);
        }),
      );

      it(`the client gets the server's close code and reason over ${transport}`, { timeout }, () =>
        withEcho(ingress, shortDelay, async (url, service) => {
          const { socket, conn } = await open(service, url, transport);
          const closed = next(socket, 'close');
          const gone = once(conn, 'close');
          conn.write('last words');
          assert.equal(conn.close(3210, 'Gone for “lunch” 🧦'), true);
          const [{ data }, { code, reason, wasClean }] = await Promise.all([
            next(socket, 'message'),
            closed,
          ]);
          assert.equal(data, 'last words');
          assert.deepEqual([code, reason, wasClean], [3210, 'Gone for “lunch” 🧦', true]);
          await gone;
        }),
      );

      it(
        `the client gets code 1000 over ${transport} when the server gives none`,
        { timeout },
        () =>
          withEcho(ingress, shortDelay, async (url, service) => {
            const { socket, conn } = await open(service, url, transport);
            const closed = next(socket, 'close');
            const gone = once(conn, 'close');
            conn.end();
            const { code, reason } = await closed;
            assert.deepEqual([code, reason], [1000, 'Normal closure']);
            await gone;
          }),
      );
    }

    for (const transport of TRANSPORTS.filter((name) => name !== 'websocket')) {
      it(`the client gets heartbeats and messages over ${transport}`, { timeout }, () =>
        withEcho(ingress, { heartbeat_delay: 50 }, async (url, service) => {
          const { socket, conn } = await open(service, url, transport);
          await next(socket, 'heartbeat');
          await echo(socket, ['between']);
          await next(socket, 'heartbeat');
          const gone = once(conn, 'close');
          socket.close();
          await gone;
        }),
      );
    }

    for (const transport of ['xhr-streaming', 'eventsource']) {
      it(`a small response_limit loses no message over ${transport}`, { timeout }, () =>
        withEcho(ingress, { response_limit: 512 }, async (url, service) => {
          const { socket, conn } = await open(service, url, transport);
          await echo(socket, makeMessages());
          const gone = once(conn, 'close');
          socket.close();
          await gone;
        }),
      );
    }

    for (const transport of REFUSED) {
      it(`sockjs-client does not offer ${transport}`, { timeout }, () =>
        withEcho(ingress, {}, async (url, service) => {
          service.on('connection', () => assert.fail('a connection came'));
          await assert.rejects(connect(url, { transports: transport }), {
            code: 2000,
            reason: 'All transports failed',
          });
        }),
      );
    }

    it('sockjs-client selects websocket when no transport is given', { timeout }, () =>
      withEcho(ingress, {}, async (url, service) => {
        const { socket, conn } = await open(service, url);
        assert.equal(conn.protocol, 'websocket');
        const gone = once(conn, 'close');
        socket.close();
        await gone;
      }),
    );

    it('sockjs-client selects xhr-streaming when websockets are turned off', { timeout }, () =>
      withEcho(ingress, { websocket: false }, async (url, service) => {
        const { socket, conn } = await open(service, url);
        assert.equal(conn.protocol, 'xhr-streaming');
        await echo(socket, ['without websockets']);
        const gone = once(conn, 'close');
        socket.close();
        await gone;
      }),
    );

    it('connecting to a path without a service fails', { timeout }, () =>
      withEcho(ingress, {}, async (url) => {
        await assert.rejects(connect(`${url}/nowhere`), { code: 1002 });
      }),
    );
  });
}
