'use strict';

/*
 * A connection that SockJS requests share with other requests: it stays the same for the application, whether Rust or
 * Node answers (docs/compatibility.md, "The http server").
 */

const { once } = require('events');
const http = require('http');
const net = require('net');
const os = require('os');
const { ingresses } = require('./support/library');
const { startServer, startService } = require('./support/server');

/** Marks the socket of the request, and answers with its properties. */
function showSocket(request, response) {
  const { socket } = request;
  socket.visits = (socket.visits ?? 0) + 1;
  const body = [];
  request.on('data', (chunk) => body.push(chunk));
  request.on('end', () => {
    const { visits, remoteAddress, remotePort, localPort, bytesRead } = socket;
    const facts = { visits, remoteAddress, remotePort, localPort, bytesRead };
    response.end(JSON.stringify({ ...facts, body: String(Buffer.concat(body)) }));
  });
}

describe.each(ingresses)('a shared connection, by the %s ingress', (ingress) => {
  /** @param {object} [options] of the http server */
  async function start(options) {
    const server = await startService(ingress, {}, undefined, { app: showSocket, http: options });
    const heard = [];
    server.http.on('connection', (socket) => {
      heard.push(socket);
      socket.on('close', () => heard.push('close'));
    });
    return { server, heard };
  }

  test('keeps its socket, properties and addresses, however often it is taken over', async () => {
    const { server, heard } = await start();
    const connection = server.connect();
    for (let visits = 1; visits <= 3; visits++) {
      expect((await connection.request('GET', '/s/info')).status).toBe(200);
      const page = JSON.parse((await connection.request('GET', '/page')).body);
      expect(page).toMatchObject({
        visits,
        remoteAddress: '127.0.0.1',
        remotePort: connection.wire.socket.localPort,
        localPort: server.address,
      });
    }
    expect(heard).toHaveLength(1);
    connection.abort();
    await once(heard[0], 'close');
    expect(heard.slice(1)).toEqual(['close']);
  });

  test('counts the bytes of all its requests', async () => {
    const { server, heard } = await start();
    const connection = server.connect();
    const { socket } = connection.wire;
    await connection.request('GET', '/s/info');
    const page = JSON.parse((await connection.request('GET', '/page')).body);
    expect(page.bytesRead).toBe(socket.bytesWritten);
    expect(heard[0].bytesWritten).toBe(socket.bytesRead);
    await connection.request('GET', '/s/info');
    expect(heard[0].bytesRead).toBe(socket.bytesWritten);
    expect(heard[0].bytesWritten).toBe(socket.bytesRead);
    const sent = socket.bytesWritten;
    const received = socket.bytesRead;
    connection.abort();
    await once(heard[0], 'close');
    expect([heard[0].bytesRead, heard[0].bytesWritten]).toEqual([sent, received]);
  });

  test('delivers the body of a request for the application, and the requests pipelined behind it', async () => {
    const { server } = await start();
    const connection = server.connect();
    await connection.request('GET', '/s/info');
    connection.send('POST', '/page', { body: 'x'.repeat(100_000) });
    connection.send('GET', '/s/info');
    connection.send('GET', '/page');
    const first = JSON.parse(await (await connection.response()).rest());
    expect(first.body).toHaveLength(100_000);
    expect((await (await connection.response()).rest()).startsWith('{"websocket"')).toBe(true);
    expect(JSON.parse(await (await connection.response()).rest()).visits).toBe(2);
  });

  test('delivers a request for the application that arrives byte by byte', async () => {
    const { server } = await start();
    const connection = server.connect();
    await connection.request('GET', '/s/info');
    for (const byte of 'GET /page HTTP/1.1\r\nHost: x\r\n\r\n') {
      connection.wire.write(byte);
      await new Promise(setImmediate);
    }
    expect(JSON.parse(await (await connection.response()).rest()).visits).toBe(1);
  });

  test('can be upgraded by the application', async () => {
    const { server } = await start();
    server.http.on('upgrade', (request, socket) => {
      if (request.url === '/mine') socket.end('HTTP/1.1 101 Mine\r\n\r\nhello');
    });
    const connection = server.connect();
    await connection.request('GET', '/s/info');
    connection.wire.write(
      'GET /mine HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: mine\r\n\r\n',
    );
    expect((await connection.response()).status).toBe(101);
    expect(await connection.end()).toBe('hello');
  });

  test("emits 'end' for a listener that an earlier request has added to its socket", async () => {
    let ended = 0;
    const app = (request, response) => {
      request.socket.once('end', () => ended++);
      response.end('app');
    };
    const server = await startService(ingress, {}, undefined, { app });
    const [accepted] = await Promise.all([
      once(server.http, 'connection'),
      (async () => {
        const connection = server.connect();
        await connection.request('GET', '/page');
        await connection.request('GET', '/s/info');
        connection.wire.socket.end();
        await connection.end();
      })(),
    ]);
    if (!accepted[0].destroyed) await once(accepted[0], 'close');
    expect(ended).toBe(1);
  });

  test('keeps the client address that a proxy protocol has set', async () => {
    const { server, heard } = await start();
    server.http.prependListener('connection', (socket) => {
      Object.defineProperty(socket, 'remoteAddress', { value: '203.0.113.7' });
    });
    const connection = server.connect();
    await connection.request('GET', '/s/info');
    const page = JSON.parse((await connection.request('GET', '/page')).body);
    expect(page.remoteAddress).toBe('203.0.113.7');
    expect(heard).toHaveLength(1);
    const ws = await server.websocket('/s/0/0/websocket');
    const { conn } = await server.accept();
    const { localPort } = ws.wire.socket;
    expect([conn.remoteAddress, conn.remotePort]).toEqual(['203.0.113.7', localPort]);
    ws.abort();
  });

  test('belongs to the net.Server that has accepted it', async () => {
    const { server } = await start();
    const front = net.createServer((socket) => server.http.emit('connection', socket));
    front.listen(0, '127.0.0.1');
    await once(front, 'listening');
    const { port } = front.address();
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const get = (path) =>
      new Promise((resolve, reject) => {
        http
          .get({ port, host: '127.0.0.1', path, agent }, (response) => {
            let body = '';
            response.on('data', (chunk) => (body += chunk));
            response.on('end', () => resolve(body));
          })
          .on('error', reject);
      });
    await get('/s/info');
    expect(JSON.parse(await get('/page')).visits).toBe(1);
    await get('/s/info');
    expect(JSON.parse(await get('/page')).visits).toBe(2);
    let isClosed = false;
    const closed = once(front, 'close').then(() => (isClosed = true));
    front.close();
    // After a round trip it still waits for the connection.
    expect(JSON.parse(await get('/page')).visits).toBe(3);
    expect(isClosed).toBe(false);
    agent.destroy();
    await closed;
  });

  test('has the timeouts of the http server that passes its requests on', async () => {
    const { server } = await start();
    const front = http.createServer((...args) => server.http.emit('request', ...args));
    front.keepAliveTimeout = 0;
    front.listen(0, '127.0.0.1');
    await once(front, 'listening');
    const { port } = front.address();
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const [response] = await once(
      http.get({ port, host: '127.0.0.1', path: '/s/info', agent }),
      'response',
    );
    expect(response.headers['keep-alive']).toBeUndefined();
    await once(response.resume(), 'end');
    const closed = once(front, 'close');
    front.close();
    front.closeIdleConnections();
    await closed;
  });

  test("emits 'clientError' for a body that breaks off", async () => {
    const { server } = await start();
    const errors = [];
    server.http.on('clientError', (error, socket) => {
      errors.push([error.code, error.message, error.reason, error.bytesParsed]);
      socket.end('HTTP/1.1 400 Mine\r\n\r\n');
    });
    const connection = server.connect();
    await connection.request('GET', '/s/info');
    connection.wire.write(
      'POST /s/0/a/xhr_send HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n["',
    );
    connection.wire.socket.end();
    expect(await connection.end()).toBe('HTTP/1.1 400 Mine\r\n\r\n');
    const reason = 'Invalid EOF state';
    expect(errors).toEqual([['HPE_INVALID_EOF_STATE', 'Parse Error', reason, 0]]);
  });

  test("emits 'clientError' for a request that takes too long", async () => {
    const limits = { headersTimeout: 100, requestTimeout: 100, connectionsCheckingInterval: 10 };
    const { server, heard } = await start(limits);
    const errors = [];
    server.http.on('clientError', (error, socket) => {
      errors.push([error.code, error.message, socket === heard[0]]);
      socket.end('HTTP/1.1 408 Mine\r\n\r\n');
    });
    const connection = server.connect();
    await connection.request('GET', '/s/info');
    connection.wire.write('GET /s/info HTTP/1.1\r\nHo');
    expect(await connection.end()).toBe('HTTP/1.1 408 Mine\r\n\r\n');
    expect(errors).toEqual([['ERR_HTTP_REQUEST_TIMEOUT', 'Request timeout', true]]);
  });

  test.each([
    ['between two requests', ''],
    ['in the middle of a head', 'GET /s/info HTTP/1.1\r\nHo'],
    [
      'in the middle of a body',
      'POST /s/0/a/xhr_send HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n["',
    ],
    ['while a stream is open', 'POST /s/0/a/xhr_streaming HTTP/1.1\r\nHost: x\r\n\r\n'],
  ])("emits 'clientError' for a client that resets it %s", async (_, begun) => {
    const { server, heard } = await start();
    const errors = [];
    server.http.on('clientError', (error, socket) => {
      const { code, errno, message, syscall } = error;
      errors.push({ code, errno, message, syscall, isSame: socket === heard[0] });
    });
    const connection = server.connect();
    await connection.request('GET', '/s/info');
    if (begun) connection.wire.write(begun);
    if (begun.includes('streaming')) await connection.response();
    // By then the server has read what was sent.
    for (let i = 0; i < 3; i++) await server.get('/s/');
    const closed = new Promise((resolve) => heard[0].on('close', resolve));
    connection.wire.socket.resetAndDestroy();
    expect(await closed).toBe(true);
    const errno = -os.constants.errno.ECONNRESET;
    expect(errors).toEqual([
      { code: 'ECONNRESET', errno, message: 'read ECONNRESET', syscall: 'read', isSame: true },
    ]);
  });

  test('has a socket with the properties of any other', async () => {
    const { server, heard } = await start();
    const connection = server.connect();
    connection.send('POST', `${server.session('/s')}/xhr_streaming`);
    await connection.response();
    const { pending, bufferSize, readyState, connecting, destroyed } = heard[0];
    expect({ pending, bufferSize, readyState, connecting, destroyed }).toEqual({
      ...{ pending: false, bufferSize: 0, readyState: 'open', connecting: false },
      destroyed: false,
    });
    heard[0].setTimeout(60_000);
    expect(heard[0].timeout).toBe(60_000);
    heard[0].destroy();
    await connection.end();
    expect([heard[0].pending, heard[0].bufferSize]).toEqual([true, undefined]);
  });

  test.each([
    ['destroy()', (socket) => socket.destroy(), false],
    ['destroy(error)', (socket) => socket.destroy(new Error('on purpose')), true],
    ['resetAndDestroy()', (socket) => socket.resetAndDestroy(), false],
  ])("emits 'close' of the server and then of the socket after %s", async (_, end, hadError) => {
    const { server, heard } = await start();
    const connection = server.connect();
    connection.send('POST', `${server.session('/s')}/xhr_streaming`);
    await connection.response();
    const events = [];
    heard[0].on('close', (...args) => events.push(['socket', ...args]));
    const closed = new Promise((resolve) => heard[0].on('close', resolve));
    server.http.close(() => events.push(['server']));
    end(heard[0]);
    await Promise.all([closed, connection.end().catch(() => {})]);
    expect(events).toEqual([['server'], ['socket', hadError]]);
  });

  test('ends when the application destroys its socket, in Rust or in Node', async () => {
    const { server, heard } = await start();
    const away = server.connect();
    await away.request('GET', '/s/info');
    heard[0].destroy();
    await away.end();
    const back = server.connect();
    await back.request('GET', '/s/info');
    await back.request('GET', '/page');
    heard.at(-1).destroy();
    await back.end();
  });
});

test.each(ingresses)(
  'connections are returned to their own http server, by the %s ingress',
  async (ingress) => {
    const service = {
      install: (httpServer, library) =>
        library.createServer({ prefix: '/s' }).installHandlers(httpServer),
    };
    const one = await startServer(ingress, {
      ...service,
      app: (_, response) => response.end('one'),
    });
    const two = await startServer(ingress, {
      ...service,
      app: (_, response) => response.end('two'),
    });
    for (const server of [one, two]) {
      const connection = server.connect();
      await connection.request('GET', '/s/info');
      const page = await connection.request('GET', '/page');
      expect(page.body).toBe(server === one ? 'one' : 'two');
    }
  },
);
