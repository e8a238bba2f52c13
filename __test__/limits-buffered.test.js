'use strict';

/*
 * `max_buffered`: the bytes that may wait for one client (docs/compatibility.md, "Limits").
 */

const { addition, ingresses } = require('./support/library');
const { Log } = require('./support/log');
const { startService } = require('./support/server');
const { open, polls, requests, streams, websockets } = require('./support/transports');
const { OPCODE } = require('./support/websocket-client');

const MEBIBYTE = 1024 * 1024;
const TOO_SLOW = 'c[3001,"Client too slow"]';
const FILLER = 'x'.repeat(64 * 1024);
/** More messages than the kernel takes for a client that does not read. */
const MANY = 1000;

const turn = () => new Promise(setImmediate);

/** A service whose log is recorded. */
async function startLogged(ingress, options) {
  const log = new Log();
  return { log, server: await startService(ingress, { ...options, log: log.log }) };
}

/** Checks that the session was closed because its client reads too slowly, and that this is logged once. */
async function expectLogged(log) {
  await log.line('error', /^Session closed: .* \d+ bytes unread$/);
  expect(log.errors).toHaveLength(1);
}

/** @returns {Promise<number>} how many numbered messages were written until the connection was closed */
async function flood(conn) {
  let written = 0;
  while (conn.readyState === 1 && written < MANY) {
    conn.write(`${written++} ${FILLER}`);
    await turn();
  }
  expect(written).toBeLessThan(MANY);
  return written;
}

/** @returns {string} the body of a chunked answer whose head has been read */
function unchunk(bytes) {
  const parts = [];
  for (let at = 0; ;) {
    const end = bytes.indexOf('\r\n', at);
    const size = parseInt(bytes.latin1Slice(at, end), 16);
    if (size === 0) return Buffer.concat(parts).toString();
    parts.push(bytes.subarray(end + 2, end + 2 + size));
    at = end + 2 + size + 2;
  }
}

/** Checks that these are the first messages of `flood`, whole and in order. */
function expectWhole(messages) {
  messages.forEach((message, index) => expect(message === `${index} ${FILLER}`).toBe(true));
}

describe.each(ingresses)('max_buffered, by the %s ingress', (ingress) => {
  describe.each(websockets)('%s', (protocol, transport) => {
    addition('a client that reads again gets whole messages, then the reason', async () => {
      const { server, log } = await startLogged(ingress, { max_buffered: MEBIBYTE });
      const ws = await server.websocket(
        protocol === 'websocket' ? '/s/0/0/websocket' : '/s/websocket',
      );
      if (protocol === 'websocket') expect(await ws.message()).toBe('o');
      const peer = await server.accept();
      ws.wire.socket.pause();
      const written = await flood(peer.conn);
      if (transport.protocol === 'websocket') await peer.until('close');
      ws.wire.socket.resume();
      const messages = [];
      let frame = await ws.frame();
      for (; frame.opcode === OPCODE.text; frame = await ws.frame()) {
        messages.push(frame.payload.toString());
      }
      if (protocol === 'websocket') {
        expect(messages.pop()).toBe(TOO_SLOW);
        expectWhole(messages.map((text) => text.slice(3, -2)));
      } else {
        expectWhole(messages);
      }
      expect(messages.length).toBeLessThanOrEqual(written);
      const [code, reason] = [frame.payload.readUInt16BE(0), frame.payload.toString('utf8', 2)];
      const raw = [1008, 'Client too slow'];
      expect([code, reason]).toEqual(protocol === 'websocket' ? [1000, 'Normal closure'] : raw);
      ws.sendClose(code);
      await ws.end();
      await peer.until('close');
      expect(peer.events).toEqual([['end'], ['close']]);
      await expectLogged(log);
    });
  });

  describe.each(streams)('%s', (_, transport) => {
    addition('a client that reads again gets whole messages, then the reason', async () => {
      const options = { max_buffered: MEBIBYTE, response_limit: 0 };
      const { server, log } = await startLogged(ingress, options);
      const { wire } = await open(server, transport);
      const peer = await server.accept();
      wire.socket.pause();
      const written = await flood(peer.conn);
      wire.socket.resume();
      const body = await wire.read(() => {
        const { buffer } = wire;
        if (buffer.subarray(-5).toString() !== '0\r\n\r\n') return undefined;
        // The first chunk has been cut by `open`.
        return unchunk(buffer.subarray(buffer.indexOf('\r\n') + 2));
      }, 'the end of the stream');
      const frames = body.match(/\d+ x+|c\[3001[^\]]*\]/g);
      expect(frames.pop().replaceAll('\\', '')).toBe(TOO_SLOW);
      expectWhole(frames);
      expect(frames.length).toBeLessThanOrEqual(written);
      await peer.until('close');
      expect(peer.events).toEqual([['end'], ['close']]);
      await expectLogged(log);
    });
  });

  describe.each(requests)('%s', (_, transport) => {
    addition('without a receiver max_buffered bytes can wait, and not one more', async () => {
      const options = { max_buffered: 1000, response_limit: 1, disconnect_delay: 300 };
      const { server, log } = await startLogged(ingress, options);
      const { connection, session } = await open(server, transport);
      const peer = await server.accept();
      const { conn } = peer;
      if (!transport.polls) {
        const ended = () => connection.wire.buffer.includes('0\r\n\r\n') || undefined;
        await connection.wire.read(ended, 'the end of a stream that has reached its limit');
      }
      conn.write('x'.repeat(998));
      expect(conn.bufferedAmount).toBe(1000);
      await turn();
      expect([conn.readyState, log.errors]).toEqual([1, []]);
      conn.write('');
      await server.get('/s/');
      expect(conn.readyState).toBe(2);
      expect(conn.bufferedAmount).toBe(0);
      await expectLogged(log);
      const body = (await server.request(transport.method, session + transport.path)).body;
      expect(body.replaceAll('\\', '')).toContain(TOO_SLOW);
      expect(body).not.toContain('xxx');
      await peer.until('close');
    });
  });

  describe.each(polls)('%s', (_, transport) => {
    addition('answers that their clients do not read count too', async () => {
      const { server, log } = await startLogged(ingress, { max_buffered: 32 * MEBIBYTE });
      const first = await open(server, transport);
      const { conn } = await server.accept();
      first.connection.abort();
      const message = 'x'.repeat(16 * MEBIBYTE);
      let answers = 0;
      for (; conn.readyState === 1 && answers < 12; answers++) {
        conn.write(message);
        const { wire } = server.connect();
        wire.socket.pause();
        wire.write(
          `${transport.method} ${first.session}${transport.path} HTTP/1.1\r\nHost: x\r\n` +
            'Content-Length: 0\r\n\r\n',
        );
        while (conn.readyState === 1 && !conn.url.endsWith(transport.path)) await turn();
        // By now the kernel has taken as much of the answer as it can.
        for (let i = 0; i < 5; i++) await server.get('/s/');
      }
      expect(answers).toBeLessThan(12);
      await expectLogged(log);
    });
  });
});
