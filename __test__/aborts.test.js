'use strict';

/*
 * Clients that leave: in every way, at every stage, over every transport.
 */

const { promisify } = require('util');
const { ingresses } = require('./support/library');
const { startService } = require('./support/server');
const { every, polls, receive, requests, streams, websockets } = require('./support/transports');
const { encodeFrame } = require('./support/websocket-client');

const BAD_REQUEST = 'HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n';
const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' };

const HALF_CLOSES = 'that half-closes its connection';

/** How a client leaves: what it does to its socket. */
const ways = {
  'that closes its connection': (socket) => socket.destroy(),
  'that resets its connection': (socket) => socket.resetAndDestroy(),
  [HALF_CLOSES]: (socket) => socket.end(),
};

/** Delays longer than any test: nothing ends because of them. */
const NEVER = { disconnect_delay: 60_000, heartbeat_delay: 60_000 };

/**
 * Waits until the http server has no connection left.
 *
 * @param {import('./support/server').TestServer} server
 */
async function untilNoConnections({ http }) {
  const count = promisify(http.getConnections.bind(http));
  while ((await count()) > 0) await new Promise(setImmediate);
}

/**
 * Waits until the server has read what a client has sent and gets no answer to: it has answered three later requests.
 *
 * @param {import('./support/server').TestServer} server
 */
async function untilRead(server) {
  for (let i = 0; i < 3; i++) await server.get('/s/');
}

/**
 * @param {import('./support/transports').Transport} transport
 * @returns {string} the beginning of the request that opens a session
 */
const incompleteHead = ({ method, path }) => `${method} /s/0/0${path} HTTP/1.1\r\nHost: loc`;

for (const [way, leave] of Object.entries(ways)) {
  describe.each(ingresses)(`a client ${way}, by the %s ingress`, (ingress) => {
    /** The client leaves, and the application gets 'end' and 'close' exactly once. */
    async function expectClose(server, { peer, socket }, messages = []) {
      leave(socket);
      await peer.until('close');
      await untilNoConnections(server);
      expect(peer.events).toEqual([...messages.map((text) => ['data', text]), ['end'], ['close']]);
    }

    test.each(every)('is never announced if the head of %s is incomplete', async (_, transport) => {
      const listener = jest.fn();
      const server = await startService(ingress, NEVER, listener);
      const { wire } = server.connect();
      wire.write(incompleteHead(transport));
      await untilRead(server);
      leave(wire.socket);
      if (way === HALF_CLOSES) expect(await wire.end()).toBe(BAD_REQUEST);
      await untilNoConnections(server);
      expect(listener).not.toHaveBeenCalled();
    });

    test.each(requests)(
      'is never announced if the head of a later %s request is incomplete',
      async (_, transport) => {
        const listener = jest.fn();
        const server = await startService(ingress, NEVER, listener);
        const connection = server.connect();
        await connection.request('GET', '/s/info');
        connection.wire.write(incompleteHead(transport));
        await untilRead(server);
        leave(connection.wire.socket);
        if (way === HALF_CLOSES) {
          expect(await connection.end()).toBe(BAD_REQUEST);
        }
        await untilNoConnections(server);
        expect(listener).not.toHaveBeenCalled();
      },
    );

    test.each([
      ['xhr_send', '["a"]', {}],
      ['jsonp_send', 'd=%5B%22a%22%5D', FORM],
    ])('delivers nothing if the body of %s is incomplete', async (name, body, headers) => {
      const server = await startService(ingress, NEVER);
      const receiver = await receive(server, streams[0][1]);
      const fields = Object.entries({ ...headers, 'Content-Length': body.length });
      const lines = fields.map(([field, value]) => `${field}: ${value}\r\n`).join('');
      const head = `POST ${receiver.session}/${name} HTTP/1.1\r\nHost: localhost\r\n${lines}\r\n`;
      const fresh = server.connect();
      const used = server.connect();
      await used.request('GET', '/s/info');
      for (const { wire } of [fresh, used]) {
        wire.write(head + body.slice(0, 3));
        await untilRead(server);
        leave(wire.socket);
        if (way === HALF_CLOSES) expect(await wire.end()).toBe(BAD_REQUEST);
      }
      const { status } = await server.request('POST', `${receiver.session}/${name}`, {
        body,
        headers,
      });
      expect(status).toBeLessThan(300);
      await receiver.peer.until('data');
      await expectClose(server, receiver, ['a']);
    });

    test.each(['fresh', 'used'])(
      'ends its stream although the body of its request is incomplete, on a %s connection',
      async (kind) => {
        const server = await startService(ingress, NEVER);
        const connection = server.connect();
        const { wire } = connection;
        if (kind === 'used') await connection.request('GET', '/s/');
        wire.write(
          `POST ${server.session('/s')}/xhr_streaming HTTP/1.1\r\n` +
            'Host: localhost\r\nContent-Length: 5\r\n\r\n123',
        );
        await wire.read(() => wire.buffer.includes('o\n\r\n') || undefined, 'the opening');
        await expectClose(server, { peer: await server.accept(), socket: wire.socket });
      },
    );

    test.each(every)("ends its %s session with one 'close'", async (_, transport) => {
      const server = await startService(ingress, NEVER);
      await expectClose(server, await receive(server, transport));
    });

    test.each(every)(
      "ends its %s session with one 'close' while a message is being sent",
      async (_, transport) => {
        const server = await startService(ingress, { ...NEVER, disconnect_delay: 50 });
        const client = await receive(server, transport);
        client.peer.conn.write('x'.repeat(1 << 20));
        await expectClose(server, client);
        expect(client.peer.conn.write('y')).toBe(false);
      },
    );

    test.each(websockets)('delivers nothing of an incomplete frame by %s', async (_, ws) => {
      const server = await startService(ingress, NEVER);
      const client = await receive(server, ws);
      const frame = encodeFrame({ payload: '["whole"]' });
      client.wire.write(Buffer.concat([frame, frame.subarray(0, 9)]));
      await client.peer.until('data');
      await expectClose(server, client, client.peer.messages);
    });

    test.each(websockets)('ends its %s session once after close()', async (_, ws) => {
      const server = await startService(ingress, NEVER);
      const client = await receive(server, ws);
      client.peer.conn.close();
      await client.wire.read(
        () => client.wire.buffer.includes('Normal closure') || undefined,
        'the close frame',
      );
      await expectClose(server, client);
    });

    test.each(polls)('keeps its session for disconnect_delay after %s', async (_, polling) => {
      const server = await startService(ingress, { ...NEVER, disconnect_delay: 100 });
      const client = await receive(server, polling);
      const start = performance.now();
      client.peer.conn.write('x');
      await (await client.connection.response()).rest();
      await expectClose(server, client);
      expect(performance.now() - start).toBeGreaterThanOrEqual(95);
    });

    test.each(requests)(
      'keeps its %s session for disconnect_delay after close()',
      async (_, transport) => {
        const server = await startService(ingress, { ...NEVER, disconnect_delay: 100 });
        const client = await receive(server, transport);
        const start = performance.now();
        client.peer.conn.close();
        const { wire } = client;
        await wire.read(() => wire.buffer.includes('\r\n0\r\n\r\n') || undefined, 'the end');
        await expectClose(server, client);
        expect(performance.now() - start).toBeGreaterThanOrEqual(95);
      },
    );
  });
}

test.each(ingresses)(
  'a poll is answered before its body is complete, by the %s ingress',
  async (ingress) => {
    const server = await startService(ingress);
    const connection = server.connect();
    await connection.request('GET', '/s/info');
    connection.wire.write(
      `POST ${server.session('/s')}/xhr HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n12`,
    );
    expect(await (await connection.response()).rest()).toBe('o\n');
    connection.wire.write('345');
    expect((await connection.request('GET', '/s/')).status).toBe(200);
  },
);

describe.each(ingresses)(
  'a client that half-closes right after it has sent, by the %s ingress',
  (ingress) => {
    test.each(requests)('gets the answer to a later %s request', async (_, transport) => {
      const server = await startService(ingress, { disconnect_delay: 50, heartbeat_delay: 60_000 });
      const connection = server.connect();
      await connection.request('GET', '/s/info');
      connection.send(transport.method, `${server.session('/s')}${transport.path}`);
      connection.wire.socket.end();
      const peer = await server.accept();
      const answer = await connection.end();
      // A stream ends when its client half-closes, perhaps before its first bytes are sent.
      if (transport.polls) expect(answer).toContain(transport.opened);
      await peer.until('close');
      await untilNoConnections(server);
      expect(peer.events).toEqual([['end'], ['close']]);
    });

    test.each(websockets)('gets the answer to its %s handshake', async (_, transport) => {
      const server = await startService(ingress, NEVER);
      const target = transport.protocol === 'websocket' ? '/s/0/0/websocket' : '/s/websocket';
      const connection = await server.handshake(target);
      connection.wire.socket.end();
      const peer = await server.accept();
      expect((await connection.response()).status).toBe(101);
      await connection.end();
      await peer.until('close');
      expect(peer.events).toEqual([['end'], ['close']]);
    });

    test.each(websockets)('has its last message by %s delivered', async (_, transport) => {
      const server = await startService(ingress, NEVER);
      const { peer, socket, wire } = await receive(server, transport);
      wire.write(encodeFrame({ payload: '["last"]' }));
      socket.end();
      await wire.end();
      await peer.until('close');
      expect(peer.events.map(([name]) => name)).toEqual(['data', 'end', 'close']);
    });
  },
);

describe.each(ingresses)('a client that reconnects, by the %s ingress', (ingress) => {
  test('gets a new session at once, however many others disconnect', async () => {
    const server = await startService(ingress);
    const answers = [];
    for (let i = 0; i < 100; i++) {
      const session = server.session('/s');
      const stream = await server.open('POST', `${session}/xhr_streaming`);
      await stream.until('o\n');
      const others = Array.from({ length: 10 }, () => server.connect());
      for (const other of others) await other.request('GET', '/s/');
      for (const other of others) other.abort();
      stream.abort();
      answers.push((await server.post(`${session}/xhr`)).body);
    }
    // None of them is refused with "Another connection still open".
    expect(answers).toEqual(Array(100).fill('o\n'));
  });
});
