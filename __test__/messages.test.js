'use strict';

const { ingresses, survival } = require('./support/library');
const { startService } = require('./support/server');
const { OPCODE } = require('./support/websocket-client');

/** An array of JSON values, most of which are no strings. */
const VALUES = '[1,-0.5,1e400,true,null,{"a":[1]},["b"],"s",{"__proto__":{"x":1}}]';

describe.each(ingresses)('messages to the application, by the %s ingress', (ingress) => {
  test.each(['xhr_send', 'websocket'])(
    'elements that are no strings arrive as JSON values by %s',
    async (transport) => {
      const server = await startService(ingress);
      const session = server.session('/s');
      if (transport === 'websocket') {
        (await server.websocket(`${session}/websocket`)).send(VALUES);
      } else {
        await server.post(`${session}/xhr`);
        await server.post(`${session}/xhr_send`, VALUES);
      }
      const peer = await server.accept();
      await peer.until('data', 9);
      expect(peer.messages).toEqual(JSON.parse(VALUES));
      expect(Object.keys(peer.messages[8])).toEqual(['__proto__']);
    },
  );

  test('an element can be nested 500 levels deep', async () => {
    const server = await startService(ingress);
    const ws = await server.websocket('/s/0/0/websocket');
    ws.send(`[${'['.repeat(500)}${']'.repeat(500)}]`);
    const peer = await server.accept();
    await peer.until('data');
    expect(JSON.stringify(peer.messages[0])).toBe(`${'['.repeat(500)}${']'.repeat(500)}`);
  });

  test.each([
    ['"a"', 'a'],
    ['1', 1],
    ['{"a":1}', { a: 1 }],
    ['null', null],
    ['false', false],
    [' ["a"]', ['a']],
    ['\n["a","b"]', ['a', 'b']],
  ])('the websocket payload %j is one message', async (payload, message) => {
    const server = await startService(ingress);
    const ws = await server.websocket('/s/0/0/websocket');
    expect(await ws.message()).toBe('o');
    ws.send(payload);
    const peer = await server.accept();
    await peer.until('data');
    ws.send('["end"]');
    await peer.until('data', 2);
    expect(peer.messages).toEqual([message, 'end']);
  });

  test('each element of an array is a message, also with white space after the [', async () => {
    const server = await startService(ingress);
    const ws = await server.websocket('/s/0/0/websocket');
    expect(await ws.message()).toBe('o');
    ws.send('[]');
    ws.send('[ "a" , "b" ] ');
    const peer = await server.accept();
    await peer.until('data', 2);
    expect(peer.messages).toEqual(['a', 'b']);
  });

  test.each([
    ['["a","b"]', ['a', 'b']],
    ['"a"', 'a'],
  ])('a binary frame %s is parsed as JSON, and always one message', async (payload, message) => {
    const server = await startService(ingress);
    const ws = await server.websocket('/s/0/0/websocket');
    expect(await ws.message()).toBe('o');
    ws.sendFrame({ opcode: OPCODE.binary, payload });
    const peer = await server.accept();
    await peer.until('data');
    expect(peer.messages).toEqual([message]);
  });

  test('binary frames: empty ones are ignored, broken JSON ends the websocket', async () => {
    const server = await startService(ingress);
    const ws = await server.websocket('/s/0/0/websocket');
    expect(await ws.message()).toBe('o');
    ws.sendFrame({ opcode: OPCODE.binary });
    ws.sendFrame({ opcode: OPCODE.binary, payload: Buffer.from([0xff]) });
    expect(await ws.closeFrame()).toEqual([3000, 'Broken framing.']);
  });

  test('the rest of a body is not delivered after the application has closed', async () => {
    const server = await startService(ingress, {}, (conn) => conn.on('data', () => conn.close()));
    const session = server.session('/s');
    await server.post(`${session}/xhr`);
    expect((await server.post(`${session}/xhr_send`, '["a","b"]')).status).toBe(204);
    const peer = await server.accept();
    await peer.until('data');
    await peer.until('close');
    expect(peer.messages).toEqual(['a']);
  });

  test('messages of one client arrive in the order they were sent', async () => {
    const server = await startService(ingress);
    const ws = await server.websocket('/s/0/0/websocket');
    const count = 2000;
    for (let i = 0; i < count; i++) ws.send(`["${i}"]`);
    const peer = await server.accept();
    await peer.until('data', count);
    expect(peer.messages).toEqual(Array.from({ length: count }, (_, i) => `${i}`));
  });

  // 0.3.24 takes a value for an array if the constructor of its `__proto__` is Array.
  survival(
    3,
    'an object with a "__proto__" that is an array is not taken for an array',
    async () => {
      const server = await startService(ingress);
      const session = server.session('/s');
      await server.post(`${session}/xhr`);
      for (const body of ['{"__proto__":[],"length":1,"0":"x"}', '{"__proto__":null}']) {
        const response = await server.post(`${session}/xhr_send`, body);
        expect(response.status).toBe(500);
        expect(response.body).toBe('Payload expected.');
      }
    },
  );

  survival(3, 'the names of Object.prototype are ordinary session ids', async () => {
    const server = await startService(ingress);
    for (const id of ['constructor', '__proto__', 'toString']) {
      expect((await server.post(`/s/0/${id}/xhr_send`, '["a"]')).status).toBe(404);
      expect((await server.post(`/s/0/${id}/xhr`)).body).toBe('o\n');
      expect((await server.post(`/s/0/${id}/xhr_send`, '["a"]')).status).toBe(204);
      const peer = await server.accept();
      await peer.until('data');
      expect(peer.messages).toEqual(['a']);
    }
  });
});
