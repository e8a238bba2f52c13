'use strict';

/*
 * `conn._session.recv`, which other packages read.
 */

const http = require('http');
const path = require('path');
const { addition, ingresses, libraryPath } = require('./support/library');
const { startEcho, startService } = require('./support/server');
const { every, open, polls, receive, streams, websockets } = require('./support/transports');

const { Session } = require(path.join(path.dirname(libraryPath), 'lib', 'transport'));

const HEADERS = { Cookie: 'sid=1; a=b=c', 'X-Other': 'y', 'User-Agent': 'tests' };

/** The request of a connection. For websockets, 0.3.24 has it in the driver of faye-websocket. */
const requestOf = (conn) => {
  const { recv, ws } = conn._session;
  return recv.request ?? (recv.ws ?? ws)._driver._request;
};

describe.each(ingresses)('receivers, by the %s ingress', (ingress) => {
  /** Opens a session with the headers above. */
  async function connect(server, transport) {
    const { method, upgraded } = transport;
    const session = transport.protocol === 'websocket-raw' ? '/s' : server.session('/s');
    const target = session + transport.path;
    if (upgraded) await server.websocket(target, { headers: HEADERS });
    else await server.open(method, target, { headers: HEADERS });
    await server.accept();
    return { target, session };
  }

  test.each([...streams, ...websockets])(
    '%s: recv has the whole request during "connection"',
    async (name, transport) => {
      const found = {};
      const server = await startService(ingress, {}, (conn) => {
        const request = requestOf(conn);
        const { headers, url, method, httpVersion, socket } = request;
        Object.assign(found, { request, headers, url, method, httpVersion, socket });
      });
      const { target } = await connect(server, transport);
      expect(found.headers).toMatchObject({
        cookie: HEADERS.Cookie,
        host: 'localhost',
        'x-other': 'y',
        'user-agent': 'tests',
      });
      expect(found.request).toBeInstanceOf(http.IncomingMessage);
      expect([found.url, found.method, found.httpVersion]).toEqual([
        target,
        transport.method,
        '1.1',
      ]);
      expect(found.socket.remoteAddress).toBe('127.0.0.1');
      expect(found.request.connection).toBe(found.socket);
      const { rawHeaders } = found.request;
      const at = rawHeaders.findIndex((text) => text.toLowerCase() === 'cookie');
      expect(rawHeaders[at + 1]).toBe(HEADERS.Cookie);
    },
  );

  test.each([...streams, ...websockets])(
    '%s: recv keeps a request that has been read',
    async (name, transport) => {
      const server = await startService(ingress, {}, (conn) => void requestOf(conn));
      const accepted = new Promise((resolve) => {
        server.service.on('connection', resolve);
      });
      await connect(server, transport);
      const conn = await accepted;
      await server.get('/s/');
      expect(requestOf(conn).headers.cookie).toBe(HEADERS.Cookie);
      expect(requestOf(conn)).toBe(requestOf(conn));
      expect(conn._session.recv).toBe(conn._session.recv);
    },
  );

  test.each(streams)(
    '%s: recv has a socket, options, protocol and session',
    async (name, transport) => {
      const server = await startService(ingress, { heartbeat_delay: 4321 });
      const { peer } = await receive(server, transport);
      const { recv } = peer.conn._session;
      expect(recv.thingy.remoteAddress).toBe('127.0.0.1');
      expect(recv.response.connection).toBe(recv.thingy);
      expect(recv.options.heartbeat_delay).toBe(4321);
      expect(recv.protocol).toBe(name);
      expect(recv.session).toBe(peer.conn._session);
    },
  );

  test.each(websockets)(
    '%s: recv has the socket and the members of faye-websocket',
    async (name, transport) => {
      const server = await startService(ingress);
      const { peer } = await receive(server, transport);
      const { recv, ws } = peer.conn._session;
      expect(recv.connection.remoteAddress).toBe('127.0.0.1');
      expect(recv.protocol).toBe(name);
      expect((recv.ws ?? ws)._stream).toBe(recv.connection);
    },
  );

  test.each(every)('%s: the prototype of recv is not Object.prototype', async (name, transport) => {
    const server = await startService(ingress);
    const { peer } = await receive(server, transport);
    const { recv, ws } = peer.conn._session;
    // 0.3.24 has a plain object there.
    if (name !== 'websocket-raw') expect(Object.getPrototypeOf(recv)).not.toBe(Object.prototype);
    if (ws ?? recv.ws) expect(Object.getPrototypeOf(ws ?? recv.ws)).not.toBe(Object.prototype);
  });

  test.each(polls)(
    '%s: recv is null between polls, and the poll while one waits',
    async (name, transport) => {
      const seen = [];
      const server = await startService(ingress, {}, (conn) => seen.push(conn._session.recv));
      const session = server.session('/s');
      const target = session + transport.path;
      const connection = server.connect();
      await connection.request(transport.method, target);
      const { conn } = await server.accept();
      expect(seen).toEqual([null]);
      for (const poll of ['&1', '&2']) {
        const url = `${target.includes('?') ? '' : '?'}${poll}`;
        connection.send(transport.method, target + url, { headers: { Cookie: `poll=${poll}` } });
        while (!conn.url.endsWith(poll)) await server.get('/s/');
        const { recv } = conn._session;
        expect(recv.request.headers.cookie).toBe(`poll=${poll}`);
        expect(recv.request.url).toBe(target + url);
        expect(recv.protocol).toBe(name);
        conn.write('x');
        expect(conn._session.recv).toBe(null);
        const response = await connection.response();
        expect(await response.rest()).toContain('a[');
        // The poll has ended, so this does nothing.
        recv.didClose();
        expect(conn.readyState).toBe(1);
      }
    },
  );

  test.each(streams)(
    '%s: recv is null after a stream, then the next one',
    async (name, transport) => {
      const server = await startService(
        ingress,
        { response_limit: 100 },
        (conn) => void conn._session.recv,
      );
      const { connection, peer, session } = await receive(server, transport);
      const { conn } = peer;
      conn.write('x'.repeat(100));
      expect(conn._session.recv).toBe(null);
      connection.abort();
      const again = `${session + transport.path}${transport.path.includes('?') ? '&' : '?'}again`;
      await server.open(transport.method, again, { headers: { Cookie: 'again' } });
      while (!conn.url.endsWith('again')) await server.get('/s/');
      expect(conn._session.recv.request.headers.cookie).toBe('again');
    },
  );

  test.each(streams)(
    '%s: didClose() ends the response, and the session stays open',
    async (name, transport) => {
      const server = await startService(ingress);
      const connection = server.connect();
      const session = server.session('/s');
      connection.send(transport.method, session + transport.path);
      const response = await connection.response();
      await response.until('o');
      const peer = await server.accept();
      const { conn } = peer;
      conn._session.recv.didClose();
      expect(conn._session.recv).toBe(null);
      expect(await response.rest()).not.toMatch(/c\[/);
      expect(response.truncated).toBe(false);
      expect([conn.readyState, peer.events]).toEqual([1, []]);
      expect(conn.write('waits')).toBe(true);

      // The connection serves another request.
      connection.send('POST', `${session}/xhr`);
      expect(await (await connection.response()).rest()).toBe('a["waits"]\n');
      expect(peer.events).toEqual([]);
    },
  );

  test.each(polls)(
    '%s: didClose() ends a waiting poll with an empty body',
    async (name, transport) => {
      const server = await startService(ingress);
      const { connection, peer, session } = await receive(server, transport);
      peer.conn._session.recv.didClose();
      expect(peer.conn._session.recv).toBe(null);
      const response = await connection.response();
      expect([response.status, await response.rest()]).toEqual([200, '']);
      expect(peer.conn.write('waits')).toBe(true);
      expect((await server.post(`${session}/xhr`)).body).toBe('a["waits"]\n');
      expect(peer.events).toEqual([]);
    },
  );

  test('a session ends disconnect_delay after didClose() on its stream', async () => {
    const server = await startService(ingress, { disconnect_delay: 50 });
    const streaming = await server.open('POST', `${server.session('/s')}/xhr_streaming`);
    await streaming.until('o\n');
    const peer = await server.accept();
    peer.conn._session.recv.didClose();
    await peer.until('close');
    expect(peer.events).toEqual([['end'], ['close']]);
  });

  test.each(streams)(
    '%s: didClose() works in an idle timeout (Showdown)',
    async (name, transport) => {
      const server = await startService(ingress);
      const { peer } = await receive(server, transport);
      const { conn } = peer;
      await new Promise((resolve) => {
        conn._session.recv.thingy.setTimeout(60, () => {
          if (conn._session.recv) conn._session.recv.didClose();
          resolve();
        });
      });
      expect([conn.readyState, conn._session.recv]).toEqual([1, null]);
    },
  );

  test('heartbeats keep the socket of a stream from being idle', async () => {
    const server = await startService(ingress, { heartbeat_delay: 50 });
    const streaming = await server.open('POST', `${server.session('/s')}/xhr_streaming`);
    await streaming.until('o\n');
    const { conn } = await server.accept();
    let idle = 0;
    conn._session.recv.thingy.setTimeout(1000, () => idle++);
    for (let beat = 0; beat < 30; beat++) expect(await streaming.line()).toBe('h\n');
    expect(idle).toBe(0);
  });

  addition.each([...streams, ...websockets])(
    '%s: a request that is read later has what the connection shows',
    async (name, transport) => {
      const server = await startService(ingress);
      const accepted = new Promise((resolve) => {
        server.service.on('connection', resolve);
      });
      const { target } = await connect(server, transport);
      const conn = await accepted;
      await server.get('/s/');
      const request = requestOf(conn);
      expect([request.url, request.method]).toEqual([target, transport.method]);
      expect(request.headers).toMatchObject({ host: 'localhost', 'user-agent': 'tests' });
      expect(request.headers.cookie).toBe(ingress === 'bridge' ? HEADERS.Cookie : undefined);
      expect(request.socket.remoteAddress).toBe('127.0.0.1');
    },
  );

  test('recv is set while a replaced decorateConnection runs', async () => {
    const { decorateConnection } = Session.prototype;
    Session.prototype.decorateConnection = function replaced(req) {
      const socket = this.recv.connection ?? this.recv.response.connection;
      this.connection.remoteAddress = socket.remoteAddress;
      this.connection.url = req.url;
      this.connection.pathname = req.pathname;
      this.connection.protocol = this.recv.protocol;
      this.connection.headers = { cookie: req.headers.cookie };
    };
    try {
      for (const [name, transport] of every) {
        const server = await startService(ingress);
        const accepted = new Promise((resolve) => {
          server.service.on('connection', resolve);
        });
        const { target } = await connect(server, transport);
        const conn = await accepted;
        expect({ ...conn }).toMatchObject({
          protocol: name,
          url: target,
          pathname: target.split('?')[0],
          headers: { cookie: HEADERS.Cookie },
        });
        if (transport.polls) expect(conn._session.recv).toBe(null);
      }
    } finally {
      Session.prototype.decorateConnection = decorateConnection;
    }
  });

  test('didTimeout() ends a session that has no receiver', async () => {
    const server = await startService(ingress);
    const session = server.session('/s');
    await server.post(`${session}/xhr`);
    const peer = await server.accept();
    const facade = peer.conn._session;
    facade.didTimeout();
    expect(peer.events).toEqual([['end'], ['close']]);
    expect(peer.conn.readyState).toBe(3);
    expect(() => facade.didTimeout()).toThrow('INVALID_STATE_ERR');
    expect((await server.post(`${session}/xhr_send`, '["x"]')).status).toBe(404);
    expect((await server.post(`${session}/xhr`)).body).toBe('o\n');
    expect((await server.accept()).conn).not.toBe(peer.conn);
  });

  test('didTimeout() throws while the session has a receiver', async () => {
    const server = await startService(ingress);
    const { peer } = await receive(server, streams[0][1]);
    expect(() => peer.conn._session.didTimeout()).toThrow('RECV_STILL_THERE');
    expect(peer.conn.readyState).toBe(1);
  });

  test('didClose() of its session ends a raw websocket', async () => {
    const server = await startService(ingress);
    const ws = await server.websocket('/s/websocket');
    const peer = await server.accept();
    peer.conn._session.didClose();
    expect(peer.events).toEqual([['end'], ['close']]);
    expect(await ws.closeFrame()).toEqual([1000, 'Normal closure']);
  });

  test.each(every)(
    '%s: session_id is the one in the URL, if there is one',
    async (name, transport) => {
      const server = await startService(ingress);
      const { peer, session } = await receive(server, transport);
      const expected = transport.upgraded ? undefined : session.split('/').at(-1);
      expect(peer.conn._session.session_id).toBe(expected);
    },
  );

  test("didMessage() emits 'data'", async () => {
    const server = await startEcho(ingress);
    const { peer } = await receive(server, streams[0][1]);
    peer.conn._session.didMessage('by hand');
    expect(peer.messages).toEqual(['by hand']);
  });

  test('a replaced send() of a session gets what the connection writes', async () => {
    const server = await startService(ingress);
    await open(server, websockets[0][1]);
    const { conn } = await server.accept();
    const sent = [];
    conn._session.send = (message) => sent.push(message) > 0;
    expect(conn.write('x')).toBe(true);
    expect(sent).toEqual(['x']);
  });

  test('new Session() makes a session without a client, as in the tests of Showdown', async () => {
    const { service } = await startService(ingress, { disconnect_delay: 20 });
    const session = new Session('aaaaaaaa', service);
    session.remoteAddress = '127.0.0.1';
    if (!('headers' in session)) session.headers = {};
    session.headers['x-forwarded-for'] = '';
    session.protocol = 'websocket';
    const { connection } = session;
    expect([connection.readyState, connection.write('x'), connection.close()]).toEqual([
      0,
      false,
      false,
    ]);
    expect([session.recv ?? null, session.session_id]).toEqual([null, 'aaaaaaaa']);
    expect([connection.prefix, connection.headers]).toEqual(['/s', {}]);
    connection.remoteAddress = '127.0.0.1';
    connection.protocol = 'websocket';
    connection.headers['x-forwarded-for'] = '';
    connection.write = () => 'mine';
    session.recv = { didClose: () => 'mine' };
    expect([connection.protocol, connection.write(), session.recv.didClose()]).toEqual([
      'websocket',
      'mine',
      'mine',
    ]);
    const events = [];
    connection.on('data', (message) => events.push(message));
    connection.on('end', () => events.push('end'));
    connection.emit('data', 'x');
    session.recv = null;
    await new Promise((resolve) => connection.on('close', resolve));
    expect([events, connection.readyState]).toEqual([['x', 'end'], 3]);
  });
});
