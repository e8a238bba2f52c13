'use strict';

const { expectCors, expectNotCached } = require('./support/headers');
const { ingresses } = require('./support/library');
const { startEcho, startServer, startService } = require('./support/server');

const END = '\r\n\r\n';

describe.each(ingresses)('eventsource, by the %s ingress', (ingress) => {
  test('streams a line break as prelude, then frames as events', async () => {
    const server = await startServer(ingress);
    const session = server.session('/echo');
    const stream = await server.open('GET', `${session}/eventsource`);
    expect(stream.status).toBe(200);
    expect(stream.headers['content-type']).toBe('text/event-stream');
    expectCors(stream);
    expectNotCached(stream);
    expect(await stream.line()).toBe('\r\n');
    expect(await stream.until(END)).toBe(`data: o${END}`);

    await server.post(`${session}/xhr_send`, '["x"]');
    expect(await stream.until(END)).toBe(`data: a["x"]${END}`);
    await server.post(`${session}/xhr_send`, '["  \\u0000\\n\\r "]');
    expect(await stream.until(END)).toBe(`data: a["  \\u0000\\n\\r "]${END}`);
  });

  test('writes percent signs, and line breaks of a close reason, as escapes', async () => {
    const server = await startService(ingress, {}, (conn) => {
      conn.write('100%');
      conn.close(3000, 'a%\r\n\0b');
    });
    const stream = await server.open('GET', `${server.session('/s')}/eventsource`);
    expect(await stream.rest()).toBe(
      `\r\ndata: o${END}data: a["100%25"]${END}data: c[3000,"a%25\\r\\n\\u0000b"]${END}`,
    );
  });

  test('a stream ends when response_limit is reached', async () => {
    const server = await startServer(ingress);
    const session = server.session('/echo');
    const stream = await server.open('GET', `${session}/eventsource`);
    expect(await stream.until(`o${END}`)).toBe(`\r\ndata: o${END}`);
    const message = 'x'.repeat(4096);
    await server.post(`${session}/xhr_send`, `["${message}"]`);
    expect(await stream.rest()).toBe(`data: a["${message}"]${END}`);
  });

  test('the framing counts towards response_limit, the prelude does not', async () => {
    // `data: o\r\n\r\n` has 11 characters, `data: a["x"]\r\n\r\n` has 16.
    const server = await startEcho(ingress, { response_limit: 27 });
    const session = server.session('/s');
    const stream = await server.open('GET', `${session}/eventsource`);
    await stream.until(`o${END}`);
    await server.post(`${session}/xhr_send`, '["x"]');
    expect(await stream.rest()).toBe(`data: a["x"]${END}`);
  });

  test('allows the requesting origin, but answers null with *', async () => {
    const server = await startServer(ingress);
    const open = (Origin) =>
      server.open('GET', `${server.session('/echo')}/eventsource`, { headers: { Origin } });
    expectCors(await open('http://a.test'), 'http://a.test');
    expectCors(await open('null'));
  });

  test('disable_cors does not remove its CORS headers', async () => {
    const server = await startEcho(ingress, { disable_cors: true });
    expectCors(await server.open('GET', `${server.session('/s')}/eventsource`));
  });

  test('the requested CORS headers are allowed', async () => {
    const server = await startServer(ingress);
    const stream = await server.open('GET', `${server.session('/echo')}/eventsource`, {
      headers: { 'Access-Control-Request-Headers': 'x-a' },
    });
    expect(stream.headers['access-control-allow-headers']).toBe('x-a');
  });
});
