'use strict';

/*
 * HTTP/2 is not promised, but Node's compatibility interface is enough for the HTTP transports of 0.3.24.
 */

const { once } = require('events');
const http2 = require('http2');
const { Condition } = require('./support/wait');
const { sockjs } = require('./support/library');

test('streams and waiting polls work over HTTP/2', async () => {
  const service = sockjs.createServer({ prefix: '/s', log: () => {}, disconnect_delay: 1500 });
  const conns = new Map();
  const closed = [];
  const changed = new Condition();
  service.on('connection', (conn) => {
    conns.set(conn.pathname, conn);
    closed.push(once(conn, 'close'));
    changed.notify();
  });
  const server = http2.createServer();
  service.installHandlers(server);
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = http2.connect(`http://127.0.0.1:${server.address().port}`);

  /** @returns {Promise<string>} the body of an answer, up to the first message in it */
  const post = (path) =>
    new Promise((resolve, reject) => {
      const request = client.request({ ':method': 'POST', ':path': path }).end();
      let body = '';
      request.setEncoding('utf8').on('error', reject);
      request.on('data', (chunk) => {
        body += chunk;
        if (body.endsWith(']\n')) resolve(body);
      });
      request.on('end', () => resolve(body));
    });
  const connection = (path) =>
    changed.waitUntil(
      () => conns.get(path),
      () => `a connection by ${path}`,
    );

  try {
    expect(await post('/s/0/poll/xhr')).toBe('o\n');
    const poll = post('/s/0/poll/xhr');
    const stream = post('/s/0/stream/xhr_streaming');
    await connection('/s/0/stream/xhr_streaming');
    // When this one is answered, the server has the two requests above.
    await post('/s/0/other/xhr');
    expect((await connection('/s/0/poll/xhr')).write('later')).toBe(true);
    expect((await connection('/s/0/stream/xhr_streaming')).write('later')).toBe(true);
    expect(await poll).toBe('a["later"]\n');
    expect((await stream).endsWith('o\na["later"]\n')).toBe(true);
  } finally {
    for (const conn of conns.values()) conn.close();
    client.destroy();
    await new Promise((resolve) => server.close(resolve));
    // Until then the sessions keep Jest's process alive.
    await Promise.all(closed);
  }
});
