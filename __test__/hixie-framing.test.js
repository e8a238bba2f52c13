'use strict';

/*
 * Hixie-76: messages, heartbeats, and the end of such a websocket.
 */

const { addition, ingresses, survival } = require('./support/library');
const { startEcho, startService } = require('./support/server');
const { CLOSING, HixieClient, sizedFrame, textFrame } = require('./support/hixie-client');

const TARGET = '/s/0/0/websocket';
const MEBIBYTE = 1024 * 1024;

describe.each(ingresses)('the framing of Hixie-76, by the %s ingress', (ingress) => {
  /** Opens a websocket and reads its o frame. */
  async function open(server) {
    const hixie = await HixieClient.open(server, TARGET);
    expect(await hixie.message()).toBe('o');
    const peer = await server.accept();
    return { hixie, peer };
  }

  test('elements of an array are delivered one by one, any other value as one message', async () => {
    const { hixie, peer } = await open(await startEcho(ingress));
    hixie.wire.write(
      Buffer.concat(['["a","b"]', '', '[]', '"c"', '{"d":1}', ' ["e"]'].map(textFrame)),
    );
    await peer.until('data', 5);
    expect(peer.messages).toEqual(['a', 'b', 'c', { d: 1 }, ['e']]);
    for (const message of ['a["a"]', 'a["b"]', 'a["c"]', 'a["[object Object]"]', 'a["e"]']) {
      expect(await hixie.message()).toBe(message);
    }
  });

  test('a message can arrive byte by byte', async () => {
    const { hixie, peer } = await open(await startEcho(ingress));
    for (const byte of textFrame('["h\u00e9llo"]')) {
      await new Promise((resolve) => hixie.wire.socket.write(Buffer.from([byte]), resolve));
    }
    await peer.until('data');
    expect(peer.messages).toEqual(['h\u00e9llo']);
    expect(await hixie.message()).toBe('a["h\u00e9llo"]');
  });

  test('invalid UTF-8 is replaced by U+FFFD', async () => {
    const { hixie, peer } = await open(await startEcho(ingress));
    hixie.send(Buffer.from('"a\xc3\x28b\xe2\x82"', 'latin1'));
    await peer.until('data');
    expect(peer.messages).toEqual(['a\ufffd(b\ufffd']);
    expect(await hixie.message()).toBe('a["a\\ufffd(b\\ufffd"]');
  });

  test('any first byte below 0x80 begins a text frame', async () => {
    const { hixie, peer } = await open(await startEcho(ingress));
    const frame = textFrame('["a"]');
    frame[0] = 0x7f;
    hixie.wire.write(frame);
    await peer.until('data');
    expect(peer.messages).toEqual(['a']);
  });

  test('everything that the application writes is sent as text', async () => {
    const { hixie, peer } = await open(await startService(ingress, { binary: true }));
    peer.conn.write('\ud800x\u20ac\u{1f600}');
    expect(await hixie.message()).toBe('a["\\ud800x\u20ac\\ud83d\\ude00"]');
    peer.conn.write(Buffer.from('bytes'));
    expect(await hixie.message()).toBe('a["bytes"]');
    peer.conn.write('x'.repeat(100_000));
    expect(await hixie.message()).toBe(`a["${'x'.repeat(100_000)}"]`);
  });

  test('frames with a length are skipped', async () => {
    const { hixie, peer } = await open(await startEcho(ingress));
    hixie.wire.write(sizedFrame([3], 'abc'));
    hixie.wire.write(sizedFrame([0], ''));
    hixie.wire.write(sizedFrame([0x81, 0x81, 0x00], 'x'.repeat(16_384 + 128)));
    hixie.wire.write(sizedFrame([2], 'ab', 0xff));
    hixie.send('["a"]');
    await peer.until('data');
    expect(peer.messages).toEqual(['a']);
  });

  survival(3, 'frames with a length are skipped whatever bytes they contain', async () => {
    const { hixie, peer } = await open(await startEcho(ingress));
    hixie.wire.write(sizedFrame([3], Buffer.from([0xff, 0x00, 0xff])));
    hixie.send('["a"]');
    await peer.until('data');
    expect(peer.messages).toEqual(['a']);
  });

  test('a close frame of the client is answered, and nothing that follows it is delivered', async () => {
    const { hixie, peer } = await open(await startEcho(ingress));
    hixie.wire.write(Buffer.concat([textFrame('["a"]'), CLOSING, textFrame('["late"]')]));
    expect(await hixie.message()).toBe('a["a"]');
    await hixie.closed();
    await peer.until('close');
    expect(peer.events).toEqual([['data', 'a'], ['end'], ['close']]);
  });

  test.each([
    ['close()', (conn) => conn.close(), '\0c[1000,"Normal closure"]\xff'],
    ['close(3001, …)', (conn) => conn.close(3001, 'bye'), '\0c[3001,"bye"]\xff'],
    ['end(message)', (conn) => conn.end('last'), '\0a["last"]\xff\0c[1000,"Normal closure"]\xff'],
    ['destroy()', (conn) => conn.destroy(), '\0c[1000,"Normal closure"]\xff'],
  ])('%s sends the reason, and closes without waiting for the client', async (_, end, frames) => {
    const { hixie, peer } = await open(await startService(ingress));
    end(peer.conn);
    expect(peer.events).toEqual([['end'], ['close']]);
    expect(await hixie.rest()).toBe(`${frames}\xff\0`);
  });

  test('broken JSON closes it without a c frame', async () => {
    const { hixie, peer } = await open(await startService(ingress));
    hixie.send('["a');
    await hixie.closed();
    await peer.until('close');
    expect(peer.events).toEqual([['end'], ['close']]);
  });

  test('a client that leaves ends its session', async () => {
    for (const leave of ['end', 'destroy', 'resetAndDestroy']) {
      const { hixie, peer } = await open(await startService(ingress));
      hixie.wire.socket[leave]();
      await peer.until('close');
      expect(peer.events).toEqual([['end'], ['close']]);
    }
  });

  test('a message longer than faye_server_options.maxLength closes it', async () => {
    const server = await startService(ingress, { faye_server_options: { maxLength: 5 } });
    for (const frame of [
      textFrame('["ab"]'),
      Buffer.from('\x00123456'),
      Buffer.from([0x80, 6]),
      Buffer.alloc(20, 0xff),
    ]) {
      const { hixie, peer } = await open(server);
      hixie.send('["a"]');
      await peer.until('data');
      hixie.wire.write(frame);
      await hixie.closed();
      await peer.until('close');
      expect(peer.events).toEqual([['data', 'a'], ['end'], ['close']]);
    }
  });

  addition('a message longer than max_message_size closes it', async () => {
    const { hixie, peer } = await open(await startService(ingress, { max_message_size: 1000 }));
    hixie.send(`"${'x'.repeat(998)}"`);
    await peer.until('data');
    hixie.send(`"${'x'.repeat(999)}"`);
    await hixie.closed();
  });

  test('heartbeats are h frames, which need no answer', async () => {
    const server = await startService(ingress, {
      heartbeat_delay: 20,
      pong_timeout: 30,
      faye_server_options: { ping: 0.01 },
    });
    const { hixie, peer } = await open(server);
    for (let beats = 0; beats < 6; beats++) expect(await hixie.message()).toBe('h');
    expect(peer.conn.readyState).toBe(1);
  });

  addition('a paused connection delivers nothing until it is resumed', async () => {
    const { hixie, peer } = await open(await startService(ingress));
    peer.conn.pause();
    hixie.send('["a"]');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(peer.messages).toEqual([]);
    peer.conn.resume();
    await peer.until('data');
    expect(peer.messages).toEqual(['a']);
  });

  addition(
    "bufferedAmount counts what a slow client has not read, and 'drain' follows",
    async () => {
      const { hixie, peer } = await open(
        await startService(ingress, { high_water_mark: MEBIBYTE }),
      );
      const { conn } = peer;
      hixie.wire.socket.pause();
      let messages = 0;
      do {
        messages++;
        conn.write('x'.repeat(MEBIBYTE));
        await new Promise(setImmediate);
      } while (conn.bufferedAmount <= MEBIBYTE);
      messages++;
      expect(conn.write('x'.repeat(MEBIBYTE))).toBe(false);
      const drained = new Promise((resolve) => conn.once('drain', resolve));
      hixie.wire.socket.resume();
      await drained;
      expect(conn.bufferedAmount).toBe(0);
      for (; messages > 0; messages--) expect(await hixie.message()).toHaveLength(MEBIBYTE + 5);
    },
  );

  addition('a client that reads too slowly gets whole messages, then the reason', async () => {
    const { hixie, peer } = await open(await startService(ingress, { max_buffered: MEBIBYTE }));
    const { conn } = peer;
    hixie.wire.socket.pause();
    while (conn.readyState === 1) {
      conn.write('x'.repeat(64 * 1024));
      await new Promise(setImmediate);
    }
    await peer.until('close');
    expect(peer.events).toEqual([['end'], ['close']]);
    hixie.wire.socket.resume();
    let message = await hixie.message();
    while (message.startsWith('a')) {
      expect(message).toHaveLength(64 * 1024 + 5);
      message = await hixie.message();
    }
    expect(message).toBe('c[3001,"Client too slow"]');
    await hixie.closed();
  });
});
