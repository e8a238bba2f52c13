'use strict';

/*
 * What well-known packages do with the internals of sockjs: docs/compatibility.md, "Internals that other packages use".
 */

const path = require('path');
const { ingresses, libraryPath } = require('./support/library');
const { delay } = require('./support/wait');
const { startEcho, startService } = require('./support/server');

const { Session } = require(path.join(path.dirname(libraryPath), 'lib', 'transport'));

describe.each(ingresses)('internals, by the %s ingress', (ingress) => {
  test('a patch of Session.prototype.decorateConnection is called, as by webpack-dev-server', async () => {
    const { decorateConnection } = Session.prototype;
    Session.prototype.decorateConnection = function patched(req) {
      decorateConnection.call(this, req);
      this.connection.headers.patched = req.headers['x-patch'];
    };
    try {
      const server = await startEcho(ingress);
      const headers = { 'X-Patch': 'yes' };
      await server.websocket('/s/0/0/websocket', { headers });
      await server.websocket('/s/websocket', { headers });
      await server.post(`${server.session('/s')}/xhr`, '', headers);
      for (let i = 0; i < 3; i++) {
        expect((await server.accept()).conn.headers.patched).toBe('yes');
      }
    } finally {
      Session.prototype.decorateConnection = decorateConnection;
    }
  });

  test('an object in req.headers is the same in conn.headers, as for Primus', async () => {
    const via = { spark: 1 };
    const server = await startService(ingress);
    for (const event of ['request', 'upgrade']) {
      const [listener] = server.http.listeners(event);
      server.http.removeAllListeners(event);
      server.http.on(event, (req, ...rest) => {
        req.headers.via = via;
        listener(req, ...rest);
      });
    }
    await server.websocket('/s/0/0/websocket');
    await server.websocket('/s/websocket');
    await server.post(`${server.session('/s')}/xhr`);
    for (let i = 0; i < 3; i++) expect((await server.accept()).conn.headers.via).toBe(via);
  });

  test('a request listener can be removed, and added again after installHandlers, as by Meteor', async () => {
    const app = (req, res) => res.writableEnded || res.headersSent || res.end(`app ${req.url}`);
    const server = await startEcho(ingress);
    server.http.on('request', app);
    server.http.removeListener('request', app);
    server.service.installHandlers(server.http, { prefix: '/late' });
    server.http.on('request', app);
    expect((await server.get('/late/')).body).toBe('Welcome to SockJS!\n');
    expect((await server.get('/app')).body).toBe('app /app');
  });

  test.each(['/s/0/0/websocket', '/s/websocket'])(
    'a timeout on the socket of %s fires, as set by Meteor',
    async (target) => {
      const server = await startService(ingress);
      await server.websocket(target);
      const { conn } = await server.accept();
      const timedOut = new Promise((resolve) => {
        conn._session.recv.connection.setTimeout(50, resolve);
      });
      await timedOut;
    },
  );

  test('an idle timeout on the socket of a websocket fires once', async () => {
    const server = await startService(ingress);
    await server.websocket('/s/websocket');
    const { conn } = await server.accept();
    const socket = conn._session.recv.connection;
    let timeouts = 0;
    socket.on('timeout', () => timeouts++);
    const first = new Promise((resolve) => socket.once('timeout', resolve));
    socket.setTimeout(20);
    await first;
    await delay(100);
    expect(timeouts).toBe(1);
  });

  test('messages postpone an idle timeout on the socket of a websocket', async () => {
    const server = await startEcho(ingress);
    const ws = await server.websocket('/s/websocket');
    const { conn } = await server.accept();
    let timedOut = false;
    const start = Date.now();
    conn._session.recv.connection.setTimeout(400, () => (timedOut = true));
    while (Date.now() - start < 1200) {
      ws.send('x');
      expect(await ws.message()).toBe('x');
      await delay(20);
    }
    expect(timedOut).toBe(false);
  });

  test('_session.recv.didClose() ends the websocket', async () => {
    const server = await startService(ingress);
    const ws = await server.websocket('/s/0/0/websocket');
    expect(await ws.message()).toBe('o');
    const peer = await server.accept();
    peer.conn._session.recv.didClose();
    expect(await ws.closeFrame()).toEqual([1000, 'Normal closure']);
    await peer.until('close');
    expect(peer.events).toEqual([['end'], ['close']]);
  });

  test('a replaced didTimeout or didClose is called when the session ends, as by shoe', async () => {
    const server = await startService(ingress);
    for (const target of ['/s/0/0/websocket', '/s/websocket']) {
      const ws = await server.websocket(target);
      const peer = await server.accept();
      const session = peer.conn._session;
      const calls = [];
      for (const name of ['didTimeout', 'didClose']) {
        const original = session[name];
        if (!original) continue;
        session[name] = function replaced(...args) {
          calls.push(name);
          return original.apply(this, args);
        };
      }
      ws.abort();
      await peer.until('close');
      expect(calls.length).toBeGreaterThan(0);
    }
  });
});
