'use strict';

const { addition, ingresses } = require('./support/library');
const { startEcho, startService } = require('./support/server');
const { OPCODE } = require('./support/websocket-client');

describe.each(ingresses)('heartbeats, by the %s ingress', (ingress) => {
  test.each([
    ['POST', 'xhr_streaming', '\n', 'h\n'],
    ['GET', 'eventsource', '\r\n\r\n', 'data: h\r\n\r\n'],
    ['GET', 'htmlfile?c=x', '");\n</script>\r\n', '<script>\np("h");\n</script>\r\n'],
  ])(
    '%s …/%s gets a heartbeat after every heartbeat_delay',
    async (method, transport, opened, heartbeat) => {
      const server = await startService(ingress, { heartbeat_delay: 30 });
      // Taken before the request: a client that reads the prelude late would measure too short a time.
      const start = performance.now();
      const stream = await server.open(method, `${server.session('/s')}/${transport}`);
      // The prelude, the o frame and the first heartbeat.
      await stream.until(`o${opened}`);
      expect(await stream.until(heartbeat)).toBe(heartbeat);
      expect(await stream.until(heartbeat)).toBe(heartbeat);
      expect(await stream.until(heartbeat)).toBe(heartbeat);
      const elapsed = performance.now() - start;
      expect(elapsed).toBeGreaterThanOrEqual(75);
      expect(elapsed).toBeLessThan(2000);
    },
  );

  test.each([
    ['POST', 'xhr', 'h\n'],
    ['GET', 'jsonp?c=x', '/**/x("h");\r\n'],
  ])('a waiting %s …/%s is answered with a heartbeat', async (method, transport, heartbeat) => {
    const server = await startService(ingress, { heartbeat_delay: 30 });
    const session = server.session('/s');
    await server.request(method, `${session}/${transport}`);
    expect((await server.request(method, `${session}/${transport}`)).body).toBe(heartbeat);
    expect((await server.request(method, `${session}/${transport}`)).body).toBe(heartbeat);
  });

  test('a websocket gets an empty ping, and the next one after its pong', async () => {
    const server = await startService(ingress, { heartbeat_delay: 30 });
    const ws = await server.websocket('/s/0/0/websocket');
    expect(await ws.message()).toBe('o');
    for (let i = 0; i < 4; i++) {
      expect(await ws.frame()).toEqual({
        fin: true,
        opcode: OPCODE.ping,
        payload: Buffer.alloc(0),
      });
      ws.sendFrame({ opcode: OPCODE.pong });
    }
  });

  addition('an unanswered ping ends the session after pong_timeout', async () => {
    const server = await startService(ingress, { heartbeat_delay: 30, pong_timeout: 100 });
    const ws = await server.websocket('/s/0/0/websocket');
    expect(await ws.message()).toBe('o');
    let frame = await ws.frame();
    while (frame.opcode === OPCODE.ping) frame = await ws.frame();
    expect(frame.payload.toString()).toBe('c[3000,"No response from heartbeat"]');
    expect(await ws.closeFrame()).toEqual([1000, 'Normal closure']);
    const peer = await server.accept();
    await peer.until('close');
    expect(peer.events).toEqual([['end'], ['close']]);
  });

  test('messages do not postpone heartbeats', async () => {
    const server = await startEcho(ingress, { heartbeat_delay: 400 });
    const session = server.session('/s');
    const stream = await server.open('POST', `${session}/xhr_streaming`);
    await stream.until('o\n');
    const start = performance.now();
    let echoes = 0;
    for (;;) {
      await server.post(`${session}/xhr_send`, '["a"]');
      if ((await stream.line()) === 'h\n') break;
      echoes++;
    }
    expect(echoes).toBeGreaterThan(0);
    expect(performance.now() - start).toBeLessThan(3500);
  });

  test('heartbeat_delay can be a numeric string', async () => {
    const server = await startService(ingress, { heartbeat_delay: '20' });
    const stream = await server.open('POST', `${server.session('/s')}/xhr_streaming`);
    await stream.until('o\n');
    expect(await stream.line()).toBe('h\n');
  });
});
