'use strict';

/*
 * The server under attack, in a process of its own: echo services, which also answer the parent's questions
 * about their state. HOSTILE_OPTIONS has their options.
 */

const { once } = require('node:events');
const http = require('node:http');
const { promisify } = require('node:util');

const { answerParent } = require('../support/answers');
const sockjs = require(process.env.HOSTILE_LIBRARY ?? '../..');

/** The prefixes on the http server, each of a `Server` of its own. */
const PREFIXES = ['/s', '/other', '.*/loose'];

const options = JSON.parse(process.env.HOSTILE_OPTIONS);
const counts = { opened: 0, closed: 0, smuggled: 0, logged: 0 };

const server = http.createServer(options.http, (request, response) => {
  if (request.url.includes('smuggled')) counts.smuggled++;
  request.resume();
  response.end('the application\n');
});

for (const prefix of PREFIXES) {
  const service = sockjs.createServer({
    prefix,
    log: (severity) => {
      if (severity === 'error') counts.logged++;
    },
    ...options.service,
  });
  service.on('connection', (conn) => {
    counts.opened++;
    conn.on('close', () => counts.closed++);
    conn.on('data', (message) => {
      const [order, length] = typeof message === 'string' ? message.split(' ') : [];
      if (order === 'write') conn.write('x'.repeat(Number(length)));
      else if (order === 'close') conn.close(3000, 'as you wish');
      else if (order === 'smuggled') counts.smuggled++;
      else conn.write(message);
    });
  });
  service.installHandlers(server);
}

/** Collects garbage twice: finalizers of the first collection may release further objects. */
async function collect() {
  for (let i = 0; i < 2; i++) {
    await promisify(setImmediate)();
    globalThis.gc();
  }
}

const count = promisify(server.getConnections.bind(server));

const listening = once(server.listen(0, '127.0.0.1'), 'listening');

answerParent({
  port: () => listening.then(() => server.address().port),
  counts: async () => ({ ...counts, sockets: await count() }),
  memory: async () => {
    await collect();
    const { heapUsed, external, rss } = process.memoryUsage();
    return { heap: heapUsed + external, rss };
  },
});

process.on('disconnect', () => process.exit());
