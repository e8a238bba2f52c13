'use strict';

/*
 * The boundaries of HTTP chunks: 0.3.24 writes the prelude and each frame as a chunk of its own, and the official
 * protocol suite expects that.
 */

const { once } = require('events');
const { addition, ingresses } = require('./support/library');
const { startService } = require('./support/server');

const PRELUDES = {
  xhr_streaming: /^h{2048}\n$/,
  eventsource: /^\r\n$/,
  'htmlfile?c=x': /^<!doctype html>\n[^]+ {653}\r\n\r\n$/,
};

/** How a frame looks on each stream. */
const FRAMES = {
  xhr_streaming: (frame) => `${frame}\n`,
  eventsource: (frame) => `data: ${frame}\r\n\r\n`,
  'htmlfile?c=x': (frame) => `<script>\np(${JSON.stringify(frame)});\n</script>\r\n`,
  xhr: (frame) => `${frame}\n`,
  'jsonp?c=x': (frame) => `/**/x(${JSON.stringify(frame)});\r\n`,
};

const STREAMS = Object.keys(PRELUDES);
const POLLS = ['xhr', 'jsonp?c=x'];

const method = (path) => (path.startsWith('xhr') ? 'POST' : 'GET');
const turn = () => new Promise(setImmediate);

describe.each(ingresses)('chunks, by the %s ingress', (ingress) => {
  /** Opens a stream, and reads its prelude and the o frame. */
  async function openStream(path, options, listener) {
    const server = await startService(ingress, options, listener);
    const session = server.session('/s');
    const connection = server.connect();
    connection.send(method(path), `${session}/${path}`);
    const stream = await connection.response();
    expect(await stream.chunk()).toMatch(PRELUDES[path]);
    expect(await stream.chunk()).toBe(FRAMES[path]('o'));
    const { conn } = await server.accept();
    return { server, session, connection, stream, conn, frame: FRAMES[path] };
  }

  describe.each(STREAMS)('%s', (path) => {
    test('each message is a chunk, and so is the close frame, which ends the body', async () => {
      const { stream, conn, frame } = await openStream(path);
      for (const message of ['a', 'b', 'c']) conn.write(message);
      for (const message of ['a', 'b', 'c']) {
        expect(await stream.chunk()).toBe(frame(`a["${message}"]`));
      }
      conn.write('d');
      conn.close(3000, 'Go away!');
      expect(await stream.chunk()).toBe(frame('a["d"]'));
      expect(await stream.chunk()).toBe(frame('c[3000,"Go away!"]'));
      expect(await stream.chunk()).toBe('');
    });

    test("each frame that a 'connection' listener writes is a chunk", async () => {
      const { stream, frame } = await openStream(path, {}, (conn) => {
        conn.write('hello');
        conn.close(3000, 'Go away!');
      });
      expect(await stream.chunk()).toBe(frame('a["hello"]'));
      expect(await stream.chunk()).toBe(frame('c[3000,"Go away!"]'));
      expect(await stream.chunk()).toBe('');
    });

    test('messages that have waited are one chunk together, after the prelude', async () => {
      const { server, session, stream, conn, frame } = await openStream(path, {
        response_limit: 1000,
      });
      conn.write('x'.repeat(1000));
      expect(await stream.chunk()).toBe(frame(`a["${'x'.repeat(1000)}"]`));
      expect(await stream.chunk()).toBe('');
      conn.write('a');
      conn.write('b');
      const next = await server.open(method(path), `${session}/${path}`);
      expect(await next.chunk()).toMatch(PRELUDES[path]);
      expect(await next.chunk()).toBe(frame('a["a","b"]'));
    });

    test('a heartbeat is a chunk', async () => {
      const { stream, frame } = await openStream(path, { heartbeat_delay: 30 });
      expect(await stream.chunk()).toBe(frame('h'));
      expect(await stream.chunk()).toBe(frame('h'));
    });

    test('a second receiver gets two chunks: the prelude, and a close frame with 2010', async () => {
      const { server, session, frame } = await openStream(path);
      const second = await server.open(method(path), `${session}/${path}`);
      expect(await second.chunk()).toMatch(PRELUDES[path]);
      expect(await second.chunk()).toBe(frame('c[2010,"Another connection still open"]'));
      expect(await second.chunk()).toBe('');
    });

    test('a message of 1 MiB between small ones is one chunk', async () => {
      const { stream, conn, frame } = await openStream(path, { response_limit: 0 });
      const messages = ['before', 'x'.repeat(1 << 20), 'between', 'y'.repeat(70_000), 'behind'];
      for (const message of messages) conn.write(message);
      for (const message of messages) {
        expect(await stream.chunk()).toBe(frame(`a["${message}"]`));
      }
      conn.write('alone'.repeat(50_000));
      expect(await stream.chunk()).toBe(frame(`a["${'alone'.repeat(50_000)}"]`));
    });

    test('1,000 messages written at once are 1,000 chunks', async () => {
      const { stream, conn, frame } = await openStream(path, { response_limit: 0 });
      for (let i = 0; i < 1000; i++) conn.write(`${i}`);
      for (let i = 0; i < 1000; i++) expect(await stream.chunk()).toBe(frame(`a["${i}"]`));
    });

    // Bytes sent by one system call reach a waiting reader as one 'data' event. In some rounds an I/O thread sends the
    // first chunk early, so it is enough if one of the rounds gets all chunks in one event.
    addition('10 chunks are sent by one system call', async () => {
      const { connection, conn, stream, frame } = await openStream(path, { response_limit: 0 });
      const messages = Array.from({ length: 10 }, (_, i) => `${i}`);
      const frames = messages.map((message) => frame(`a["${message}"]`));
      const chunks = frames.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`);
      let first = '';
      for (let round = 0; round < 10 && first !== chunks.join(''); round++) {
        const data = once(connection.wire.socket, 'data');
        for (const message of messages) conn.write(message);
        first = String(await data).toLowerCase();
        for (const chunk of frames) expect(await stream.chunk()).toBe(chunk);
      }
      expect(first).toBe(chunks.join(''));
    });

    addition('bufferedAmount counts a large chunk until the client has read it', async () => {
      const { connection, stream, conn, frame } = await openStream(path, { response_limit: 0 });
      const { socket } = connection.wire;
      socket.pause();
      const large = 'x'.repeat(12 << 20);
      conn.write(large);
      // By now the I/O thread or the stream of Node has the chunk.
      for (let i = 0; i < 50; i++) await turn();
      expect(conn.bufferedAmount).toBeGreaterThan(large.length);
      socket.resume();
      expect(await stream.chunk()).toBe(frame(`a["${large}"]`));
      while (conn.bufferedAmount > 0) await turn();
    });
  });

  describe.each(POLLS)('%s', (path) => {
    test('every answer is one chunk', async () => {
      const server = await startService(ingress);
      const session = server.session('/s');
      const poll = () => server.open(method(path), `${session}/${path}`);
      const frame = FRAMES[path];
      const opened = await poll();
      expect(await opened.chunk()).toBe(frame('o'));
      expect(await opened.chunk()).toBe('');
      const { conn } = await server.accept();
      const large = 'x'.repeat(1 << 20);
      for (const message of ['a', large]) {
        conn.write(message);
        const answer = await poll();
        expect(await answer.chunk()).toBe(frame(`a["${message}"]`));
        expect(await answer.chunk()).toBe('');
      }
      conn.close(3000, 'Go away!');
      const closed = await poll();
      expect(await closed.chunk()).toBe(frame('c[3000,"Go away!"]'));
      expect(await closed.chunk()).toBe('');
    });
  });

  test('each line of /chunking_test is one chunk', async () => {
    const server = await startService(ingress);
    const response = await server.open('POST', '/s/chunking_test');
    for (let i = 0; i < 5; i++) {
      expect(await response.chunk()).toBe(i === 1 ? `${' '.repeat(2048)}h\n` : 'h\n');
    }
    response.abort();
  });

  test('a complete answer without Content-Length is one chunk', async () => {
    const server = await startService(ingress);
    for (const target of ['/s/', '/s/info', '/s/a/a/jsonp']) {
      const response = await server.open('GET', target);
      expect((await response.chunk()).length).toBeGreaterThan(10);
      expect(await response.chunk()).toBe('');
    }
  });
});
