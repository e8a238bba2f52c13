'use strict';

/*
 * Upgrade requests that have a body. Depending on its version, Node leaves the body on the socket, reads it into the
 * request, or passes a stream of its own before the body has arrived.
 */

const http = require('http');
const { ingresses, isOracle } = require('./support/library');
const { startServer, startService } = require('./support/server');
const { receive, streams } = require('./support/transports');
const { encodeFrame } = require('./support/websocket-client');

const H2C = 'Host: localhost\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n';
const FORM = 'Content-Type: application/x-www-form-urlencoded\r\n';
const HANDSHAKE =
  'Host: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\n';

/** The header for a body of 5 bytes, and its two parts as sent. */
const FRAMINGS = {
  'a length': ['Content-Length: 5', (body) => [body.slice(0, 2), body.slice(2)]],
  chunks: [
    'Transfer-Encoding: chunked',
    (body) => [`2\r\n${body.slice(0, 2)}\r\n`, `3;x=y\r\n${body.slice(2)}\r\n0\r\nT: t\r\n\r\n`],
  ],
};

/** How a request arrives, in one or several segments. */
const PIECES = {
  'in one segment': (head, parts) => [[head, ...parts].join('')],
  'after its head': (head, parts) => [head, parts.join('')],
  'in pieces': (head, parts) => [head.slice(0, 30), head.slice(30) + parts[0], parts[1]],
};

const CASES = Object.keys(FRAMINGS).flatMap((framing) =>
  Object.keys(PIECES).map((way) => [framing, way]),
);

/** An application that answers with the body. */
function app(request, response) {
  let body = '';
  request.setEncoding('utf8');
  request.on('data', (text) => (body += text));
  request.on('end', () => response.end(`${request.method} ${request.url} ${body}`));
}

/** Waits until the server has read what a client has sent: it has answered three later requests. */
async function untilRead(server) {
  for (let i = 0; i < 3; i++) await server.get('/s/');
}

/**
 * Sends a request in pieces that arrive one by one.
 *
 * @param {import('./support/server').TestServer} server
 * @param {string[]} pieces
 * @param {import('./support/http-client').HttpConnection} [connection]
 */
async function send(server, pieces, connection = server.connect()) {
  for (const [index, piece] of pieces.entries()) {
    if (index > 0) await untilRead(server);
    connection.wire.write(piece);
  }
  return connection;
}

/** @returns {string[]} the pieces of a request with a body of 5 bytes */
function requestIn([framing, way], line, headers, body) {
  const [length, parts] = FRAMINGS[framing];
  return PIECES[way](`${line} HTTP/1.1\r\n${headers}${length}\r\n\r\n`, parts(body));
}

const settings = ingresses.flatMap((ingress) => [
  [`the ${ingress} ingress`, ingress, {}],
  [`the ${ingress} ingress over TLS`, ingress, { secure: true }],
]);

// On the oracle such a request ends the process, or is never answered.
(isOracle ? describe.skip : describe).each(settings)(
  'an upgrade request with a body, by %s',
  (_, ingress, setting) => {
    test.each(CASES)('with %s, %s, sends messages by xhr_send', async (...way) => {
      const server = await startService(ingress, {}, undefined, setting);
      const { peer, session } = await receive(server, streams[0][1]);
      const line = `POST ${session}/xhr_send`;
      const connection = await send(server, requestIn(way, line, H2C, '["a"]'));
      expect((await connection.response()).status).toBe(204);
      await peer.until('data');
      expect(peer.messages).toEqual(['a']);
      await connection.end();
      expect((await server.get('/s/')).status).toBe(200);
    });

    test.each(CASES)('with %s, %s, sends messages by jsonp_send', async (...way) => {
      const server = await startService(ingress, {}, undefined, setting);
      const { peer, session } = await receive(server, streams[0][1]);
      const line = `POST ${session}/jsonp_send`;
      const connection = await send(server, requestIn(way, line, H2C + FORM, 'd=[1]'));
      expect((await connection.response()).status).toBe(200);
      await peer.until('data');
      expect(peer.messages).toEqual([1]);
    });

    test.each(CASES)('with %s, %s, reaches the application with its body', async (...way) => {
      const server = await startService(ingress, {}, undefined, { ...setting, app });
      const connection = await send(server, requestIn(way, 'POST /app', H2C, 'hello'));
      const response = await connection.response();
      expect(response.status).toBe(200);
      expect(await response.rest()).toBe('POST /app hello');
      expect(response.headers.connection).toBe('close');
      await connection.end();
    });

    test.each(CASES)('with %s, %s, opens a stream', async (...way) => {
      const server = await startService(ingress, {}, undefined, setting);
      const line = `POST ${server.session('/s')}/xhr_streaming`;
      const connection = await send(server, requestIn(way, line, H2C, 'hello'));
      const response = await connection.response();
      await response.until('o\n');
      const { conn } = await server.accept();
      conn.write('x');
      expect(await response.line()).toBe('a["x"]\n');
    });

    test.each(CASES)('with %s, %s, gets 400 on the route of a websocket', async (...way) => {
      const server = await startService(ingress, {}, undefined, setting);
      const connection = await send(server, requestIn(way, 'GET /s/websocket', H2C, 'hello'));
      expect((await connection.response()).status).toBe(400);
      await connection.end();
      expect((await server.get('/s/')).status).toBe(200);
    });

    test.each(CASES)('with %s, %s, waits for an earlier response', async (...way) => {
      const server = await startService(ingress, {}, undefined, setting);
      const { peer, session } = await receive(server, streams[0][1]);
      const connection = server.connect();
      const poll = server.session('/s');
      await connection.request('POST', `${poll}/xhr`);
      const { conn } = await server.accept();
      connection.send('POST', `${poll}/xhr?waits`);
      while (!conn.url.endsWith('?waits')) await server.get('/s/');
      const line = `POST ${session}/xhr_send`;
      await send(server, requestIn(way, line, H2C, '["b"]'), connection);
      await untilRead(server);
      conn.write('first');
      expect(await (await connection.response()).rest()).toBe('a["first"]\n');
      expect((await connection.response()).status).toBe(204);
      await peer.until('data');
      expect(peer.messages).toEqual(['b']);
    });

    test.each(CASES)('with %s, %s, is answered when another is pipelined', async (...way) => {
      const server = await startService(ingress, {}, undefined, { ...setting, app });
      const sent = requestIn(way, 'POST /app', H2C, 'hello');
      sent[sent.length - 1] += 'GET /s/ HTTP/1.1\r\nHost: localhost\r\n\r\n';
      const connection = await send(server, sent);
      expect(await (await connection.response()).rest()).toBe('POST /app hello');
      await connection.end();
    });

    test.each(CASES)('with %s, %s, ends with a client that leaves', async (...way) => {
      const server = await startService(ingress, {}, undefined, { ...setting, app });
      for (const line of ['POST /s/0/0/xhr_send', 'POST /app', 'GET /s/websocket']) {
        const sent = requestIn(way, line, H2C, 'hello');
        const last = sent.pop();
        const connection = await send(server, [...sent, last.slice(0, -9)]);
        await untilRead(server);
        connection.abort();
      }
      // `stop` waits for the end of every connection.
      await server.stop();
    });

    test.each(CASES)("with %s, %s, emits each 'connection' and 'close' once", async (...way) => {
      const server = await startService(ingress, {}, undefined, { ...setting, app });
      const opened = [];
      const closed = [];
      server.http.on(setting.secure ? 'secureConnection' : 'connection', (socket) => {
        opened.push(socket);
        socket.on('close', () => closed.push(socket));
      });
      const connection = await send(server, requestIn(way, 'POST /app', H2C, 'hello'));
      await connection.end();
      await server.stop();
      while (closed.length < opened.length) await new Promise(setImmediate);
      expect(new Set(opened).size).toBe(opened.length);
      expect(new Set(closed).size).toBe(closed.length);
    });

    test.each(Object.keys(FRAMINGS))('with %s can be a handshake', async (framing) => {
      const server = await startService(ingress, {}, undefined, setting);
      const way = [framing, 'after its head'];
      const frame = encodeFrame({ payload: 'message' });
      const [head] = requestIn(way, 'GET /s/websocket', HANDSHAKE, 'hello');
      const connection = await send(server, [head]);
      expect((await connection.response()).status).toBe(101);
      const { conn } = await server.accept();
      // Some versions of Node read this as the body, others as a frame.
      connection.wire.write(frame);
      conn.write('to the client');
      await connection.wire.read(
        () => connection.wire.buffer.includes('to the client') || undefined,
        'a message',
      );
      connection.abort();
      await new Promise((resolve) => conn.on('close', resolve));
    });
  },
);

const upgradeCallback = 'shouldUpgradeCallback' in http.createServer();

// Node has it since 22.21.
(upgradeCallback && !isOracle ? describe : describe.skip).each(ingresses)(
  'shouldUpgradeCallback, by the %s ingress',
  (ingress) => {
    const handshake = `GET /s/websocket HTTP/1.1\r\n${HANDSHAKE}\r\n`;

    test.each(CASES)(
      'true: a request with %s, %s, is answered, and a websocket opens',
      async (...way) => {
        const setting = { app, http: { shouldUpgradeCallback: () => true } };
        const server = await startService(ingress, {}, undefined, setting);
        const connection = await send(server, requestIn(way, 'POST /app', H2C, 'hello'));
        expect(await (await connection.response()).rest()).toBe('POST /app hello');
        await connection.end();
        const websocket = await send(server, [handshake]);
        expect((await websocket.response()).status).toBe(101);
      },
    );

    test('false: a handshake is an ordinary request', async () => {
      const setting = { app, http: { shouldUpgradeCallback: () => false } };
      const server = await startService(ingress, {}, undefined, setting);
      const connection = await send(server, [handshake]);
      expect(await (await connection.response()).rest()).toBe('Not a valid websocket request');
    });

    test('set later: a request that is no handshake is answered', async () => {
      const server = await startService(ingress, {}, undefined, { app });
      server.http.shouldUpgradeCallback = () => true;
      for (const way of CASES) {
        const connection = await send(server, requestIn(way, 'POST /app', H2C, 'hello'));
        expect(await (await connection.response()).rest()).toBe('POST /app hello');
        await connection.end();
      }
    });

    test('decides which requests another upgrade listener gets', async () => {
      const upgraded = jest.fn((request, socket) => socket.end('HTTP/1.1 418 Mine\r\n\r\n'));
      const asked = jest.fn((request) => request.url === '/mine');
      const server = await startServer(ingress, {
        app,
        http: { shouldUpgradeCallback: asked },
        install: (httpServer, library) => {
          httpServer.on('upgrade', upgraded);
          library.createServer({ prefix: '/s' }).installHandlers(httpServer);
        },
      });
      const mine = await send(server, [`GET /mine HTTP/1.1\r\n${H2C}\r\n`]);
      expect((await mine.response()).status).toBe(418);
      const plain = await send(server, requestIn(CASES[0], 'POST /app', H2C, 'hello'));
      expect(await (await plain.response()).rest()).toBe('POST /app hello');
      expect(upgraded).toHaveBeenCalledTimes(1);
    });
  },
);

describe.each(ingresses)('unusual requests, by the %s ingress', (ingress) => {
  test('CONNECT ends its connection, also after a SockJS request', async () => {
    const server = await startService(ingress, {}, undefined, { app });
    const connect = 'CONNECT localhost:80 HTTP/1.1\r\nHost: localhost:80\r\n\r\n';
    const first = await send(server, [connect]);
    expect(await first.end()).toBe('');
    const later = server.connect();
    await later.request('GET', '/s/');
    await send(server, [connect], later);
    expect(await later.end()).toBe('');
    expect((await server.get('/s/')).status).toBe(200);
  });

  test('CONNECT goes to the listener of the application', async () => {
    const server = await startService(ingress, {}, undefined, { app });
    server.http.on('connect', (request, socket) => socket.end(`tunnel to ${request.url}`));
    const connect = 'CONNECT localhost:80 HTTP/1.1\r\nHost: localhost:80\r\n\r\n';
    const later = server.connect();
    await later.request('GET', '/s/');
    for (const connection of [server.connect(), later]) {
      await send(server, [connect], connection);
      expect(await connection.end()).toBe('tunnel to localhost:80');
    }
  });

  test('with insecureHTTPParser an invalid header is accepted', async () => {
    const server = await startService(ingress, {}, undefined, {
      app,
      http: { insecureHTTPParser: true },
    });
    const lenient = 'GET /s/ HTTP/1.1\r\nHost: localhost\r\nX: a\x01b\r\n\r\n';
    const connection = server.connect();
    await connection.request('GET', '/s/');
    for (let i = 0; i < 2; i++) {
      await send(server, [lenient], connection);
      expect(await (await connection.response()).rest()).toBe('Welcome to SockJS!\n');
    }
  });
});
