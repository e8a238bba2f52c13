'use strict';

/*
 * heartbeat_delay and disconnect_delay as small as they can be.
 */

const { delay } = require('./support/wait');
const { ingresses } = require('./support/library');
const { startService } = require('./support/server');
const { every, open, polls, receive, streams } = require('./support/transports');
const { OPCODE } = require('./support/websocket-client');

const lasting = every.filter(([, transport]) => !transport.polls);

describe.each(ingresses)('small delays, by the %s ingress', (ingress) => {
  test.each(polls)('disconnect_delay 1 ends a session of %s between two polls', async (_, poll) => {
    const server = await startService(ingress, { disconnect_delay: 1 });
    const { connection, session } = await open(server, poll);
    for (let i = 0; i < 3; i++) {
      const peer = await server.accept();
      await peer.until('close');
      expect(peer.events).toEqual([['end'], ['close']]);
      const { body } = await connection.request(poll.method, session + poll.path);
      expect(body).toBe(poll.opened);
    }
  });

  test.each(lasting)('disconnect_delay 1 does not end an open %s', async (_, each) => {
    const server = await startService(ingress, { disconnect_delay: 1 });
    const { peer, wire } = await receive(server, each);
    await delay(20);
    peer.conn.write('still open');
    await wire.read(() => wire.buffer.includes('still open') || undefined, 'the message');
    expect(peer.events).toEqual([]);
  });

  test.each(streams)('disconnect_delay 1 ends %s after close()', async (_, transport) => {
    const server = await startService(ingress, { disconnect_delay: 1 });
    const { connection, peer, wire } = await receive(server, transport);
    expect(peer.conn.close(3000, 'Enough')).toBe(true);
    expect(peer.events).toEqual([]);
    await wire.read(() => wire.buffer.includes('3000') || undefined, 'the close frame');
    await peer.until('close');
    expect(peer.events).toEqual([['end'], ['close']]);
    connection.abort();
  });

  test.each(streams)('heartbeat_delay 1 does not disturb messages of %s', async (_, stream) => {
    const server = await startService(ingress, { heartbeat_delay: 1, response_limit: 0 });
    const { peer, wire } = await receive(server, stream);
    for (let i = 0; i < 50; i++) {
      peer.conn.write(`<${i}>`);
      await delay(1);
    }
    await wire.read(() => wire.buffer.includes('<49>') || undefined, 'the last message');
    const text = wire.buffer.toString('latin1');
    const frames = text.match(/\bh\b|<\d+>/g);
    expect(frames.filter((frame) => frame === 'h').length).toBeGreaterThan(5);
    const messages = frames.filter((frame) => frame !== 'h');
    expect(messages).toEqual(Array.from({ length: 50 }, (__, i) => `<${i}>`));
  });

  test('heartbeat_delay 1 does not disturb messages of websocket', async () => {
    const server = await startService(ingress, { heartbeat_delay: 1 });
    const ws = await server.websocket('/s/0/0/websocket');
    expect(await ws.message()).toBe('o');
    const { conn } = await server.accept();
    let pings = 0;
    for (let i = 0; i < 20; i++) {
      conn.write(`${i}`);
      for (;;) {
        const { opcode, payload } = await ws.frame();
        if (opcode === OPCODE.text) {
          expect(payload.toString()).toBe(`a["${i}"]`);
          break;
        }
        expect(opcode).toBe(OPCODE.ping);
        ws.sendFrame({ opcode: OPCODE.pong });
        pings++;
      }
      await delay(2);
    }
    expect(pings).toBeGreaterThan(5);
    ws.abort();
  });

  test.each(polls)(
    'heartbeat_delay 10 answers every %s, and the session lives',
    async (_, poll) => {
      const server = await startService(ingress, { heartbeat_delay: 10, disconnect_delay: 1500 });
      const { connection, session } = await open(server, poll);
      const peer = await server.accept();
      for (let i = 0; i < 20; i++) {
        const { body } = await connection.request(poll.method, session + poll.path);
        expect(body).toBe(poll.opened.replace('o', 'h'));
      }
      expect(peer.events).toEqual([]);
      peer.conn.close();
    },
  );
});
