'use strict';

/*
 * The http server's own limits also hold for SockJS requests on connections that Rust serves:
 * `maxHeaderSize`, header count, `headersTimeout`, `requestTimeout`, `keepAliveTimeout`
 * (docs/compatibility.md, "Limits").
 */

const { once } = require('events');
const http = require('http');
const { addition, ingresses } = require('./support/library');
const { startService } = require('./support/server');
const { every, open } = require('./support/transports');

const HEAD = 'GET /s/info HTTP/1.1\r\nHost: localhost\r\n';
const TIMEOUT = 'HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n';

/** Milliseconds between Node's checks of its timeouts: short, so that the tests are. */
const CHECKS = { connectionsCheckingInterval: 10 };

const [MAJOR, MINOR] = process.versions.node.split('.').map(Number);
const HAS_BUFFER = MAJOR > 22 || (MAJOR === 22 && MINOR >= 9) || (MAJOR === 20 && MINOR >= 18);
/**
 * Milliseconds that Node adds to `keepAliveTimeout`, so that the next request of a client does not meet the close:
 * a second since 20.18 and 22.9.
 */
const KEEP_ALIVE_BUFFER = HAS_BUFFER ? 1000 : 0;

/** @returns {string} a request whose head has this number of bytes */
function request(length) {
  const rest = HEAD.length + 'X: \r\n\r\n'.length;
  return `${HEAD}X: ${'x'.repeat(length - rest)}\r\n\r\n`;
}

/** @returns {string} this number of headers with different names */
const headers = (count) => Array.from({ length: count }, (_, i) => `X-${i}: ${i}\r\n`).join('');

/** Whether it is the first request of its connection or one that follows. */
const positions = [
  ['first', async (server) => server.connect()],
  [
    'later',
    async (server) => {
      const connection = server.connect();
      expect((await connection.request('GET', '/s/info')).status).toBe(200);
      return connection;
    },
  ],
];

describe.each(ingresses)("the http server's limits, by the %s ingress", (ingress) => {
  const start = (options, listener) =>
    startService(ingress, {}, listener, { http: { ...options } });

  describe.each(positions)('for the %s request of a connection', (_, connect) => {
    test('a head just below maxHeaderSize is accepted, one far above it gets 431', async () => {
      const server = await start({ maxHeaderSize: 8192 });
      const fits = await connect(server);
      fits.wire.write(request(8000));
      expect((await fits.response()).status).toBe(200);
      const large = await connect(server);
      large.wire.write(request(3 * 8192));
      const refused = await large.response();
      expect(refused.status).toBe(431);
      await large.end();
      expect((await server.get('/s/')).status).toBe(200);
    });

    test('a head that never ends gets 431, and its connection ends', async () => {
      const server = await start({ maxHeaderSize: 8192 });
      const { wire } = await connect(server);
      wire.write(HEAD);
      let number = 0;
      while (!wire.ended && number < 10_000) {
        wire.write(`X-${number++}: ${'x'.repeat(100)}\r\n`);
        await new Promise(setImmediate);
      }
      expect(wire.ended).toBe(true);
      // A client that is still sending may be reset before it has read the answer.
      expect(wire.buffer.toString()).toMatch(/^(HTTP\/1\.1 431 |$)/);
    });

    // Far more headers are refused by Node 24 itself.
    test.each([0, 1, 63, 64, 65, 99, 100, 101, 300])(
      'a request with %i additional headers is answered',
      async (count) => {
        const server = await start({ maxHeaderSize: 65536 });
        const connection = await connect(server);
        connection.wire.write(`${HEAD}${headers(count)}\r\n`);
        expect((await connection.response()).status).toBe(200);
      },
    );

    test('a head that is incomplete after headersTimeout gets 408', async () => {
      const server = await start({ headersTimeout: 150, requestTimeout: 60_000, ...CHECKS });
      const connection = await connect(server);
      const begun = Date.now();
      connection.wire.write(HEAD);
      expect(await connection.end()).toBe(TIMEOUT);
      expect(Date.now() - begun).toBeGreaterThanOrEqual(140);
    });

    test('a head that arrives byte by byte gets 408 after headersTimeout', async () => {
      const server = await start({ headersTimeout: 150, requestTimeout: 60_000, ...CHECKS });
      const connection = await connect(server);
      const { wire } = connection;
      wire.write(HEAD);
      const drip = setInterval(() => wire.write('X'), 20);
      expect(await connection.end()).toBe(TIMEOUT);
      clearInterval(drip);
    });

    test.each(['Content-Length: 100\r\n\r\n[', 'Transfer-Encoding: chunked\r\n\r\n1\r\n['])(
      'a body that is incomplete after requestTimeout gets 408 (%j)',
      async (body) => {
        const server = await start({ headersTimeout: 140, requestTimeout: 150, ...CHECKS });
        const connection = await connect(server);
        const begun = Date.now();
        connection.wire.write(`POST /s/0/0/xhr_send HTTP/1.1\r\nHost: localhost\r\n${body}`);
        expect(await connection.end()).toBe(TIMEOUT);
        expect(Date.now() - begun).toBeGreaterThanOrEqual(140);
      },
    );

    test('an endless body above max_message_size gets 408 after requestTimeout', async () => {
      const options = { headersTimeout: 140, requestTimeout: 150, ...CHECKS };
      const server = await startService(ingress, { max_message_size: 10 }, undefined, {
        http: options,
      });
      const connection = await connect(server);
      const { wire } = connection;
      wire.write(
        'POST /s/0/0/xhr_send HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999\r\n\r\n',
      );
      const drip = setInterval(() => wire.write('x'.repeat(1000)), 20);
      expect(await connection.end()).toBe(TIMEOUT);
      clearInterval(drip);
    });
  });

  test('a connection that is idle for keepAliveTimeout ends without an answer', async () => {
    const server = await start({ keepAliveTimeout: 150 });
    const connection = server.connect();
    const begun = Date.now();
    const response = await connection.request('GET', '/s/info');
    expect(response.headers['keep-alive']).toMatch(/^timeout=\d+$/);
    expect(await connection.end()).toBe('');
    expect(Date.now() - begun).toBeGreaterThanOrEqual(140 + KEEP_ALIVE_BUFFER);
  });

  const hasBufferProperty = 'keepAliveTimeoutBuffer' in http.createServer();
  (hasBufferProperty ? test : test.skip)(
    'keepAliveTimeoutBuffer adds to the time that an idle connection is told',
    async () => {
      const server = await start({ keepAliveTimeout: 1000 });
      server.http.keepAliveTimeoutBuffer = 0;
      const connection = server.connect();
      await connection.request('GET', '/s/info');
      const begun = Date.now();
      // The client may have the answer before the connection is idle: let each I/O thread finish with it.
      for (let i = 0; i < 4; i++) await server.get('/s/');
      server.http.keepAliveTimeoutBuffer = 10_000;
      await server.get('/s/info');
      const patient = server.connect();
      await patient.request('GET', '/s/info');
      expect(await connection.end()).toBe('');
      expect(Date.now() - begun).toBeGreaterThanOrEqual(990);
      expect((await patient.request('GET', '/s/info')).status).toBe(200);
    },
  );

  test('a later head that stalls for keepAliveTimeout ends its connection without an answer', async () => {
    const server = await start({ keepAliveTimeout: 150 });
    const connection = server.connect();
    await connection.request('GET', '/s/info');
    const begun = Date.now();
    connection.wire.write(HEAD);
    if (MAJOR === 18) {
      // On Node 18 it has the whole headersTimeout.
      const other = server.connect();
      await other.request('GET', '/s/info');
      await other.end();
      connection.wire.write('\r\n');
      expect((await connection.response()).status).toBe(200);
      return;
    }
    expect(await connection.end()).toBe('');
    expect(Date.now() - begun).toBeGreaterThanOrEqual(140 + KEEP_ALIVE_BUFFER);
  });

  test.each(every)('an open session of %s outlives all timeouts', async (_, transport) => {
    const server = await start({
      keepAliveTimeout: 50,
      headersTimeout: 50,
      requestTimeout: 50,
      ...CHECKS,
    });
    const { connection, wire, session } = await open(server, transport);
    const { conn } = await server.accept();
    if (transport.polls) connection.send(transport.method, session + transport.path);
    // Waits four times as long as each timeout.
    const idle = await start({ keepAliveTimeout: 200 });
    const other = idle.connect();
    await other.request('GET', '/s/info');
    await other.end();
    conn.write('still here');
    await wire.read(() => wire.buffer.includes('still here') || undefined, 'a message');
  });

  addition('an answer held back by pause() outlives all timeouts', async () => {
    const limits = { keepAliveTimeout: 50, headersTimeout: 50, requestTimeout: 50, ...CHECKS };
    const server = await start(limits, (conn) => conn.pause());
    const stream = server.connect();
    const session = server.session('/s');
    stream.send('POST', `${session}/xhr_streaming`);
    const { conn } = await server.accept();
    const sender = server.connect();
    sender.send('POST', `${session}/xhr_send`, { body: '["a"]' });
    const idle = await start({ keepAliveTimeout: 200 });
    const other = idle.connect();
    await other.request('GET', '/s/info');
    await other.end();
    conn.resume();
    expect((await sender.response()).status).toBe(204);
  });

  test('a timeout of 0 is no limit', async () => {
    const server = await start({ keepAliveTimeout: 0, headersTimeout: 0, requestTimeout: 0 });
    const connection = server.connect();
    for (const path of ['/s/info', '/s/']) {
      const response = await connection.request('GET', path);
      expect(response.status).toBe(200);
      // As Node does without a keepAliveTimeout.
      expect(response.headers.connection).toBe('keep-alive');
      expect(response.headers).not.toHaveProperty('keep-alive');
    }
  });

  describe('changed while a connection is open', () => {
    /** Starts a server with long timeouts, and opens a connection that has had a request. */
    async function connected() {
      const server = await start({ headersTimeout: 60_000, requestTimeout: 60_000, ...CHECKS });
      const connection = server.connect();
      expect((await connection.request('GET', '/s/info')).status).toBe(200);
      return { server, connection };
    }

    test('keepAliveTimeout is in the header of its next answer', async () => {
      const { server, connection } = await connected();
      server.http.keepAliveTimeout = 9000;
      const response = await connection.request('GET', '/s/info');
      expect(response.headers['keep-alive']).toBe('timeout=9');
      server.http.keepAliveTimeout = 0;
      expect(await connection.request('GET', '/s/info')).not.toHaveProperty('headers.keep-alive');
    });

    test('keepAliveTimeout applies after its next answer', async () => {
      const { server, connection } = await connected();
      server.http.keepAliveTimeout = 100;
      await connection.request('GET', '/s/info');
      expect(await connection.end()).toBe('');
    });

    test('keepAliveTimeout does not apply while it is idle', async () => {
      const server = await start({ keepAliveTimeout: 100 });
      const connection = server.connect();
      await connection.request('GET', '/s/info');
      // The client may have the answer before the connection is idle.
      for (let i = 0; i < 4; i++) await server.get('/s/');
      server.http.keepAliveTimeout = 60_000;
      expect(await connection.end()).toBe('');
    });

    test.each([
      ['headersTimeout', 'GET /s/info HTTP/1.1\r\nHo'],
      ['requestTimeout', 'POST /s/0/0/xhr_send HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n['],
    ])('%s applies to a request that has begun', async (name, begun) => {
      const { server, connection } = await connected();
      connection.wire.write(begun);
      for (let i = 0; i < 4; i++) await server.get('/s/');
      // Node uses the smaller of the two for the head.
      server.http.headersTimeout = 100;
      server.http[name] = 100;
      expect(await connection.end()).toBe(TIMEOUT);
    });

    test('maxRequestsPerSocket counts later requests', async () => {
      const { server, connection } = await connected();
      server.http.maxRequestsPerSocket = 2;
      expect((await connection.request('GET', '/s/info')).headers.connection).toBe('keep-alive');
      expect((await connection.request('GET', '/s/info')).headers.connection).toBe('close');
    });

    test.each([
      ['setTimeout()', (httpServer) => httpServer.setTimeout(100)],
      ['timeout', (httpServer) => (httpServer.timeout = 100)],
    ])('%s applies to its next poll', async (_, change) => {
      const { server, connection } = await connected();
      const session = server.session('/s');
      await connection.request('POST', `${session}/xhr`);
      change(server.http);
      connection.send('POST', `${session}/xhr`);
      expect(await connection.end()).toBe('');
    });

    test("'timeout' is emitted with its socket", async () => {
      const { server, connection } = await connected();
      const session = server.session('/s');
      await connection.request('POST', `${session}/xhr`);
      const told = once(server.http, 'timeout');
      server.http.setTimeout(100);
      connection.send('POST', `${session}/xhr`);
      const [socket] = await told;
      expect(socket.remotePort).toBe(connection.wire.socket.localPort);
      connection.abort();
    });

    test('they stay enumerable properties of the server', async () => {
      const { server } = await connected();
      const names = Object.keys(server.http);
      expect(names).toEqual(expect.arrayContaining(Object.keys(http.createServer())));
      server.http.keepAliveTimeout = 1234;
      server.http.timeout = 10;
      expect({ ...server.http }).toMatchObject({ keepAliveTimeout: 1234, timeout: 10 });
    });
  });
});
