'use strict';

/** @file examples/cluster: all requests of a client address reach the same worker. */

const assert = require('node:assert/strict');
const http = require('node:http');
const net = require('node:net');
const { describe, it } = require('node:test');

const { TRANSPORTS, ask, connect, run, startExample, timeout } = require('./support');

/** Client addresses. On Linux, all of 127.0.0.0/8 are addresses of the machine. */
const ADDRESSES = ['127.0.0.1', '127.0.0.2', '127.0.0.3', '127.0.0.4', '127.0.0.5', '127.0.0.6'];

const skip = process.platform !== 'linux' && 'needs several local addresses for its clients';

/** The local address of new connections. */
let localAddress;

// sockjs-client has no option for the local address. Its requests use the global agent, its websockets
// `net.connect`.
const { connect: netConnect } = net;
net.connect = (options, ...rest) => netConnect({ ...options, localAddress }, ...rest);

/** @param {string} address the local address of the next connections */
function connectFrom(address) {
  localAddress = address;
  http.globalAgent.options.localAddress = address;
}

/**
 * Sends messages to the cluster from an address.
 *
 * @returns {Promise<number>} the process id of the worker that answered all of them
 */
async function workerOf(t, url, transport, address) {
  connectFrom(address);
  const socket = await connect(t, url, transport);
  const messages = ['one', 'two', 'three', 'four'];
  const answers = await ask(socket, messages);
  const [pid] = answers[0].split(':');
  assert.deepEqual(
    answers,
    messages.map((message) => `${pid}: ${message}`),
  );
  return Number(pid);
}

describe('examples/cluster', { skip }, () => {
  for (const transport of TRANSPORTS) {
    it(
      `an address always reaches the same worker, and all workers are used: ${transport}`,
      { timeout },
      async (t) => {
        const { url } = await startExample(t, 'cluster');
        const workers = new Map();
        for (const address of [...ADDRESSES, ...ADDRESSES]) {
          const pid = await workerOf(t, url, transport, address);
          assert.equal(pid, workers.get(address) ?? pid);
          workers.set(address, pid);
        }
        assert.equal(new Set(workers.values()).size, 2);
      },
    );
  }

  it('replaces a worker that was killed; the other keeps its clients', { timeout }, async (t) => {
    const { program, url } = await startExample(t, 'cluster');
    const first = await workerOf(t, url, 'xhr-polling', ADDRESSES[0]);
    let second = first;
    for (const address of ADDRESSES) {
      second = await workerOf(t, url, 'xhr-polling', address);
      if (second !== first) break;
    }
    // The local address is still the one of the second worker.
    const socket = await connect(t, url, 'websocket');
    assert.deepEqual(await ask(socket, ['before']), [`${second}: before`]);

    process.kill(first, 'SIGKILL');
    assert.deepEqual(await ask(socket, ['meanwhile']), [`${second}: meanwhile`]);
    while (!program.errors.includes(`Worker ${first} has ended: SIGKILL`)) {
      await new Promise(setImmediate);
    }
    const third = await workerOf(t, url, 'websocket', ADDRESSES[0]);
    assert.ok(third !== first && third !== second);
    assert.deepEqual(await ask(socket, ['after']), [`${second}: after`]);
  });

  it('Ctrl-C ends the primary and its workers', { timeout }, async (t) => {
    const { program, url } = await startExample(t, 'cluster');
    await workerOf(t, url, 'websocket', ADDRESSES[0]);
    program.process.kill('SIGINT');
    // `exit` waits until stdout is closed, which all workers share.
    assert.deepEqual(await program.exit(), { code: 0, signal: null });
  });

  it('says which port is in use, and how to choose another', { timeout }, async (t) => {
    const { port } = await startExample(t, 'cluster');
    const file = 'examples/cluster/server.js';
    const second = run(t, process.execPath, [file], { PORT: String(port) });
    assert.deepEqual(await second.exit(), { code: 1, signal: null });
    assert.match(second.errors, new RegExp(`EADDRINUSE.*:${port}\\. Another port: PORT=`));
  });
});
