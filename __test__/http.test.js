'use strict';

const { ingresses } = require('./support/library');
const { startEcho, startServer } = require('./support/server');

const KEEP_ALIVE = { Connection: 'keep-alive' };
const WELCOME = 'Welcome to SockJS!\n';
const CLOSED_STREAM = `${'h'.repeat(2048)}\no\nc[3000,"Go away!"]\n`;

describe.each(ingresses)('HTTP/1.0, by the %s ingress', (ingress) => {
  test('an answer is never chunked: it has a length or ends its connection', async () => {
    const server = await startServer(ingress);
    const connection = server.connect();
    connection.send('GET', '/echo/', { version: '1.0', headers: KEEP_ALIVE });
    const response = await connection.response();
    expect(response.status).toBe(200);
    expect(response.headers).not.toHaveProperty('transfer-encoding');
    const { 'content-length': length, connection: kept } = response.headers;
    if (length === undefined) {
      expect(kept).toBe('close');
      expect(await response.rest()).toBe(WELCOME);
      await connection.end();
    } else {
      expect(length).toBe(String(WELCOME.length));
      expect(await response.rest()).toBe(WELCOME);
    }
  });

  test('a stream ends its connection', async () => {
    const server = await startServer(ingress);
    const connection = server.connect();
    connection.send('POST', `${server.session('/close')}/xhr_streaming`, {
      version: '1.0',
      headers: KEEP_ALIVE,
    });
    const response = await connection.response();
    expect(response.status).toBe(200);
    expect(response.headers).not.toHaveProperty('transfer-encoding');
    expect(response.headers).not.toHaveProperty('content-length');
    expect(await response.rest()).toBe(CLOSED_STREAM);
    await connection.end();
  });

  test('without keep-alive the connection ends after any answer', async () => {
    const server = await startServer(ingress);
    for (const target of ['/echo/', '/echo/info', '/echo/nowhere']) {
      const connection = server.connect();
      connection.send('GET', target, { version: '1.0' });
      await (await connection.response()).rest();
      await connection.end();
    }
  });
});

describe.each(ingresses)('HTTP/1.1, by the %s ingress', (ingress) => {
  test('answers keep the connection open', async () => {
    const server = await startServer(ingress);
    const connection = server.connect();
    for (let i = 0; i < 3; i++) {
      const response = await connection.request('GET', '/echo/', { headers: KEEP_ALIVE });
      expect(response.version).toBe('1.1');
      expect(response.status).toBe(200);
      expect(response.headers.connection ?? 'keep-alive').toBe('keep-alive');
      expect(response.body).toBe(WELCOME);
    }
  });

  test('"Connection: close" ends the connection after the answer', async () => {
    const server = await startServer(ingress);
    const connection = server.connect();
    const response = await connection.request('POST', `${server.session('/echo')}/xhr`, {
      headers: { Connection: 'close' },
    });
    expect(response.body).toBe('o\n');
    expect(response.headers.connection).toBe('close');
    await connection.end();
  });

  test('a stream is chunked, ends with its last chunk, and keeps its connection', async () => {
    const server = await startServer(ingress);
    const connection = server.connect();
    connection.send('POST', `${server.session('/close')}/xhr_streaming`, { headers: KEEP_ALIVE });
    const response = await connection.response();
    expect(response.headers['transfer-encoding']).toBe('chunked');
    expect(response.headers).not.toHaveProperty('content-length');
    expect(await response.rest()).toBe(CLOSED_STREAM);
    expect(response.truncated).toBe(false);
    expect((await connection.request('GET', '/echo/')).body).toBe(WELCOME);
  });

  test('a whole polling session fits on one connection', async () => {
    const server = await startServer(ingress);
    const session = server.session('/echo');
    const connection = server.connect();
    expect((await connection.request('POST', `${session}/xhr`)).body).toBe('o\n');
    for (let i = 0; i < 20; i++) {
      const body = `["message ${i}"]`;
      expect((await connection.request('POST', `${session}/xhr_send`, { body })).status).toBe(204);
      expect((await connection.request('POST', `${session}/xhr`)).body).toBe(`a${body}\n`);
    }
  });

  test('pipelined requests are answered in order', async () => {
    const server = await startServer(ingress);
    const session = server.session('/echo');
    const connection = server.connect();
    connection.send('POST', `${session}/xhr`);
    connection.send('POST', `${session}/xhr_send`, { body: '["a"]' });
    connection.send('GET', '/echo/');
    connection.send('POST', `${session}/xhr`);
    const answers = [];
    for (let i = 0; i < 4; i++) answers.push(await (await connection.response()).rest());
    expect(answers).toEqual(['o\n', '', WELCOME, 'a["a"]\n']);
  });

  test('a request that waits behind a stream is answered after it', async () => {
    const server = await startServer(ingress);
    const connection = server.connect();
    connection.send('POST', `${server.session('/close')}/xhr_streaming`);
    connection.send('GET', '/echo/');
    expect(await (await connection.response()).rest()).toBe(CLOSED_STREAM);
    expect(await (await connection.response()).rest()).toBe(WELCOME);
  });

  test('head and body of a request can arrive byte by byte', async () => {
    const server = await startServer(ingress);
    const session = server.session('/echo');
    await server.post(`${session}/xhr`);
    const connection = server.connect();
    const head = `POST ${session}/xhr_send HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n`;
    for (const byte of head) connection.wire.write(byte);
    for (const byte of '["a"]') connection.wire.write(byte);
    expect((await connection.response()).status).toBe(204);
    expect((await server.post(`${session}/xhr`)).body).toBe('a["a"]\n');
  });

  test('"Expect: 100-continue" is answered before the body', async () => {
    const server = await startServer(ingress);
    const session = server.session('/echo');
    await server.post(`${session}/xhr`);
    const connection = server.connect();
    connection.wire.write(
      `POST ${session}/xhr_send HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n`,
    );
    await connection.wire.read(
      () => connection.wire.buffer.includes('HTTP/1.1 100 Continue\r\n\r\n') || undefined,
      '100 Continue',
    );
    connection.wire.take('HTTP/1.1 100 Continue\r\n\r\n'.length);
    connection.wire.write('["a"]');
    expect((await connection.response()).status).toBe(204);
  });

  test.each([
    ['an invalid first line', 'GARBAGE\r\n\r\n'],
    ['an invalid length', 'GET /echo/ HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n'],
    ['an invalid header', 'GET /echo/ HTTP/1.1\r\nHost: a\r\n broken\0: x\r\n\r\n'],
  ])('a request with %s gets 400', async (_, bytes) => {
    const server = await startServer(ingress);
    const connection = server.connect();
    connection.wire.write(bytes);
    expect((await connection.response()).status).toBe(400);
    await connection.end();

    // The same on a connection that has had an answer already.
    const used = server.connect();
    await used.request('GET', '/echo/');
    used.wire.write(bytes);
    expect((await used.response()).status).toBe(400);
    await used.end();
  });

  test('a request with Content-Length and Transfer-Encoding gets 400', async () => {
    const server = await startServer(ingress);
    const session = server.session('/echo');
    await server.post(`${session}/xhr`);
    const connection = server.connect();
    await connection.request('GET', '/echo/');
    connection.wire.write(
      `POST ${session}/xhr_send HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n` +
        'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    );
    expect((await connection.response()).status).toBe(400);
    await connection.end();
  });

  test('an empty line between two requests is ignored', async () => {
    const server = await startEcho(ingress);
    const connection = server.connect();
    await connection.request('GET', '/s/');
    for (let i = 0; i < 2; i++) {
      connection.wire.write('\r\nGET /s/ HTTP/1.1\r\nHost: a\r\n\r\n');
      const response = await connection.response();
      expect([response.status, await response.rest()]).toEqual([200, 'Welcome to SockJS!\n']);
    }
  });

  test('a head that is too large gets 431', async () => {
    const server = await startEcho(ingress);
    const connection = server.connect();
    await connection.request('GET', '/s/');
    connection.send('GET', '/s/info', { headers: { 'X-Large': 'x'.repeat(20_000) } });
    expect((await connection.response()).status).toBe(431);
  });
});
