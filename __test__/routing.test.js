'use strict';

const { AsyncLocalStorage } = require('async_hooks');
const { deviation, ingresses, sockjs } = require('./support/library');
const { startEcho, startServer, startService } = require('./support/server');

/** @type {import('http').RequestListener} answers with method, target and body of the request */
function app(req, res) {
  let body = '';
  req.on('data', (chunk) => (body += chunk));
  req.on('end', () => res.end(`app: ${req.method} ${req.url} ${body}`));
}

const install = (httpServer, library, options) => {
  const service = library.createServer();
  service.on('connection', (conn) => conn.on('data', (message) => conn.write(message)));
  return service.installHandlers(httpServer, { prefix: '/s', ...options });
};

describe.each(ingresses)('routing, by the %s ingress', (ingress) => {
  test('requests that are not under the prefix reach the application unchanged', async () => {
    const server = await startServer(ingress, { install, app });
    for (const target of ['/', '/other', '/sx', '/S/', '/s?x', '/x/s/info', '//s/info']) {
      expect((await server.get(target)).body).toBe(`app: GET ${target} `);
    }
    expect((await server.post('/form', 'x=y')).body).toBe('app: POST /form x=y');
    expect((await server.get('http://localhost/s/')).body).toBe('app: GET http://localhost/s/ ');
    expect((await server.get('/s/?x')).body).toBe('Welcome to SockJS!\n');
  });

  test('requests of SockJS and of the application share a keep-alive connection', async () => {
    const server = await startServer(ingress, { install, app });
    const session = server.session('/s');
    const connection = server.connect();
    for (let i = 0; i < 5; i++) {
      const opened = await connection.request('POST', `${session}${i}/xhr`);
      expect(opened.body).toBe('o\n');
      const other = await connection.request('POST', '/form', { body: `round ${i}` });
      expect(other.body).toBe(`app: POST /form round ${i}`);
      const body = `["${i}"]`;
      const sent = await connection.request('POST', `${session}${i}/xhr_send`, { body });
      expect(sent.status).toBe(204);
      expect((await connection.request('GET', '/')).body).toBe('app: GET / ');
      const polled = await connection.request('POST', `${session}${i}/xhr`);
      expect(polled.body).toBe(`a${body}\n`);
    }
  });

  test('requests of SockJS and of the application can be pipelined', async () => {
    const server = await startServer(ingress, { install, app });
    const session = server.session('/s');
    const connection = server.connect();
    connection.send('POST', `${session}/xhr`);
    connection.send('POST', '/a', { body: 'A' });
    connection.send('POST', `${session}/xhr_send`, { body: '["x"]' });
    connection.send('GET', '/b');
    connection.send('POST', `${session}/xhr`);
    const answers = [];
    for (let i = 0; i < 5; i++) answers.push(await (await connection.response()).rest());
    expect(answers).toEqual(['o\n', 'app: POST /a A', '', 'app: GET /b ', 'a["x"]\n']);
  });

  test('a large body for the application can follow a SockJS request', async () => {
    const server = await startServer(ingress, { install, app });
    const connection = server.connect();
    await connection.request('GET', '/s/');
    const body = 'x'.repeat(1_000_000);
    expect((await connection.request('POST', '/up', { body })).body).toBe(`app: POST /up ${body}`);
    expect((await connection.request('GET', '/s/')).body).toBe('Welcome to SockJS!\n');
  });

  test('the application can upgrade a connection after a SockJS request', async () => {
    const server = await startServer(ingress, {
      app,
      install(httpServer, library) {
        httpServer.on('upgrade', (req, socket) => {
          socket.end(`HTTP/1.1 101 Switching\r\nX-Url: ${req.url}\r\n\r\n`);
        });
        install(httpServer, library);
      },
    });
    const ws = await server.websocket('/s/websocket');
    ws.send('a');
    expect(await ws.message()).toBe('a');

    const connection = server.connect();
    await connection.request('GET', '/s/');
    connection.send('GET', '/app', { headers: { Connection: 'Upgrade', Upgrade: 'x' } });
    const response = await connection.response();
    expect(response.status).toBe(101);
    expect(response.headers['x-url']).toBe('/app');

    const own = server.connect();
    await own.request('GET', '/s/');
    own.send('GET', '/s/websocket', {
      headers: {
        Connection: 'Upgrade',
        Upgrade: 'websocket',
        'Sec-WebSocket-Version': '13',
        'Sec-WebSocket-Key': 'a',
      },
    });
    expect((await own.response()).status).toBe(101);
  });

  test('the prefix is a regular expression', async () => {
    const server = await startEcho(ingress, { prefix: '[/]e[ck]ho' });
    expect((await server.get('/echo/')).body).toBe('Welcome to SockJS!\n');
    expect((await server.post(`${server.session('/ekho')}/xhr`)).body).toBe('o\n');
    expect((await server.accept()).conn.prefix).toBe('[/]e[ck]ho');
  });

  test('the prefix can match anywhere in the target', async () => {
    const server = await startEcho(ingress, { prefix: '.*/__sockjs__(?:/[no]=\\w+)?' });
    for (const prefix of [
      '/__sockjs__',
      '/a/b/__sockjs__',
      '/__sockjs__/n=abc',
      '/x/__sockjs__/o=1',
    ]) {
      expect((await server.post(`${server.session(prefix)}/xhr`)).body).toBe('o\n');
      const ws = await server.websocket(`${prefix}/0/0/websocket`);
      expect(await ws.message()).toBe('o');
    }
  });

  deviation(6, 'a group in the prefix does not shift the session part', async () => {
    const server = await startEcho(ingress, { prefix: '.*/__sockjs__(/[no]=\\w+)?' });
    expect((await server.post('/__sockjs__/n=x/000/a/xhr')).body).toBe('o\n');
    expect((await server.post('/__sockjs__/n=x/000/b/xhr')).body).toBe('o\n');
    expect((await server.post('/__sockjs__/n=x/000/a/xhr_send', '["a"]')).status).toBe(204);
    expect((await server.post('/__sockjs__/n=x/000/a/xhr')).body).toBe('a["a"]\n');
  });

  test('a prefix with an optional segment does not match the session part', async () => {
    const server = await startEcho(ingress, { prefix: '/(?:[^/]+)?' });
    expect((await server.post(`${server.session('/app')}/xhr`)).body).toBe('o\n');
    expect((await server.post(`${server.session('/app')}/xhr`)).body).toBe('o\n');
  });

  test('an empty prefix matches every path', async () => {
    const server = await startService(ingress, { prefix: '' }, undefined, { app });
    expect((await server.get('/')).body).toBe('Welcome to SockJS!\n');
    expect((await server.get('/other')).body).toBe('404 Error: Page not found\n');
    expect((await server.post(`${server.session('')}/xhr`)).body).toBe('o\n');
  });

  test('a backslash in the path counts as a slash after the prefix', async () => {
    const server = await startServer(ingress, { install, app });
    expect((await server.post('/s/0\\back/xhr')).body).toBe('o\n');
    expect((await server.get('\\s/info')).status).not.toBe(200);
  });

  test('installHandlers returns true and can be called several times', async () => {
    const results = [];
    const server = await startServer(ingress, {
      app,
      install(httpServer, library) {
        results.push(install(httpServer, library));
        results.push(install(httpServer, library, { prefix: '/t', websocket: false }));
      },
    });
    expect(results).toEqual([true, true]);
    expect(JSON.parse((await server.get('/s/info')).body).websocket).toBe(true);
    expect(JSON.parse((await server.get('/t/info')).body).websocket).toBe(false);
    expect((await server.post('/s/0/several/xhr')).body).toBe('o\n');
    expect((await server.post('/t/0/several2/xhr')).body).toBe('o\n');
    expect((await server.get('/u')).body).toBe('app: GET /u ');
  });

  test('two services share a keep-alive connection', async () => {
    const server = await startServer(ingress);
    const connection = server.connect();
    expect((await connection.request('POST', '/echo/0/shared1/xhr')).body).toBe('o\n');
    expect((await connection.request('POST', '/close/0/shared2/xhr')).body).toBe('o\n');
    expect((await connection.request('POST', '/close/0/shared2/xhr')).body).toBe(
      'c[3000,"Go away!"]\n',
    );
    expect((await connection.request('GET', '/disabled_websocket_echo/')).status).toBe(200);
  });

  deviation(2, 'a request under one prefix does not reach the session of another', async () => {
    const server = await startServer(ingress);
    expect((await server.post('/echo/0/private/xhr')).body).toBe('o\n');
    expect((await server.post('/close/0/private/xhr_send', '["a"]')).status).toBe(404);
    expect((await server.post('/cookie_needed_echo/0/private/xhr_send', '["a"]')).status).toBe(404);
    expect((await server.post('/close/0/private/xhr')).body).toBe('o\n');
  });

  test('one service on two http servers has one set of sessions', async () => {
    let service;
    const both = (httpServer, library) => {
      if (!service) {
        service = library.createServer({ prefix: '/s' });
        service.on('connection', (conn) => conn.on('data', (message) => conn.write(message)));
      }
      service.installHandlers(httpServer);
    };
    const one = await startServer(ingress, { install: both });
    const two = await startServer(ingress, { install: both });
    const session = one.session('/s');
    expect((await one.post(`${session}/xhr`)).body).toBe('o\n');
    expect((await two.post(`${session}/xhr_send`, '["a"]')).status).toBe(204);
    expect((await one.post(`${session}/xhr`)).body).toBe('a["a"]\n');
  });

  test('request listeners added later also see SockJS requests', async () => {
    const seen = [];
    const server = await startServer(ingress, { install, app });
    await server.get('/s/');
    server.http.on('request', (req) => seen.push(req.url));
    const connection = server.connect();
    await connection.request('GET', '/s/');
    await connection.request('GET', '/s/info');
    expect(seen).toEqual(['/s/', '/s/info']);
  });

  test('a request listener added later sees requests of open connections', async () => {
    const seen = [];
    const server = await startServer(ingress, { install, app });
    const connection = server.connect();
    await connection.request('GET', '/s/');
    server.http.on('request', (req) => seen.push(req.url));
    await connection.request('GET', '/s/info');
    expect(seen).toEqual(['/s/info']);
  });

  test('req.url is read when the handler is called, so a wrapper can rewrite it', async () => {
    const server = await startServer(ingress, { install });
    for (const event of ['request', 'upgrade']) {
      const listeners = server.http.listeners(event);
      server.http.removeAllListeners(event);
      server.http.on(event, function rewritten(req, ...rest) {
        req.url = req.url.replace(/^\/base/, '/s');
        for (const listener of listeners) listener.call(this, req, ...rest);
      });
    }
    expect((await server.post('/base/0/rewritten/xhr')).body).toBe('o\n');
    const ws = await server.websocket('/base/websocket');
    ws.send('a');
    expect(await ws.message()).toBe('a');
  });

  test("'connection' keeps the AsyncLocalStorage context of its request", async () => {
    const storage = new AsyncLocalStorage();
    const stores = [];
    const server = await startService(ingress, {}, () => stores.push(storage.getStore()));
    for (const event of ['request', 'upgrade']) {
      const [listener] = server.http.listeners(event);
      server.http.removeAllListeners(event);
      server.http.on(event, (req, ...rest) => storage.run(req.url, () => listener(req, ...rest)));
    }
    await server.post('/s/0/context/xhr');
    expect(stores).toEqual(['/s/0/context/xhr']);
  });

  test('handlers of getHandler() and middleware() return whether they serve the request', async () => {
    let middleware;
    const server = await startServer(ingress, {
      install(httpServer, library) {
        const service = library.createServer({ prefix: '/s' });
        service.on('connection', (conn) => conn.on('data', (message) => conn.write(message)));
        middleware = service.middleware({ prefix: '/m' });
        const handler = service.listener().getHandler();
        httpServer.on('request', (req, res) => {
          const served = [handler(req, res), middleware(req, res, () => res.end('never'))];
          if (!served.includes(true)) res.end(`app: ${served}`);
        });
        httpServer.on('upgrade', (req, socket, head) => {
          const served = handler(req, socket, head) || middleware.upgrade(req, socket, head);
          if (!served) socket.destroy();
        });
      },
    });
    expect(middleware.upgrade).toBe(middleware);
    expect((await server.get('/x')).body).toBe('app: false,false');
    for (const prefix of ['/s', '/m']) {
      expect((await server.get(`${prefix}/`)).body).toBe('Welcome to SockJS!\n');
      const session = server.session(prefix);
      expect((await server.post(`${session}/xhr`)).body).toBe('o\n');
      expect((await server.post(`${session}/xhr_send`, '["a"]')).status).toBe(204);
      expect((await server.post(`${session}/xhr`)).body).toBe('a["a"]\n');
      const ws = await server.websocket(`${session}/websocket`);
      expect(await ws.message()).toBe('o');
    }
  });

  test('a waiting poll has its head written, so that a timeout middleware sees headersSent', async () => {
    const service = sockjs.createServer({ prefix: '/s', log: () => {} });
    const middleware = service.middleware();
    const written = [];
    const server = await startServer(ingress, {
      install(httpServer) {
        httpServer.on('request', (req, res) => {
          middleware(req, res);
          written.push(res.headersSent);
        });
      },
    });
    const session = server.session('/s');
    expect((await server.post(`${session}/xhr`)).body).toBe('o\n');
    const poll = server.open('POST', `${session}/xhr`);
    await server.get('/s/');
    expect(written).toEqual([true, true, true]);
    server.disconnect();
    await poll.catch(() => {});
  });

  test('headers that were set before the handler are sent', async () => {
    const server = await startServer(ingress, { install });
    const [listener] = server.http.listeners('request');
    server.http.removeAllListeners('request');
    server.http.on('request', (req, res) => {
      res.setHeader('X-Powered-By', 'tests');
      listener.call(server.http, req, res);
    });
    const response = await server.post('/s/0/wrapped/xhr');
    expect(response.headers['x-powered-by']).toBe('tests');
    expect(response.body).toBe('o\n');
  });

  test('listen() creates a server and installs its handlers', async () => {
    let service;
    const server = await startServer(ingress, {
      app,
      install(httpServer) {
        service = sockjs.listen(httpServer, { prefix: '/s', log: () => {}, disconnect_delay: 50 });
      },
    });
    service.on('connection', (conn) => conn.close(3000, 'listened'));
    expect((await server.get('/x')).body).toBe('app: GET /x ');
    expect(await (await server.open('POST', '/s/0/listened/xhr_streaming')).rest()).toMatch(
      /o\nc\[3000,"listened"\]\n$/,
    );
  });

  test('server.options has the defaults of 0.3.24 and the given options', () => {
    const { options } = sockjs.createServer({ prefix: '/x', extra: 1 });
    expect(options).toMatchObject({
      prefix: '/x',
      response_limit: 131072,
      websocket: true,
      faye_server_options: null,
      jsessionid: false,
      heartbeat_delay: 25000,
      disconnect_delay: 5000,
      log: expect.any(Function),
      sockjs_url: 'https://cdn.jsdelivr.net/npm/sockjs-client@1/dist/sockjs.min.js',
      extra: 1,
    });
  });
});
