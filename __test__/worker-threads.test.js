'use strict';

/*
 * Worker threads that end with clients connected (docs/compatibility.md, "The http server").
 */

const fs = require('fs');
const path = require('path');
const { once } = require('events');
const { Worker } = require('worker_threads');
const { Client } = require('./support/client');
const { ingresses, libraryPath } = require('./support/library');
const { every, open, polls } = require('./support/transports');

/** @returns {number} open descriptors of this process, where the system lists them */
function countDescriptors() {
  return fs.existsSync('/proc/self/fd') ? fs.readdirSync('/proc/self/fd').length : 0;
}

/**
 * Starts a worker, opens sessions of every transport in it, for polling transports one with a waiting poll and one
 * without, and ends the worker with `end`.
 */
async function cycle(ingress, end) {
  const env = { ...process.env, SOCKJS_LIBRARY: libraryPath };
  if (ingress === 'bridge') env.SOCKJS_RS_DOOR = 'bridge';
  const worker = new Worker(path.join(__dirname, 'fixtures/thread.js'), { env, stdout: true });
  const [port] = await once(worker, 'message');
  const client = new Client(port);
  const sockets = [];
  for (const [, transport] of [...every, ...polls]) {
    const { connection, session, socket } = await open(client, transport);
    const waits = transport.polls && sockets.length < every.length;
    if (waits) connection.send(transport.method, session + transport.path);
    sockets.push(socket);
  }
  const closed = sockets.map((socket) => {
    // By the bridge the worker may reset its connections.
    socket.on('error', () => {});
    return new Promise((resolve) => socket.on('close', resolve));
  });
  const exited = once(worker, 'exit');
  end(worker);
  const [code] = await exited;
  await Promise.all(closed);
  return code;
}

describe.each(ingresses)('a worker thread, by the %s ingress', (ingress) => {
  test.each([
    ['is terminated', 1, (worker) => worker.terminate()],
    ['exits', 7, (worker) => worker.postMessage('exit')],
  ])('that %s closes its connections, and leaves no descriptors', async (_, code, end) => {
    // The first worker loads what the process keeps.
    await cycle(ingress, end);
    const before = countDescriptors();
    for (let round = 0; round < 3; round++) expect(await cycle(ingress, end)).toBe(code);
    // Jest runs several files in one process: descriptors of an earlier one may close meanwhile.
    expect(countDescriptors()).toBeLessThanOrEqual(before);
  });
});
