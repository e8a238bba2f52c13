'use strict';

/*
 * The handshake of Hixie-76: the head of the answer is sent before the third key has arrived, because HAProxy forwards
 * the key only after that head.
 */

const { AsyncLocalStorage } = require('async_hooks');
const { once } = require('events');
const { addition, deviation, ingresses, survival } = require('./support/library');
const { startEcho, startServer, startService } = require('./support/server');
const { ANSWER, CLOSING, HixieClient, KEY_3, textFrame } = require('./support/hixie-client');

const TARGET = '/s/0/0/websocket';

describe.each(ingresses)('the handshake of Hixie-76, by the %s ingress', (ingress) => {
  test('the head is answered before the third key, and the key together with the o frame', async () => {
    const server = await startServer(ingress);
    const session = server.session('/echo');
    const hixie = HixieClient.begin(server, `${session}/websocket`);
    const { status, headers } = await hixie.connection.response();
    expect(status).toBe(101);
    expect(headers).toEqual({
      upgrade: 'WebSocket',
      connection: 'Upgrade',
      'sec-websocket-origin': 'http://localhost',
      'sec-websocket-location': `ws://localhost${session}/websocket`,
    });
    expect(hixie.wire.buffer).toHaveLength(0);
    hixie.wire.write('aaaaaaaa');
    await hixie.expect(
      Buffer.from('\xca4\x00\xd8\xa5\x08G\x97,\xd5qZ\xba\xbfC{\x00o\xff', 'latin1'),
    );
    hixie.send('["a"]');
    expect(await hixie.message()).toBe('a["a"]');
  });

  test("'connection' is emitted when the whole third key has arrived", async () => {
    const connections = [];
    const server = await startService(ingress, {}, (conn) => connections.push(conn));
    const hixie = HixieClient.begin(server, TARGET);
    await hixie.connection.response();
    for (const byte of KEY_3) {
      expect((await server.get('/s/')).status).toBe(200);
      expect(connections).toEqual([]);
      expect(hixie.wire.buffer).toHaveLength(0);
      hixie.wire.write(Buffer.from([byte]));
    }
    await hixie.expect(ANSWER);
    expect(await hixie.message()).toBe('o');
    const { conn } = await server.accept();
    expect(conn.protocol).toBe('websocket');
    expect(conn.url).toBe(TARGET);
    expect(conn.headers.host).toBe('localhost');
    expect(conn.remoteAddress).toBe('127.0.0.1');
    expect(conn.remotePort).toBe(hixie.wire.socket.localPort);
  });

  if (ingress === 'takeover') {
    addition(
      'its socket is taken over, whether the third key comes with the head or later',
      async () => {
        const server = await startService(ingress);
        await HixieClient.open(server, TARGET);
        HixieClient.begin(server, TARGET, { early: KEY_3 });
        for (const { conn } of [await server.accept(), await server.accept()]) {
          expect(conn._session.recv.connection._handle).toBe(null);
        }
      },
    );
  }

  test('the third key can arrive in the segment of the head', async () => {
    const server = await startEcho(ingress);
    const hixie = HixieClient.begin(server, TARGET, { early: KEY_3 });
    expect((await hixie.connection.response()).status).toBe(101);
    await hixie.expect(ANSWER);
    expect(await hixie.message()).toBe('o');
    await server.accept();
    hixie.send('["a"]');
    expect(await hixie.message()).toBe('a["a"]');
  });

  deviation(9, 'a message in the segment of the third key is delivered', async () => {
    const early = Buffer.concat([KEY_3, textFrame('["early"]')]);
    for (const waits of [false, true]) {
      const server = await startEcho(ingress);
      const hixie = HixieClient.begin(server, TARGET, waits ? {} : { early });
      await hixie.connection.response();
      if (waits) hixie.wire.write(early);
      await hixie.expect(ANSWER);
      expect(await hixie.message()).toBe('o');
      expect(await hixie.message()).toBe('a["early"]');
    }
  });

  survival(
    3,
    'a close in the segment of the third key closes the session that it opens',
    async () => {
      const early = Buffer.concat([KEY_3, CLOSING]);
      for (const waits of [false, true]) {
        const server = await startService(ingress);
        const hixie = HixieClient.begin(server, TARGET, waits ? {} : { early });
        await hixie.connection.response();
        if (waits) hixie.wire.write(early);
        expect(await hixie.rest()).toBe(`${ANSWER}\0o\xff\xff\0`);
        const peer = await server.accept();
        await peer.until('close');
        expect(peer.events).toEqual([['end'], ['close']]);
      }
    },
  );

  /** Sends a handshake that is refused. @returns the answer, when the connection has ended */
  async function refused(target, headers) {
    const server = await startService(ingress);
    const hixie = HixieClient.begin(server, target, { headers, early: KEY_3 });
    const response = await hixie.connection.response();
    const body = await response.rest();
    await hixie.connection.end();
    return { status: response.status, body };
  }

  const invalid = 'Client sent invalid Sec-WebSocket-Key headers';
  test.each([
    ['no first key', { 'Sec-WebSocket-Key1': undefined }, 'header: Sec-WebSocket-Key1'],
    ['no second key', { 'Sec-WebSocket-Key2': undefined }, 'header: Sec-WebSocket-Key2'],
    ['an empty second key', { 'Sec-WebSocket-Key2': '' }, 'header: Sec-WebSocket-Key2'],
    ['a key without spaces', { 'Sec-WebSocket-Key1': '1234' }, invalid],
    [
      'a key whose number is not divisible by its spaces',
      { 'Sec-WebSocket-Key2': '1 2 3' },
      invalid,
    ],
    ['a key without digits', { 'Sec-WebSocket-Key1': 'a b c' }, invalid],
    ['two first keys', { 'sec-websocket-key1': '4 a' }, invalid],
    ['version 13', { 'Sec-WebSocket-Version': '13' }, 'header: Sec-WebSocket-Key'],
    ['version 0', { 'Sec-WebSocket-Version': '0' }, 'WebSocket version: 0'],
    ['the key of RFC 6455', { 'Sec-WebSocket-Key': 'x' }, 'WebSocket version: undefined'],
  ])('%s is refused with 400', async (_, headers, text) => {
    const { status, body } = await refused(TARGET, headers);
    expect(status).toBe(400);
    expect(body.endsWith(text)).toBe(true);
  });

  survival(3, 'a key whose number has more than 32 bits is refused with 400', async () => {
    for (const key of ['4294967296 ', `${'9'.repeat(400)} `]) {
      const answer = await refused(TARGET, { 'Sec-WebSocket-Key1': `${key}x` });
      expect(answer).toEqual({ status: 400, body: invalid });
    }
  });

  test('a key can encode 0 and 4294967295', async () => {
    const server = await startService(ingress);
    for (const key of ['0 x', '4294967295 x']) {
      const headers = { 'Sec-WebSocket-Key1': key };
      const hixie = HixieClient.begin(server, TARGET, { headers, early: KEY_3 });
      expect((await hixie.connection.response()).status).toBe(101);
    }
  });

  test('an empty version is ignored', async () => {
    const server = await startService(ingress);
    await HixieClient.open(server, TARGET, { headers: { 'Sec-WebSocket-Version': '' } });
  });

  test('a raw websocket is refused with 400', async () => {
    const server = await startService(ingress);
    const hixie = HixieClient.begin(server, '/s/websocket');
    const response = await hixie.connection.response();
    expect(response.status).toBe(400);
    expect(response.headers.connection).toBe('close');
    expect(await response.rest()).toBe('Only supported WebSocket protocol is RFC 6455.');
  });

  test.each([
    ['', {}, 'ws://localhost/s/0/0/websocket'],
    ['?a=%C3%A9&b', { Host: 'example.com:81' }, 'ws://example.com:81/s/0/0/websocket?a=%C3%A9&b'],
    ['', { Https: 'on' }, 'wss://localhost/s/0/0/websocket'],
    ['', { 'X-Forwarded-Ssl': 'on' }, 'wss://localhost/s/0/0/websocket'],
    ['', { 'X-Forwarded-Scheme': 'https' }, 'wss://localhost/s/0/0/websocket'],
    ['', { 'X-Forwarded-Proto': 'https' }, 'wss://localhost/s/0/0/websocket'],
    ['', { 'X-Forwarded-Proto': 'https, http' }, 'ws://localhost/s/0/0/websocket'],
  ])('the location for the query %j and the headers %j is %s', async (query, headers, location) => {
    const server = await startService(ingress);
    const hixie = HixieClient.begin(server, TARGET + query, { headers });
    const response = await hixie.connection.response();
    expect(response.headers['sec-websocket-location']).toBe(location);
  });

  test('a request without Host and Origin is answered', async () => {
    const server = await startService(ingress);
    const headers = { Host: undefined, Origin: undefined };
    const hixie = HixieClient.begin(server, TARGET, { headers, version: '1.0' });
    const response = await hixie.connection.response();
    expect(response.headers['sec-websocket-location']).toBe(`ws://undefined${TARGET}`);
    expect(response.headers).not.toHaveProperty('sec-websocket-origin');
  });

  test('an origin with a byte above ASCII is returned unchanged', async () => {
    const server = await startService(ingress);
    const hixie = await HixieClient.open(server, TARGET, { headers: { Origin: 'http://\xe9' } });
    expect(hixie.response.headers['sec-websocket-origin']).toBe('http://\xe9');
  });

  test('headers of faye_server_options are added to the answer, and replace no header', async () => {
    const options = { headers: { 'X-Added': 'yes', Upgrade: 'no', 'sec-websocket-origin': 'no' } };
    const server = await startService(ingress, { faye_server_options: options });
    const { response } = await HixieClient.open(server, TARGET);
    expect(response.headers['x-added']).toBe('yes');
    expect(response.headers.upgrade).toBe('WebSocket');
    expect(response.headers['sec-websocket-origin']).toBe('http://localhost');
  });

  describe('without a third key', () => {
    /** Sends the head and some of the key, and waits for the head of the answer. */
    async function begin(server, some = 'abc') {
      const hixie = HixieClient.begin(server, TARGET, { early: Buffer.from(some) });
      await hixie.connection.response();
      return hixie;
    }

    test('a client that leaves opens no connection', async () => {
      const connections = [];
      const server = await startService(ingress, {}, (conn) => connections.push(conn));
      const ends = await begin(server);
      ends.wire.socket.end();
      expect(await ends.rest()).toBe('');
      const disconnects = await begin(server, '');
      disconnects.abort();
      const resets = await begin(server);
      resets.wire.socket.resetAndDestroy();
      const closed = once(server.http, 'close');
      server.http.close();
      await closed;
      expect(connections).toEqual([]);
    });

    test('a client that leaves before the handler is called keeps no connection open', async () => {
      const handled = [];
      const install = (httpServer, library) => {
        const handler = library.createServer({ prefix: '/s' }).middleware();
        httpServer.on('upgrade', async (request, socket, head) => {
          socket.on('error', () => {});
          // A socket emits 'end' only while it is read.
          socket.resume();
          if (!socket.readableEnded) await once(socket, 'end');
          handler(request, socket, head);
          handled.push(request.url);
        });
      };
      const server = await startServer(ingress, { install });
      const hixie = HixieClient.begin(server, TARGET, { early: Buffer.alloc(0) });
      hixie.wire.socket.end();
      await hixie.connection.end();
      const closed = once(server.http, 'close');
      server.http.close();
      await closed;
      expect(handled).toEqual([TARGET]);
    });

    test('a client that half-closes after the key gets its answer', async () => {
      const server = await startService(ingress);
      const hixie = await begin(server, '');
      hixie.wire.socket.end(KEY_3);
      expect(await hixie.rest()).toBe(`${ANSWER}\0o\xff`);
      const peer = await server.accept();
      await peer.until('close');
      expect(peer.events).toEqual([['end'], ['close']]);
    });

    addition('the connection ends after the headersTimeout of the http server', async () => {
      const connections = [];
      const server = await startService(ingress, {}, (conn) => connections.push(conn));
      server.http.headersTimeout = 100;
      const began = performance.now();
      const hixie = await begin(server);
      expect(await hixie.rest()).toBe('');
      expect(performance.now() - began).toBeGreaterThan(90);
      const closed = once(server.http, 'close');
      server.http.close();
      await closed;
      expect(connections).toEqual([]);
    });

    addition('a websocket whose key came in time outlives headersTimeout', async () => {
      const server = await startEcho(ingress);
      server.http.headersTimeout = 100;
      const hixie = await begin(server, '');
      hixie.wire.write(KEY_3);
      await hixie.expect(ANSWER);
      expect(await hixie.message()).toBe('o');
      await (await begin(server)).rest();
      hixie.send('["a"]');
      expect(await hixie.message()).toBe('a["a"]');
    });
  });

  addition("'connection' keeps the AsyncLocalStorage context of the request", async () => {
    const storage = new AsyncLocalStorage();
    const stores = [];
    const server = await startService(ingress, {}, () => stores.push(storage.getStore()));
    const [listener] = server.http.listeners('upgrade');
    server.http.removeAllListeners('upgrade');
    server.http.on('upgrade', (req, ...rest) => storage.run(req.url, () => listener(req, ...rest)));
    await HixieClient.open(server, TARGET);
    await server.accept();
    expect(stores).toEqual([TARGET]);
  });

  test('over https the location is wss, and the third key is answered', async () => {
    const echo = (conn) => conn.on('data', (message) => conn.write(message));
    const server = await startService(ingress, {}, echo, { secure: true });
    const hixie = HixieClient.begin(server, TARGET);
    const response = await hixie.connection.response();
    expect(response.headers['sec-websocket-location']).toBe(`wss://localhost${TARGET}`);
    hixie.wire.write(KEY_3);
    await hixie.expect(ANSWER);
    expect(await hixie.message()).toBe('o');
    hixie.send('["a"]');
    expect(await hixie.message()).toBe('a["a"]');
    hixie.wire.write(CLOSING);
    await hixie.closed();
  });
});
