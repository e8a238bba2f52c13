'use strict';

/*
 * Requests and responses that end before the service expects it: the application calls the handler late, and meanwhile
 * the client has disconnected, or other code has ended the response or the socket. Every connection that was emitted is
 * closed, no request stays pending, and the http server can close.
 */

const { once } = require('events');
const { deviation, ingresses, isOracle } = require('./support/library');
const { startServer, startService } = require('./support/server');
const { every, receive, requests, streams, websockets } = require('./support/transports');

const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' };
/** Delays longer than any test: nothing ends because of them. */
const NEVER = { disconnect_delay: 60_000, heartbeat_delay: 60_000 };

/** Requests without a session: they are answered at once. */
const withoutSession = [
  ['xhr_send', { method: 'POST', path: '/xhr_send' }],
  ['jsonp_send', { method: 'POST', path: '/jsonp_send' }],
  ['info', { method: 'GET', path: '/../info', target: '/s/info' }],
  ['an unknown path', { method: 'GET', path: '/nothing', target: '/s/nothing' }],
];

/** How requests reach the service: each calls its handler when `wait` has resolved. */
const forms = {
  middleware(httpServer, service, wait) {
    const handler = service.middleware();
    httpServer.on('request', (request, response) => {
      wait(request, response).then(() => handler(request, response));
    });
    httpServer.on('upgrade', (request, socket, head) => {
      wait(request, socket).then(() => handler.upgrade(request, socket, head));
    });
  },
  'a wrapped installHandlers'(httpServer, service, wait) {
    service.installHandlers(httpServer);
    for (const event of ['request', 'upgrade']) {
      const [listener] = httpServer.listeners(event);
      httpServer.removeListener(event, listener);
      httpServer.on(event, (request, answer, head) => {
        wait(request, answer).then(() => listener.call(httpServer, request, answer, head));
      });
    }
  },
};

/** What has happened when the handler is called. The answer is a response, or the socket of an upgrade. */
const causes = {
  'its client has closed the connection': (client) => client.wire.socket.destroy(),
  'its client has reset the connection': (client) => client.wire.socket.resetAndDestroy(),
  'its client has half-closed the connection': (client) => client.wire.socket.end(),
  'other code has ended the answer': (client, answer) => answer.end(),
  'other code has destroyed the answer': (client, answer) => answer.destroy(),
  'other code has destroyed the socket': (client, answer, request) => request.socket.destroy(),
};

/** Waits long enough for the close of a socket to be noticed. */
async function settle() {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setTimeout(resolve, 1));
}

/**
 * Starts a server that calls its handlers late, and counts what it emits.
 *
 * @param {string} ingress
 * @param {keyof typeof forms} form
 * @param {(request: object, answer: object) => Promise<void>} wait
 */
async function startLate(ingress, form, wait, options = {}) {
  const emitted = { connection: 0, close: 0 };
  let service;
  const server = await startServer(ingress, {
    install: (httpServer, library) => {
      service = library.createServer({ prefix: '/s', ...NEVER, ...options });
      service.on('connection', (conn) => {
        emitted.connection++;
        conn.on('close', () => emitted.close++);
      });
      forms[form](httpServer, service, wait);
    },
  });
  return { server, service, emitted };
}

/** @returns {number} how many requests the library still has */
function pending(service) {
  return service.listener({ prefix: '/other' }).engine.pending.size;
}

const rows = [...every, ...withoutSession].flatMap(([name, transport]) =>
  Object.keys(causes).map((cause) => [name, cause, transport]),
);

for (const form of Object.keys(forms)) {
  // 0.3.24 emits connections that never close, or its process ends.
  (isOracle ? describe.skip : describe).each(ingresses)(
    `a request handled late by ${form}, by the %s ingress`,
    (ingress) => {
      test.each(rows)('%s leaves nothing behind when %s', async (_, cause, transport) => {
        const seen = [];
        const { server, service, emitted } = await startLate(
          ingress,
          form,
          async (request, answer) => {
            request.on('error', () => {});
            answer.on('error', () => {});
            causes[cause](client, answer, request);
            await settle();
            seen.push(request.url);
          },
        );
        const session = transport.protocol === 'websocket-raw' ? '/s' : server.session('/s');
        const target = transport.target ?? session + transport.path;
        const client = transport.upgraded ? await server.handshake(target) : server.connect();
        if (!transport.upgraded) client.send(transport.method, target, { body: '["a"]' });
        while (seen.length === 0) await settle();
        client.wire.socket.destroy();
        const closed = once(server.http, 'close');
        server.http.close();
        await closed;
        while (emitted.close < emitted.connection) await settle();
        while (pending(service) > 0) await settle();
      });
    },
  );
}

(isOracle ? describe.skip : describe).each(ingresses)(
  'an early end, by the %s ingress',
  (ingress) => {
    test.each([
      ['xhr_send', '["a"]', {}, { status: 500, body: 'Payload expected.' }],
      ['jsonp_send', 'd=[]', FORM, { status: 500, body: 'Payload expected.' }],
    ])(
      'a %s body that other code has read counts as empty',
      async (name, body, headers, answer) => {
        const { server } = await startLate(ingress, 'middleware', async (request) => {
          if (request.method !== 'POST') return;
          request.resume();
          await once(request, 'end');
        });
        const target = `${server.session('/s')}/${name}`;
        expect(await server.request('POST', target, { body, headers })).toMatchObject(answer);
      },
    );

    test.each(['xhr_send', 'jsonp_send'])(
      'a client that leaves during its %s body leaves no request behind',
      async (name) => {
        const { server, service } = await startLate(ingress, 'middleware', () => Promise.resolve());
        for (const way of ['destroy', 'resetAndDestroy', 'end']) {
          const { wire } = server.connect();
          const head = `POST ${server.session('/s')}/${name} HTTP/1.1\r\nHost: localhost\r\n`;
          wire.write(`${head}Content-Length: 9\r\n\r\nd=[`);
          while (pending(service) === 0) await settle();
          wire.socket[way]();
          while (pending(service) > 0) await settle();
        }
      },
    );

    test.each(streams)(
      'a %s response that other code ends closes its session',
      async (_, transport) => {
        const server = await startService(ingress, NEVER);
        const responses = [];
        server.http.on('request', (request, response) => responses.push(response));
        const { peer, wire } = await receive(server, transport);
        peer.conn.write('last');
        responses.at(-1).end();
        peer.conn.write('too late');
        await peer.until('close');
        await wire.read(() => wire.buffer.includes('\r\n0\r\n\r\n') || undefined, 'the end');
        expect(wire.buffer.toString()).toContain('last');
        expect(wire.buffer.toString()).not.toContain('too late');
        expect(peer.events).toEqual([['end'], ['close']]);
      },
    );

    test.each(requests)(
      'a %s request behind an open response ends with its client',
      async (_, { method, path }) => {
        const server = await startService(ingress, { ...NEVER, disconnect_delay: 50 });
        const { peer, connection, wire } = await receive(server, streams[0][1]);
        connection.send(method, server.session('/s') + path);
        // Wait until it has been read. By takeover it is read only after the first response has ended.
        if (ingress === 'bridge') await server.accept();
        wire.socket.resetAndDestroy();
        await peer.until('close');
        await server.stop();
      },
    );

    test.each(['end', 'destroy'])(
      'what was written to a websocket is sent before other code calls %s() of its socket',
      async (name) => {
        for (const [, transport] of websockets) {
          const server = await startService(ingress, NEVER);
          const sockets = [];
          server.http.on('connection', (socket) => sockets.push(socket));
          const { peer, wire } = await receive(server, transport);
          peer.conn.write('one');
          peer.conn.write('two');
          sockets[0][name]();
          await wire.waitUntil(
            () => wire.ended || undefined,
            () => 'the end',
          );
          expect(wire.buffer.toString('latin1')).toMatch(/one[^]*two/);
          await peer.until('close');
        }
      },
    );

    test.each(streams)(
      'what was written to %s is sent before other code ends its socket',
      async (_, transport) => {
        const server = await startService(ingress, NEVER);
        const sockets = [];
        server.http.on('connection', (socket) => sockets.push(socket));
        server.http.on('request', () => {});
        const { peer, wire } = await receive(server, transport);
        peer.conn.write('one');
        peer.conn.write('two');
        sockets[0].end();
        await wire.waitUntil(
          () => wire.ended || undefined,
          () => 'the end',
        );
        expect(wire.buffer.toString()).toMatch(/one[^]*two/);
        await peer.until('close');
      },
    );

    test('a socket has its own methods and listeners back after each poll', async () => {
      const server = await startService(ingress, { ...NEVER, disconnect_delay: 50 });
      const sockets = [];
      server.http.on('connection', (socket) => sockets.push(socket));
      server.http.on('request', () => {});
      const connection = server.connect();
      await connection.request('GET', '/s/');
      const [socket] = sockets;
      const facts = () => [socket.listenerCount('end'), socket.listenerCount('close')];
      const before = facts();
      for (let i = 0; i < 3; i++) {
        await connection.request('POST', `${server.session('/s')}/xhr`);
        expect(Object.hasOwn(socket, 'destroy')).toBe(false);
        expect(Object.hasOwn(socket, 'end')).toBe(false);
        expect(facts()).toEqual(before);
      }
    });

    test('methods that other code has replaced on a socket are still called', async () => {
      const server = await startService(ingress, NEVER);
      const calls = [];
      const wrap = (socket, name, label) => {
        const original = socket[name];
        socket[name] = function (...args) {
          calls.push(`${label} ${name}`);
          return original.apply(this, args);
        };
      };
      let socket;
      server.http.on('connection', (accepted) => {
        socket = accepted;
        wrap(socket, 'destroy', 'before');
      });
      server.http.on('upgrade', () => {});
      const { peer, wire } = await receive(server, websockets[0][1]);
      wrap(socket, 'destroy', 'after');
      peer.conn.write('last');
      socket.destroy();
      await peer.until('close');
      await wire.waitUntil(
        () => wire.ended || undefined,
        () => 'the end',
      );
      expect(calls.slice(0, 2)).toEqual(['after destroy', 'before destroy']);
      expect(wire.buffer.toString('latin1')).toContain('last');
    });
  },
);

deviation(3, 'no connection is emitted for a stream whose client has disconnected', async () => {
  const { server, emitted } = await startLate('bridge', 'middleware', async (request) => {
    if (request.method !== 'POST') return;
    connection.wire.socket.destroy();
    await once(request.socket, 'close');
  });
  const connection = server.connect();
  connection.send('POST', `${server.session('/s')}/xhr_streaming`);
  await connection.end();
  await server.get('/s/');
  await settle();
  expect(emitted.connection).toBe(0);
});
