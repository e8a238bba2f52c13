'use strict';

const { deviation, ingresses, survival } = require('./support/library');
const { startEcho, startServer } = require('./support/server');

describe.each(ingresses)('websocket http errors, by the %s ingress', (ingress) => {
  let server;
  beforeEach(async () => {
    server = await startServer(ingress);
  });

  /** Sends a handshake that is refused. @returns the answer, when the connection has ended */
  async function refused(target, options) {
    const connection = server.handshake(target, options);
    const response = await connection.response();
    response.body = await response.rest();
    await connection.end();
    return response;
  }

  for (const target of ['/echo/0/0/websocket', '/echo/websocket']) {
    test(`GET ${target} without an upgrade gets 400`, async () => {
      const response = await server.get(target);
      expect(response.status).toBe(400);
      expect(response.body).toBe('Not a valid websocket request');
    });

    test(`GET ${target} whose Connection header does not say Upgrade gets 400`, async () => {
      const response = await server.get(target, { Upgrade: 'WebSocket', Connection: 'close' });
      expect(response.status).toBe(400);
      expect(response.body).toBe('Not a valid websocket request');
    });

    test(`an upgrade to something else than a websocket gets 400 at ${target}`, async () => {
      const response = await refused(target, { headers: { Upgrade: 'h2c' } });
      expect(response.status).toBe(400);
      expect(response.body).toBe('Not a valid websocket request');
      expect(response.headers.connection).toBe('close');
    });

    test(`POST ${target} gets 405, with and without an upgrade`, async () => {
      for (const response of [
        await server.post(target),
        await refused(target, { method: 'POST', headers: { 'Content-Length': '0' } }),
      ]) {
        expect(response.status).toBe(405);
        expect(response.headers.allow).toBe('GET');
        expect(response.headers).not.toHaveProperty('content-type');
        expect(response.body).toBe('');
      }
    });
  }

  test.each(['8', '12', '7', '013', '13, 8'])('version %s is refused with 400', async (version) => {
    const response = await refused('/echo/0/0/websocket', {
      headers: { 'Sec-WebSocket-Version': version },
    });
    expect(response.status).toBe(400);
    expect(response.headers['content-type']).toBe('text/plain');
    expect(response.body).toBe(`Unsupported WebSocket version: ${version}`);
  });

  test('a missing version is refused with 400', async () => {
    const response = await refused('/echo/0/0/websocket', {
      headers: { 'Sec-WebSocket-Version': undefined },
    });
    expect(response.status).toBe(400);
    expect(response.body).toBe('Unsupported WebSocket version: undefined');
  });

  test('a missing key is refused with 400', async () => {
    for (const target of ['/echo/0/0/websocket', '/echo/websocket']) {
      const response = await refused(target, { headers: { 'Sec-WebSocket-Key': undefined } });
      expect(response.status).toBe(400);
      expect(response.body).toBe('Missing handshake request header: Sec-WebSocket-Key');
    }
  });

  test('a raw websocket of version 8 is refused by the handshake, another version before it', async () => {
    const send = (version) =>
      refused('/echo/websocket', { headers: { 'Sec-WebSocket-Version': version } });
    const eight = await send('8');
    expect(eight.status).toBe(400);
    expect(eight.body).toBe('Unsupported WebSocket version: 8');
    for (const version of ['7', '14', undefined]) {
      const response = await send(version);
      expect(response.status).toBe(400);
      expect(response.body).toBe('Only supported WebSocket protocol is RFC 6455.');
    }
  });

  test('routes of disabled websockets get 404', async () => {
    for (const target of ['/0/0/websocket', '/websocket']) {
      const plain = await server.get(`/disabled_websocket_echo${target}`);
      expect(plain.status).toBe(404);
      expect(plain.headers['cache-control']).toBe('public, max-age=31536000');
      expect(plain.body).toBe('404 Error: Page not found\n');
      const upgrade = await refused(`/disabled_websocket_echo${target}`);
      expect(upgrade.status).toBe(404);
      expect(upgrade.body).toBe('404 Error: Page not found\n');
    }
  });

  test('an upgrade of a path that does not exist gets 404, and the connection ends', async () => {
    const response = await refused('/echo/a/b/c/websocket');
    expect(response.status).toBe(404);
    expect(response.headers.connection).toBe('close');
    expect(response.body).toBe('404 Error: Page not found\n');
  });

  deviation(3, 'hixie-75 is refused with 400', async () => {
    const hixie75 = { 'Sec-WebSocket-Version': undefined, 'Sec-WebSocket-Key': undefined };
    expect((await refused('/echo/0/0/websocket', { headers: hixie75 })).status).toBe(400);
    // 0.3.24 treats empty keys of Hixie-76 as missing.
    const headers = { ...hixie75, 'Sec-WebSocket-Key1': '', 'Sec-WebSocket-Key2': '' };
    expect((await refused('/echo/0/0/websocket', { headers })).status).toBe(400);
  });

  for (const [target, status, body] of [
    ['/echo/', 200, 'Welcome to SockJS!\n'],
    ['/echo/0/0/jsonp?c=x', 200, '/**/x("o");\r\n'],
    ['/echo/0/0/jsonp', 500, '"callback" parameter required'],
    ['/echo/0/0/xhr', 405, ''],
  ]) {
    test(`an upgrade of ${target} is answered as a plain request, and the connection ends`, async () => {
      const response = await refused(target);
      expect(response.status).toBe(status);
      expect(response.body).toMatch(body);
      expect(response.headers.connection).toBe('close');
    });
  }

  survival(
    3,
    'an upgrade of info, the iframe page or a preflight is answered as a plain request',
    async () => {
      const info = await refused('/echo/info');
      expect(info.status).toBe(200);
      expect(JSON.parse(info.body).websocket).toBe(true);
      const page = await refused('/echo/iframe.html');
      expect(page.status).toBe(200);
      expect(page.body).toMatch(/^<!DOCTYPE html>/);
      const preflight = await refused('/echo/info', { method: 'OPTIONS' });
      expect(preflight.status).toBe(204);
      expect((await server.get('/echo/')).status).toBe(200);
    },
  );

  survival(
    3,
    'an upgrade of a stream opens a session, which ends with its connection',
    async () => {
      const echo = await startEcho(ingress, { disconnect_delay: 60_000 });
      const session = echo.session('/s');
      const connection = echo.handshake(`${session}/eventsource`);
      const stream = await connection.response();
      expect(stream.status).toBe(200);
      expect(await stream.until('o\r\n\r\n')).toBe('\r\ndata: o\r\n\r\n');
      await echo.post(`${session}/xhr_send`, '["a"]');
      expect(await stream.until('\r\n\r\n')).toBe('data: a["a"]\r\n\r\n');
      connection.abort();
      await (await echo.accept()).until('close');
    },
  );
});
