'use strict';

/*
 * The interfaces of sockjs before 0.3 and of 0.4, which 0.3.24 does not have.
 */

const http = require('http');
const { addition, ingresses, sockjs, throughIngress } = require('./support/library');
const { startServer } = require('./support/server');

const QUIET = { log: () => {}, disconnect_delay: 50 };

describe.each(ingresses)('the interface before 0.3, by the %s ingress', (ingress) => {
  addition("'open', 'message' and send() serve an echo", async () => {
    const service = new sockjs.Server({ prefix: '/s', ...QUIET });
    service.on('open', (conn) => conn.on('message', (event) => conn.send(event.data)));
    const server = await startServer(ingress, {
      install: (target) => service.installHandlers(target),
    });
    const ws = await server.websocket('/s/0/0/websocket');
    expect(await ws.message()).toBe('o');
    ws.send('["old"]');
    expect(await ws.message()).toBe('a["old"]');
  });

  addition('disabled_transports can disable websockets', async () => {
    const service = new sockjs.Server({ ...QUIET, disabled_transports: ['websocket'] });
    const server = await startServer(ingress, {
      install: (target) => service.installHandlers(target, { prefix: '/s' }),
    });
    expect(JSON.parse((await server.get('/s/info')).body).websocket).toBe(false);
    expect((await server.get('/s/0/0/websocket')).status).toBe(404);
  });

  addition(
    "createServer() emits no 'open' or 'message', and its connections have no send()",
    async () => {
      const service = sockjs.createServer({ prefix: '/s', ...QUIET });
      const calls = [];
      service.on('open', () => calls.push('open'));
      service.on('connection', (conn) => {
        conn.on('message', () => calls.push('message'));
        conn.on('data', (message) => conn.write(message));
        calls.push(typeof conn.send);
      });
      const server = await startServer(ingress, {
        install: (target) => service.installHandlers(target),
      });
      const ws = await server.websocket('/s/0/0/websocket');
      expect(await ws.message()).toBe('o');
      ws.send('["a"]');
      expect(await ws.message()).toBe('a["a"]');
      expect(calls).toEqual(['undefined']);
    },
  );
});

describe.each(ingresses)('the interface of 0.4, by the %s ingress', (ingress) => {
  addition('attach() serves, and after detach() the application gets the requests', async () => {
    const service = sockjs.createServer({ prefix: '/s', ...QUIET });
    const server = await startServer(ingress, {
      install: (target) => service.attach(target),
      app: (req, res) => res.end(`app ${req.url}`),
    });
    const connection = server.connect();
    expect((await connection.request('GET', '/s/')).body).toBe('Welcome to SockJS!\n');
    expect((await connection.request('GET', '/')).body).toBe('app /');
    service.detach(server.http);
    expect((await server.get('/s/')).body).toBe('app /s/');
    expect((await connection.request('GET', '/s/')).body).toBe('app /s/');
  });

  addition('only the transports of the option are served, and info lists them', async () => {
    const service = sockjs.createServer({ prefix: '/s', ...QUIET, transports: ['xhr-polling'] });
    const server = await startServer(ingress, {
      install: (target) => service.installHandlers(target),
    });
    expect(JSON.parse((await server.get('/s/info')).body).transports).toEqual(['xhr-polling']);
    expect((await server.post('/s/0/0/xhr')).body).toBe('o\n');
    expect((await server.get('/s/0/1/eventsource')).status).toBe(404);
    expect((await server.post('/s/0/1/xhr_streaming')).status).toBe(404);
    expect((await server.get('/s/websocket')).status).toBe(404);
  });

  addition('an unknown transport is refused', async () => {
    const transports = ['carrier-pigeon'];
    expect(() =>
      throughIngress(ingress, () =>
        sockjs.createServer({ ...QUIET, transports }).installHandlers(http.createServer()),
      ),
    ).toThrow('carrier-pigeon');
  });
});
