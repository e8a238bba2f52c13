'use strict';

const { once } = require('events');
const http = require('http');
const { expectCors, expectNoCors, expectNotCached, expectPreflight } = require('./support/headers');
const { addition, ingresses } = require('./support/library');
const { listen, startEcho, startServer, startService } = require('./support/server');

describe.each(ingresses)('xhr-polling, by the %s ingress', (ingress) => {
  let server;
  beforeEach(async () => {
    server = await startServer(ingress);
  });

  test.each(['xhr', 'xhr_send'])('%s answers preflight requests', async (name) => {
    await expectPreflight(server, `/echo/abc/abc/${name}`, 'OPTIONS, POST');
  });

  test('polls and sends', async () => {
    const session = server.session('/echo');
    const opened = await server.post(`${session}/xhr`);
    expect(opened.status).toBe(200);
    expect(opened.body).toBe('o\n');
    expect(opened.headers['content-type']).toBe('application/javascript; charset=UTF-8');
    expectCors(opened);
    expectNotCached(opened);

    const sent = await server.post(`${session}/xhr_send`, '["x"]');
    expect(sent.status).toBe(204);
    expect(sent.body).toBe('');
    expect(sent.headers['content-type']).toBe('text/plain; charset=UTF-8');
    expectCors(sent);
    expectNotCached(sent);

    const polled = await server.post(`${session}/xhr`);
    expect(polled.status).toBe(200);
    expect(polled.body).toBe('a["x"]\n');
  });

  test('a poll keeps its headers while it waits, however many others are answered', async () => {
    const session = server.session('/echo');
    await server.post(`${session}/xhr`);
    const polling = server.post(`${session}/xhr`, '', { Origin: 'http://mine.test' });
    for (let n = 0; n < 300; n++) {
      const headers = { Origin: `http://other${n}.test` };
      await server.post(`${server.session('/echo')}/xhr`, '', headers);
    }
    const again = { Origin: 'http://mine.test' };
    await server.post(`${session}/xhr_send`, '["x"]', again);
    const polled = await polling;
    expect(polled.body).toBe('a["x"]\n');
    expect(polled.headers['access-control-allow-origin']).toBe('http://mine.test');
  });

  test('two waiting polls get their Origin back when both are the first with it', async () => {
    const sessions = [server.session('/echo'), server.session('/echo')];
    const headers = { Origin: `http://first-${ingress}.test` };
    for (const session of sessions) await server.post(`${session}/xhr`);
    const polls = sessions.map((session) => server.post(`${session}/xhr`, '', headers));
    for (const session of sessions.reverse()) await server.post(`${session}/xhr_send`, '["x"]');
    for (const polled of await Promise.all(polls)) {
      expect(polled.status).toBe(200);
      expect(polled.headers['access-control-allow-origin']).toBe(headers.Origin);
    }
  });

  test('xhr_send to a session that does not exist gets 404', async () => {
    const response = await server.post(`${server.session('/echo')}/xhr_send`, '["x"]');
    expect(response.status).toBe(404);
    expect(response.body).toBe('404 Error: Page not found\n');
    expectCors(response);
  });

  test.each([
    ['["x', 'Broken JSON encoding.'],
    ['', 'Payload expected.'],
    ['{}', 'Payload expected.'],
    ['"x"', 'Payload expected.'],
    ['null', 'Payload expected.'],
    ['1', 'Payload expected.'],
    ['{"length":1,"0":"x"}', 'Payload expected.'],
    ['["a"],', 'Broken JSON encoding.'],
    ["['a']", 'Broken JSON encoding.'],
    ['\ufeff["a"]', 'Broken JSON encoding.'],
  ])('xhr_send answers the body %j with 500 "%s", and the session lives on', async (body, text) => {
    const session = server.session('/echo');
    await server.post(`${session}/xhr`);
    const response = await server.post(`${session}/xhr_send`, body);
    expect(response.status).toBe(500);
    expect(response.body).toBe(text);
    expectCors(response);

    expect((await server.post(`${session}/xhr_send`, '["a"]')).status).toBe(204);
    expect((await server.post(`${session}/xhr`)).body).toBe('a["a"]\n');
  });

  test('xhr_send checks the body before the session', async () => {
    const session = server.session('/echo');
    expect((await server.post(`${session}/xhr_send`, '["x')).status).toBe(500);
    expect((await server.post(`${session}/xhr_send`, '')).status).toBe(500);
    expect((await server.post(`${session}/xhr_send`, '[]')).status).toBe(404);
  });

  test('xhr_send accepts an empty array and white space around the JSON', async () => {
    const session = server.session('/echo');
    await server.post(`${session}/xhr`);
    expect((await server.post(`${session}/xhr_send`, '[]')).status).toBe(204);
    expect((await server.post(`${session}/xhr_send`, ' \r\n[ "a" ]\t')).status).toBe(204);
    expect((await server.post(`${session}/xhr`)).body).toBe('a["a"]\n');
  });

  test('a body can arrive in chunks', async () => {
    const session = server.session('/echo');
    await server.post(`${session}/xhr`);
    const connection = server.connect();
    connection.wire.write(
      `POST ${session}/xhr_send HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n` +
        '3\r\n["a\r\n2\r\n"]\r\n0\r\n\r\n',
    );
    expect((await connection.response()).status).toBe(204);
    expect((await server.post(`${session}/xhr`)).body).toBe('a["a"]\n');
  });

  test('a large body can arrive in many segments', async () => {
    const session = server.session('/echo');
    await server.post(`${session}/xhr`);
    const message = 'é'.repeat(500_000);
    const connection = server.connect();
    const sent = await connection.request('POST', `${session}/xhr_send`, {
      body: `["${message}"]`,
    });
    expect(sent.status).toBe(204);
    expect((await server.post(`${session}/xhr`)).body).toBe(`a["${message}"]\n`);
  });

  test.each([
    'text/plain',
    'T',
    'application/json',
    'application/xml',
    '',
    'application/json; charset=utf-8',
    'text/xml; charset=utf-8',
    'text/xml',
    'text/plain;x',
  ])('xhr_send accepts the content type "%s"', async (type) => {
    const session = server.session('/echo');
    await server.post(`${session}/xhr`);
    const sent = await server.post(`${session}/xhr_send`, '["a"]', { 'Content-Type': type });
    expect(sent.status).toBe(204);
    expect((await server.post(`${session}/xhr`)).body).toBe('a["a"]\n');
  });

  test.each(['TEXT/PLAIN', 'text/plain ;x', 'application/x-www-form-urlencoded', 'text/html'])(
    'xhr_send refuses the content type "%s"',
    async (type) => {
      const session = server.session('/echo');
      await server.post(`${session}/xhr`);
      const sent = await server.post(`${session}/xhr_send`, '["a"]', { 'Content-Type': type });
      expect(sent.status).toBe(500);
      expect(sent.body).toBe('Payload expected.');
    },
  );

  test('the requested CORS headers are allowed', async () => {
    const asked = await server.post(`${server.session('/echo')}/xhr`, '', {
      'Access-Control-Request-Headers': 'a, b, c',
    });
    expectCors(asked);
    expect(asked.headers['access-control-allow-headers']).toBe('a, b, c');

    for (const headers of [{ 'Access-Control-Request-Headers': '' }, {}]) {
      const response = await server.post(`${server.session('/echo')}/xhr`, '', headers);
      expectCors(response);
      expect(response.headers).not.toHaveProperty('access-control-allow-headers');
    }
  });

  test.each(['http://a.test:80', 'null'])(
    'the origin %s is allowed, with credentials',
    async (Origin) => {
      const session = server.session('/echo');
      expectCors(await server.post(`${session}/xhr`, '', { Origin }), Origin);
      expectCors(await server.post(`${session}/xhr_send`, '["a"]', { Origin }), Origin);
    },
  );

  test('an empty string is a message, and the body of a poll is ignored', async () => {
    const session = server.session('/echo');
    await server.post(`${session}/xhr`, 'whatever');
    await server.post(`${session}/xhr_send`, '[""]');
    expect((await server.post(`${session}/xhr`)).body).toBe('a[""]\n');
  });
});

describe.each(ingresses)('xhr-polling options, by the %s ingress', (ingress) => {
  test('disable_cors leaves out all CORS headers', async () => {
    const server = await startEcho(ingress, { disable_cors: true });
    const session = server.session('/s');
    expectNoCors(await server.post(`${session}/xhr`, '', { Origin: 'http://a.test' }));
    expectNoCors(await server.post(`${session}/xhr_send`, '["a"]', { Origin: 'http://a.test' }));
    const preflight = await server.options(`${session}/xhr`, { Origin: 'http://a.test' });
    expect(preflight.status).toBe(204);
    expect(preflight.headers).not.toHaveProperty('access-control-allow-origin');
    expect(preflight.headers['access-control-allow-methods']).toBe('OPTIONS, POST');
  });

  test('a poll ends after one frame, whatever response_limit says', async () => {
    const server = await startService(ingress, { response_limit: 0 }, (conn) => {
      conn.write('one');
      conn.write('two');
    });
    const session = server.session('/s');
    expect((await server.post(`${session}/xhr`)).body).toBe('o\n');
    expect((await server.post(`${session}/xhr`)).body).toBe('a["one","two"]\n');
  });
});

addition('a poll gets the answers to all messages that came before it', async () => {
  const server = await startEcho('takeover');
  const session = server.session('/s');
  const sender = server.connect();
  await sender.request('POST', `${session}/xhr`);
  await server.accept();

  const other = await listen(http.createServer());
  const polled = other.post(`${session}/xhr`);
  const [request, response] = await once(other.http, 'request');
  const handle = server.service.middleware();

  sender.send('POST', `${session}/xhr_send`, { body: '["a","b"]' });
  // The messages arrive on the I/O thread, but JavaScript cannot handle them.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
  handle(request, response);
  expect((await polled).body).toBe('a["a","b"]\n');
});
