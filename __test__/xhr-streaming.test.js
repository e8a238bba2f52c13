'use strict';

const { expectCors, expectNotCached, expectPreflight } = require('./support/headers');
const { ingresses } = require('./support/library');
const { startEcho, startServer } = require('./support/server');

const PRELUDE = `${'h'.repeat(2048)}\n`;

describe.each(ingresses)('xhr-streaming, by the %s ingress', (ingress) => {
  test('answers preflight requests', async () => {
    const server = await startServer(ingress);
    await expectPreflight(server, '/echo/abc/abc/xhr_streaming', 'OPTIONS, POST');
  });

  test('streams a prelude of 2 KiB, then frames', async () => {
    const server = await startServer(ingress);
    const session = server.session('/echo');
    const stream = await server.open('POST', `${session}/xhr_streaming`);
    expect(stream.status).toBe(200);
    expect(stream.headers['content-type']).toBe('application/javascript; charset=UTF-8');
    expectCors(stream);
    expectNotCached(stream);
    expect(await stream.line()).toBe(PRELUDE);
    expect(await stream.line()).toBe('o\n');

    const sent = await server.post(`${session}/xhr_send`, '["x"]');
    expect(sent.status).toBe(204);
    expect(await stream.line()).toBe('a["x"]\n');
  });

  test('each message has a frame of its own while the stream is open', async () => {
    const server = await startServer(ingress);
    const session = server.session('/echo');
    const stream = await server.open('POST', `${session}/xhr_streaming`);
    await stream.until('o\n');
    await server.post(`${session}/xhr_send`, '["a","b"]');
    expect(await stream.line()).toBe('a["a"]\n');
    expect(await stream.line()).toBe('a["b"]\n');
  });

  test('a stream ends when response_limit is reached, and the next one goes on', async () => {
    const server = await startServer(ingress);
    const session = server.session('/echo');
    const stream = await server.open('POST', `${session}/xhr_streaming`);
    await stream.until('o\n');

    // The limit is 4096: the prelude does not count, o and its line feed do.
    const message = `"${'x'.repeat(128)}"`;
    for (let i = 0; i < 31; i++) {
      expect((await server.post(`${session}/xhr_send`, `[${message}]`)).status).toBe(204);
      expect(await stream.line()).toBe(`a[${message}]\n`);
    }
    expect(await stream.rest()).toBe('');

    await server.post(`${session}/xhr_send`, '["next"]');
    const next = await server.open('POST', `${session}/xhr_streaming`);
    expect(await next.line()).toBe(PRELUDE);
    expect(await next.line()).toBe('a["next"]\n');
  });

  test('response_limit is counted in UTF-16 units after escaping, and the frame that reaches it is still sent', async () => {
    // `o\n` has 2 units, `a["é"]\n` 7, `a["\\u200c"]\n` 12: 21 in all.
    const server = await startEcho(ingress, { response_limit: 21 });
    const session = server.session('/s');
    const stream = await server.open('POST', `${session}/xhr_streaming`);
    await stream.until('o\n');
    await server.post(`${session}/xhr_send`, '["é"]');
    expect(await stream.line()).toBe('a["é"]\n');
    await server.post(`${session}/xhr_send`, '["\u200c"]');
    expect(await stream.line()).toBe('a["\\u200c"]\n');
    expect(await stream.rest()).toBe('');
  });

  test('response_limit 0 is no limit', async () => {
    const server = await startEcho(ingress, { response_limit: 0 });
    const session = server.session('/s');
    const stream = await server.open('POST', `${session}/xhr_streaming`);
    await stream.until('o\n');
    const message = 'x'.repeat(200_000);
    for (let i = 0; i < 3; i++) {
      await server.post(`${session}/xhr_send`, `["${message}"]`);
      expect(await stream.line()).toBe(`a["${message}"]\n`);
    }
  });

  test('response_limit can be a numeric string', async () => {
    const server = await startEcho(ingress, { response_limit: '4' });
    const session = server.session('/s');
    const stream = await server.open('POST', `${session}/xhr_streaming`);
    await stream.until('o\n');
    await server.post(`${session}/xhr_send`, '[""]');
    expect(await stream.rest()).toBe('a[""]\n');
  });

  test('a session can change between polling and streaming', async () => {
    const server = await startServer(ingress);
    const session = server.session('/echo');
    expect((await server.post(`${session}/xhr`)).body).toBe('o\n');
    await server.post(`${session}/xhr_send`, '["a"]');
    const stream = await server.open('POST', `${session}/xhr_streaming`);
    expect(await stream.line()).toBe(PRELUDE);
    expect(await stream.line()).toBe('a["a"]\n');
  });
});
