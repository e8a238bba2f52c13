'use strict';

const { ingresses } = require('./support/library');
const { delay } = require('./support/wait');
const { startEcho, startServer, startService } = require('./support/server');

describe.each(ingresses)('handling close, by the %s ingress', (ingress) => {
  test('a stream ends after the c frame, and the next stream gets the same frame', async () => {
    const server = await startServer(ingress);
    const session = server.session('/close');
    const first = await server.open('POST', `${session}/xhr_streaming`);
    await first.line();
    expect(await first.line()).toBe('o\n');
    expect(await first.line()).toBe('c[3000,"Go away!"]\n');
    expect(await first.rest()).toBe('');
    const second = await server.open('POST', `${session}/xhr_streaming`);
    await second.line();
    expect(await second.line()).toBe('c[3000,"Go away!"]\n');
    expect(await second.rest()).toBe('');
  });

  test.each([
    ['GET', 'eventsource', '\r\ndata: c[3000,"Go away!"]\r\n\r\n'],
    ['GET', 'jsonp?c=x', '/**/x("c[3000,\\"Go away!\\"]");\r\n'],
    ['POST', 'xhr', 'c[3000,"Go away!"]\n'],
    ['GET', 'htmlfile?c=x', /<script>\np\("c\[3000,\\"Go away!\\"\]"\);\n<\/script>\r\n$/],
  ])('a closed session repeats its c frame by %s …/%s', async (method, transport, expected) => {
    const server = await startServer(ingress);
    const session = server.session('/close');
    await server.post(`${session}/xhr`);
    const { body } = await server.request(method, `${session}/${transport}`);
    expect(body).toEqual(expected instanceof RegExp ? expect.stringMatching(expected) : expected);
  });

  test('a second stream is refused with 2010, and the first goes on', async () => {
    const server = await startServer(ingress);
    const session = server.session('/echo');
    const first = await server.open('POST', `${session}/xhr_streaming`);
    await first.until('o\n');
    const second = await server.open('POST', `${session}/xhr_streaming`);
    await second.line();
    expect(await second.line()).toBe('c[2010,"Another connection still open"]\n');
    expect(await second.rest()).toBe('');
    await server.post(`${session}/xhr_send`, '["a"]');
    expect(await first.line()).toBe('a["a"]\n');
  });

  test('aborting a stream closes the session at once and frees its id', async () => {
    const server = await startEcho(ingress, { disconnect_delay: 60_000 });
    const session = server.session('/s');
    const stream = await server.open('POST', `${session}/xhr_streaming`);
    await stream.until('o\n');
    const peer = await server.accept();
    stream.abort();
    await peer.until('close');
    expect(peer.events).toEqual([['end'], ['close']]);
    expect((await server.post(`${session}/xhr_send`, '["a"]')).status).toBe(404);
    const next = await server.open('POST', `${session}/xhr_streaming`);
    await next.line();
    expect(await next.line()).toBe('o\n');
    next.abort();
  });

  test.each([
    ['GET', 'eventsource'],
    ['GET', 'htmlfile?c=x'],
  ])('aborting %s …/%s closes the session at once', async (method, transport) => {
    const server = await startEcho(ingress, { disconnect_delay: 60_000 });
    const stream = await server.open(method, `${server.session('/s')}/${transport}`);
    const peer = await server.accept();
    stream.abort();
    await peer.until('close');
  });

  test.each([
    ['POST', 'xhr'],
    ['GET', 'jsonp?c=x'],
  ])('aborting a waiting %s …/%s closes the session at once', async (method, transport) => {
    const server = await startEcho(ingress, { disconnect_delay: 60_000 });
    const session = server.session('/s');
    const poll = await server.poll(`${session}/${transport}`, method);
    const peer = await server.accept();
    poll.abort();
    await peer.until('close');
    expect(peer.events).toEqual([['end'], ['close']]);
    expect((await server.post(`${session}/xhr_send`, '["a"]')).status).toBe(404);
  });

  test('a client that half-closes during a stream ends its session', async () => {
    const server = await startEcho(ingress, { disconnect_delay: 60_000 });
    const connection = server.connect();
    connection.send('POST', `${server.session('/s')}/xhr_streaming`);
    await (await connection.response()).until('o\n');
    const peer = await server.accept();
    connection.wire.socket.end();
    await peer.until('close');
  });

  test('a request that comes together with a half-close is answered; a poll that waits is aborted', async () => {
    const server = await startEcho(ingress, { disconnect_delay: 60_000 });
    const session = server.session('/s');
    const info = server.connect();
    info.wire.socket.end('GET /s/info HTTP/1.1\r\nHost: localhost\r\n\r\n');
    expect((await info.response()).status).toBe(200);
    await server.post(`${session}/xhr`);
    const peer = await server.accept();
    const poll = `POST ${session}/xhr HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n`;
    server.connect().wire.socket.end(poll);
    await peer.until('close');
  });

  test('a session without a poll closes after disconnect_delay', async () => {
    const server = await startEcho(ingress, { disconnect_delay: 500 });
    const session = server.session('/s');
    const start = performance.now();
    await server.post(`${session}/xhr`);
    const peer = await server.accept();
    expect((await server.post(`${session}/xhr_send`, '["a"]')).status).toBe(204);
    expect(peer.conn.readyState).toBe(1);
    await peer.until('close');
    expect(performance.now() - start).toBeGreaterThanOrEqual(490);
    expect((await server.post(`${session}/xhr_send`, '["a"]')).status).toBe(404);
    expect((await server.post(`${session}/xhr`)).body).toBe('o\n');
  });

  test('xhr_send does not keep a session alive', async () => {
    const server = await startService(ingress, { disconnect_delay: 300 });
    const session = server.session('/s');
    await server.post(`${session}/xhr`);
    const start = performance.now();
    let sends = 0;
    for (;;) {
      const { status } = await server.post(`${session}/xhr_send`, '["a"]');
      if (status === 404) break;
      expect(status).toBe(204);
      sends++;
      await delay(10);
    }
    expect(sends).toBeGreaterThan(0);
    expect(performance.now() - start).toBeLessThan(3500);
  });

  test('polling keeps a session alive', async () => {
    const server = await startEcho(ingress, { disconnect_delay: 800 });
    const session = server.session('/s');
    const start = performance.now();
    await server.post(`${session}/xhr`);
    while (performance.now() - start < 1500) {
      await server.post(`${session}/xhr_send`, '["a"]');
      expect((await server.post(`${session}/xhr`)).body).toBe('a["a"]\n');
      await delay(50);
    }
  });

  test("close() between polls sets readyState to 2, and 'close' follows after disconnect_delay", async () => {
    const server = await startService(ingress, { disconnect_delay: 800 });
    const session = server.session('/s');
    await server.post(`${session}/xhr`);
    const peer = await server.accept();
    expect(peer.conn.close(3000, 'Enough')).toBe(true);
    expect(peer.conn.readyState).toBe(2);
    expect(peer.conn.write('late')).toBe(false);
    expect(peer.conn.close()).toBe(false);
    expect(peer.events).toEqual([]);

    expect((await server.post(`${session}/xhr_send`, '["dropped"]')).status).toBe(204);
    await delay(300);
    const polled = performance.now();
    expect((await server.post(`${session}/xhr`)).body).toBe('c[3000,"Enough"]\n');
    await peer.until('close');
    // The poll restarted the delay.
    expect(performance.now() - polled).toBeGreaterThanOrEqual(790);
    expect(peer.events).toEqual([['end'], ['close']]);
    expect(peer.conn.readyState).toBe(3);
  });

  test('the next poll gets what was written before close(), and the one after it the c frame', async () => {
    const server = await startService(ingress, {}, (conn) => {
      conn.write('last words');
      conn.close(3000, 'Bye');
    });
    const session = server.session('/s');
    expect((await server.post(`${session}/xhr`)).body).toBe('o\n');
    expect((await server.post(`${session}/xhr`)).body).toBe('a["last words"]\n');
    expect((await server.post(`${session}/xhr`)).body).toBe('c[3000,"Bye"]\n');
  });

  test('close() while a poll waits answers it', async () => {
    const server = await startService(ingress);
    const poll = await server.poll(`${server.session('/s')}/xhr`);
    const peer = await server.accept();
    peer.conn.close(3000, 'Bye');
    expect(await (await poll.response()).rest()).toBe('c[3000,"Bye"]\n');
    expect(peer.conn.readyState).toBe(2);
  });

  test("'close' is emitted once when the application and the client close together", async () => {
    const server = await startService(ingress, { disconnect_delay: 20 });
    for (const transport of ['xhr_streaming', 'websocket']) {
      const target = `${server.session('/s')}/${transport}`;
      const client =
        transport === 'websocket'
          ? await server.websocket(target)
          : await server.open('POST', target);
      const peer = await server.accept();
      client.abort();
      peer.conn.close();
      await peer.until('close');
      await delay(60);
      expect(peer.events).toEqual([['end'], ['close']]);
    }
  });
});
