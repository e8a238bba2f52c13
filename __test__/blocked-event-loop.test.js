'use strict';

/*
 * A JavaScript thread that is busy or blocked: other requests are served, and no client is closed because of a pong
 * that the thread has not read yet.
 */

const { serveFixture } = require('./support/child');
const { addition, ingresses } = require('./support/library');
const { OPCODE, encodeFrame } = require('./support/websocket-client');

describe.each(ingresses)('a blocked event loop, by the %s ingress', (ingress) => {
  test('a client that sends faster than the application handles does not block other requests', async () => {
    const { client } = await serveFixture(ingress, 'measures-memory.js', { BEHAVIOUR: 'works' });
    const { wire } = await client.websocket('/s/websocket');
    const { socket } = wire;
    const frames = Buffer.concat(Array(9363).fill(encodeFrame({ payload: '1' })));
    const flood = () => {
      while (socket.write(frames));
    };
    socket.on('drain', flood).on('error', () => {});
    flood();
    const counts = [];
    for (let i = 0; i < 2; i++) {
      counts.push(JSON.parse((await client.get('/memory')).body).messages);
      await new Promise(setImmediate);
    }
    socket.off('drain', flood);
    expect(counts[1]).toBeGreaterThan(counts[0]);
    client.disconnect();
  }, 60_000);

  addition('a websocket survives a blocked event loop for longer than pong_timeout', async () => {
    const { client } = await serveFixture(ingress, 'measures-memory.js', {
      BEHAVIOUR: 'stalls',
      OPTIONS: JSON.stringify({ heartbeat_delay: 40, pong_timeout: 200 }),
    });
    const ws = await client.websocket('/s/0/0/websocket');
    expect(await ws.message()).toBe('o');
    /** Answers pings, and resolves to the next message. */
    const message = async () => {
      for (;;) {
        const { opcode, payload } = await ws.frame();
        if (opcode === OPCODE.text) return payload.toString();
        expect(opcode).toBe(OPCODE.ping);
        ws.sendFrame({ opcode: OPCODE.pong });
      }
    };
    ws.send('["are you there?"]');
    expect(await message()).toBe('a["are you there?"]');
    ws.send('["1500"]');
    ws.send('["and now?"]');
    expect(await message()).toBe('a["and now?"]');
    ws.send('["and still?"]');
    expect(await message()).toBe('a["and still?"]');
  });

  addition('a client that answers no ping is closed after a stall', async () => {
    const { client } = await serveFixture(ingress, 'measures-memory.js', {
      BEHAVIOUR: 'stalls',
      OPTIONS: JSON.stringify({ heartbeat_delay: 40, pong_timeout: 200 }),
    });
    const ws = await client.websocket('/s/0/0/websocket');
    expect(await ws.message()).toBe('o');
    ws.send('["700"]');
    let frame = await ws.frame();
    while (frame.opcode === OPCODE.ping) frame = await ws.frame();
    expect(frame.payload.toString()).toBe('c[3000,"No response from heartbeat"]');
  });
});
