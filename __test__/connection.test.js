'use strict';

const stream = require('stream');
const { deviation, ingresses } = require('./support/library');
const { delay } = require('./support/wait');
const { startEcho, startServer, startService } = require('./support/server');

/** How to open a session by each transport: protocol, path, method. */
const TRANSPORTS = [
  ['websocket', 'websocket', undefined],
  ['xhr-polling', 'xhr', 'POST'],
  ['xhr-streaming', 'xhr_streaming', 'POST'],
  ['eventsource', 'eventsource', 'GET'],
  ['htmlfile', 'htmlfile?c=x', 'GET'],
  ['jsonp-polling', 'jsonp?c=x', 'GET'],
];

/** Headers that 0.3.24 copies into `conn.headers`. */
const SHOWN = {
  referer: 'http://a.test/',
  'x-client-ip': '1',
  'x-forwarded-for': '2, 3',
  'x-forwarded-host': 'h',
  'x-forwarded-port': '4',
  'x-cluster-client-ip': '5',
  via: '1.1 proxy',
  'x-real-ip': '6',
  'x-forwarded-proto': 'https',
  'x-ssl': 'on',
  dnt: '1',
  'user-agent': 'tests',
  'accept-language': 'de',
};

const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe.each(ingresses)('connection, by the %s ingress', (ingress) => {
  /** Opens a session at `target`. @returns {Promise<number>} the port of the client */
  async function open(server, target, method, headers) {
    if (method === undefined) {
      const ws = await server.websocket(target, { headers });
      return ws.wire.socket.localPort;
    }
    const connection = server.connect();
    connection.send(method, target, { headers });
    await connection.response();
    return connection.wire.socket.localPort;
  }

  test.each(TRANSPORTS)('%s: properties describe the request', async (protocol, path, method) => {
    const server = await startService(ingress);
    const target = `${server.session('/s')}/${path}${path.includes('?') ? '&' : '?'}q=1`;
    const port = await open(server, target, method, { ...SHOWN, Cookie: 'secret', 'X-Other': 'x' });
    const { conn } = await server.accept();
    expect(conn.protocol).toBe(protocol);
    expect(conn.url).toBe(target);
    expect(conn.pathname).toBe(target.split('?')[0]);
    expect(conn.prefix).toBe('/s');
    expect(conn.id).toMatch(UUID_V4);
    expect(`${conn}`).toBe(`<SockJSConnection ${conn.id}>`);
    expect(conn.constructor.name).toBe('SockJSConnection');
    expect([conn.readable, conn.writable, conn.readyState]).toEqual([true, true, 1]);
    expect(conn.remoteAddress).toBe('127.0.0.1');
    expect(conn.remotePort).toBe(port);
    expect(conn.address).toEqual({ address: '127.0.0.1', family: 'IPv4', port: server.address });
    expect(conn.headers).toEqual({ ...SHOWN, host: 'localhost' });
  });

  test('websocket-raw: properties describe the request', async () => {
    const server = await startService(ingress);
    await server.websocket('/s/websocket?q=1', { headers: { 'User-Agent': 'tests' } });
    const { conn } = await server.accept();
    expect(conn.protocol).toBe('websocket-raw');
    expect(conn.url).toBe('/s/websocket?q=1');
    conn.url = null;
    expect(conn.pathname).toBe('/s/websocket');
    expect(conn.prefix).toBe('/s');
    expect(conn.id).toMatch(UUID_V4);
    expect(conn.readyState).toBe(1);
    expect(conn.remoteAddress).toBe('127.0.0.1');
    expect(conn.headers).toEqual({ host: 'localhost', 'user-agent': 'tests' });
  });

  deviation(1, 'headers include the origin', async () => {
    const server = await startService(ingress);
    await server.websocket('/s/0/0/websocket', { headers: { Origin: 'http://a.test' } });
    expect((await server.accept()).conn.headers.origin).toBe('http://a.test');
    await server.post(`${server.session('/s')}/xhr`, '', { Origin: 'null' });
    expect((await server.accept()).conn.headers.origin).toBe('null');
  });

  test('every receiving request replaces protocol, url and headers', async () => {
    const server = await startService(ingress);
    const session = server.session('/s');
    await server.post(`${session}/xhr?1`, '', { 'User-Agent': 'one' });
    const { conn } = await server.accept();
    const { id } = conn;
    const streaming = await server.open('GET', `${session}/eventsource?2`, {
      headers: { 'User-Agent': 'two' },
    });
    expect(await streaming.line()).toBe('\r\n');
    conn.write('x');
    await streaming.until('a["x"]');
    expect(conn.id).toBe(id);
    expect(conn.protocol).toBe('eventsource');
    expect(conn.url).toBe(`${session}/eventsource?2`);
    expect(conn.headers['user-agent']).toBe('two');

    await server.post(`${session}/xhr_send?3`, '["x"]', { 'User-Agent': 'three' });
    expect(conn.headers['user-agent']).toBe('two');
  });

  test('on a unix socket there is no remote address', async () => {
    const server = await startService(ingress, {}, undefined, { unix: true });
    await server.websocket('/s/0/0/websocket');
    await server.post(`${server.session('/s')}/xhr`);
    for (let i = 0; i < 2; i++) {
      const { conn } = await server.accept();
      expect(conn.remoteAddress).toBeUndefined();
      expect(conn.remotePort).toBeUndefined();
      expect(conn.address).toBeUndefined();
      conn.close();
    }
  });

  test('a session that moves to a unix socket keeps the address it had', async () => {
    const onUnix = await startService(ingress, {}, undefined, { unix: true });
    const onTcp = await startServer(ingress, {
      install: (httpServer) => onUnix.service.installHandlers(httpServer),
    });
    const session = onTcp.session('/s');
    await onTcp.post(`${session}/xhr`);
    const { conn } = await onUnix.accept();
    conn.write('x');
    await onUnix.post(`${session}/xhr?2`);
    // By takeover the answer may arrive before JavaScript has handled the request.
    while (!conn.url.endsWith('?2')) await onUnix.get('/s/');
    expect(conn.remoteAddress).toBe('127.0.0.1');
  });

  test('is a legacy stream, and the application can add properties', async () => {
    const server = await startService(ingress);
    await server.websocket('/s/0/0/websocket');
    const { conn } = await server.accept();
    expect(conn).toBeInstanceOf(stream.Stream);
    expect(typeof conn.pipe).toBe('function');
    conn.user = 'jo';
    conn.send = () => 'mine';
    expect([conn.user, conn.send()]).toEqual(['jo', 'mine']);
  });

  test('write() converts its argument to a string, and returns whether the session is open', async () => {
    const server = await startService(ingress);
    const ws = await server.websocket('/s/0/0/websocket');
    expect(await ws.message()).toBe('o');
    const { conn } = await server.accept();
    const values = [
      1,
      null,
      undefined,
      { toString: () => 'object' },
      Buffer.from('é'),
      ['a', 'b'],
      '',
    ];
    for (const value of values) expect(conn.write(value)).toBe(true);
    for (const text of ['1', 'null', 'undefined', 'object', 'é', 'a,b', '']) {
      expect(await ws.message()).toBe(`a[${JSON.stringify(text)}]`);
    }
    conn.close();
    expect(conn.write('late')).toBe(false);
  });

  test.each(TRANSPORTS)('%s: close() returns true, then false', async (protocol, path, method) => {
    const server = await startService(ingress);
    await open(server, `${server.session('/s')}/${path}`, method);
    const { conn } = await server.accept();
    expect(conn.close(3000, 'x')).toBe(true);
    expect([2, 3]).toContain(conn.readyState);
    expect([conn.readable, conn.writable]).toEqual([false, false]);
    expect(conn.close()).toBe(false);
    expect(conn.write('x')).toBe(false);
  });

  test('close() without arguments is the normal closure, and any code is accepted', async () => {
    for (const [args, frame] of [
      [[], 'c[1000,"Normal closure"]'],
      [[4321], 'c[4321,"Normal closure"]'],
      [[1, ''], 'c[1,""]'],
      [['code', 7], 'c["code",7]'],
    ]) {
      const server = await startService(ingress, {}, (conn) => conn.close(...args));
      const ws = await server.websocket('/s/0/0/websocket');
      expect(await ws.message()).toBe('o');
      expect(await ws.message()).toBe(frame);
    }
  });

  test('end() writes its message, closes and returns null', async () => {
    const results = [];
    const server = await startService(ingress, {}, (conn) => results.push(conn.end('bye')));
    const streaming = await server.open('POST', `${server.session('/s')}/xhr_streaming`);
    await streaming.until('o\n');
    expect(await streaming.rest()).toBe('a["bye"]\nc[1000,"Normal closure"]\n');
    expect(results).toEqual([null]);
  });

  test('destroy() and destroySoon() close and remove all listeners', async () => {
    for (const method of ['destroy', 'destroySoon']) {
      const server = await startService(ingress);
      const ws = await server.websocket('/s/0/0/websocket');
      expect(await ws.message()).toBe('o');
      const { conn } = await server.accept();
      conn[method]();
      expect(await ws.message()).toBe('c[1000,"Normal closure"]');
      expect(conn.readyState).toBe(3);
      expect(conn.eventNames()).toEqual([]);
    }
  });

  test('a connection can be piped into itself', async () => {
    const first = await startService(ingress, {}, (conn) => conn.pipe(conn));
    const ws = await first.websocket('/s/0/0/websocket');
    expect(await ws.message()).toBe('o');
    ws.send('["piped"]');
    expect(await ws.message()).toBe('a["piped"]');
  });

  test('a readable stream can be piped into it, and its end closes the connection', async () => {
    const server = await startService(ingress, {}, (conn) => {
      stream.Readable.from(['one', Buffer.from('two')]).pipe(conn);
    });
    const ws = await server.websocket('/s/0/0/websocket');
    expect(await ws.message()).toBe('o');
    expect(await ws.message()).toBe('a["one"]');
    expect(await ws.message()).toBe('a["two"]');
    expect(await ws.message()).toBe('c[1000,"Normal closure"]');
  });

  test.each(TRANSPORTS)(
    "%s: 'close' is emitted once, after 'end'",
    async (protocol, path, method) => {
      const server = await startService(ingress, { disconnect_delay: 20 });
      await open(server, `${server.session('/s')}/${path}`, method);
      const peer = await server.accept();
      server.disconnect();
      await peer.until('close');
      await delay(50);
      expect(peer.events).toEqual([['end'], ['close']]);
      expect(peer.conn.readyState).toBe(3);
      expect(peer.conn.close()).toBe(false);
    },
  );

  test('every event goes through a conn.emit that the application has replaced', async () => {
    const emitted = [];
    const server = await startEcho(ingress);
    const ws = await server.websocket('/s/0/0/websocket');
    const peer = await server.accept();
    const { emit } = peer.conn;
    peer.conn.emit = function replaced(...args) {
      emitted.push(args);
      return emit.apply(this, args);
    };
    ws.send('["a"]');
    await peer.until('data');
    ws.abort();
    await peer.until('close');
    expect(emitted).toEqual([['data', 'a'], ['end'], ['close']]);
  });

  test('a session calls a replaced didTimeout() once when it ends', async () => {
    const server = await startService(ingress, { disconnect_delay: 500 });
    await server.post(`${server.session('/s')}/xhr`);
    const peer = await server.accept();
    const session = peer.conn._session;
    const { didTimeout } = session;
    let calls = 0;
    session.didTimeout = function patched() {
      calls++;
      return didTimeout.apply(this, arguments);
    };
    await peer.until('close');
    expect(calls).toBe(1);
  });
});
