'use strict';

/** sockjs-client in Node, by every transport that it has there, through both ingresses of the server. */

const assert = require('node:assert/strict');
const { once } = require('node:events');
const { describe, it } = require('node:test');
const sockjs = require('sockjs');
const { makeMessages } = require('../browser/page/messages');
const { ingresses } = require('../support/library');
const { connect, next, receive, startServer } = require('./support-sockjs-client');

const TRANSPORTS = ['websocket', 'xhr-streaming', 'eventsource', 'xhr-polling'];

/** What needs a page. */
const REFUSED = [
  'xdr-streaming',
  'iframe-eventsource',
  'htmlfile',
  'iframe-htmlfile',
  'xdr-polling',
  'iframe-xhr-polling',
  'jsonp-polling',
];

/** For sessions that the server closes: over HTTP, they end after this delay. */
const hasty = { disconnect_delay: 1000 };

/** Milliseconds after which a test has failed. */
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
 * A client and the server's side of it.
 *
 * @param {object} service
 * @param {string} url
 * @param {string} [transport]
 */
async function open(service, url, transport) {
  const connected = once(service, 'connection');
  const socket = await connect(url, { transports: transport });
  const [conn] = await connected;
  return { socket, conn };
}

/**
 * Sends messages, and checks what comes back.
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
      it(`${transport} echoes in order, whatever the messages hold`, { timeout }, () =>
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

      it(`${transport} closes from the client's side`, { timeout }, () =>
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

      it(`${transport} brings the server's close code and reason`, { timeout }, () =>
        withEcho(ingress, hasty, async (url, service) => {
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

      it(`${transport} says 1000 where neither side gave a code`, { timeout }, () =>
        withEcho(ingress, hasty, async (url, service) => {
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
      it(`${transport} hears heartbeats, and messages between them`, { timeout }, () =>
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
      it(`${transport} goes on over many responses when each may hold little`, { timeout }, () =>
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
      it(`${transport} is not offered by the client`, { timeout }, () =>
        withEcho(ingress, {}, async (url, service) => {
          service.on('connection', () => assert.fail('a connection came'));
          await assert.rejects(connect(url, { transports: transport }), {
            code: 2000,
            reason: 'All transports failed',
          });
        }),
      );
    }

    it('picks websocket when nothing is forced', { timeout }, () =>
      withEcho(ingress, {}, async (url, service) => {
        const { socket, conn } = await open(service, url);
        assert.equal(conn.protocol, 'websocket');
        const gone = once(conn, 'close');
        socket.close();
        await gone;
      }),
    );

    it('picks xhr-streaming where the server has no websockets', { timeout }, () =>
      withEcho(ingress, { websocket: false }, async (url, service) => {
        const { socket, conn } = await open(service, url);
        assert.equal(conn.protocol, 'xhr-streaming');
        await echo(socket, ['without websockets']);
        const gone = once(conn, 'close');
        socket.close();
        await gone;
      }),
    );

    it('cannot connect where there is no service', { timeout }, () =>
      withEcho(ingress, {}, async (url) => {
        await assert.rejects(connect(`${url}/nowhere`), { code: 1002 });
      }),
    );
  });
}
