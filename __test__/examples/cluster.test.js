'use strict';

/** @file examples/cluster: every client address has a worker, which gets all of its requests. */

const assert = require('node:assert/strict');
const http = require('node:http');
const net = require('node:net');
const { describe, it } = require('node:test');

const { TRANSPORTS, ask, connect, run, startExample, timeout } = require('./support');

/** Addresses that clients come from; Linux lets them be any of 127.0.0.0/8. */
const ADDRESSES = ['127.0.0.1', '127.0.0.2', '127.0.0.3', '127.0.0.4', '127.0.0.5', '127.0.0.6'];

const skip = process.platform !== 'linux' && 'needs clients with several addresses of this machine';

/** Where the connections of this process come from. */
let from;

// sockjs-client has no option for it: its requests follow the global agent, its websockets do not.
const { connect: netConnect } = net;
net.connect = (options, ...rest) => netConnect({ ...options, localAddress: from }, ...rest);

/**
 * @param {string} address that the next connections come from
 */
function comeFrom(address) {
  from = address;
  http.globalAgent.options.localAddress = address;
}

/**
 * Talks to the cluster from an address.
 *
 * @returns {Promise<number>} the worker that has answered each message
 */
async function workerOf(t, url, transport, address) {
  comeFrom(address);
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
      `keeps an address with a worker, and uses all workers: ${transport}`,
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

  it('replaces a worker that has died, and the other keeps its clients', { timeout }, async (t) => {
    const { program, url } = await startExample(t, 'cluster');
    const first = await workerOf(t, url, 'xhr-polling', ADDRESSES[0]);
    let second = first;
    for (const address of ADDRESSES) {
      second = await workerOf(t, url, 'xhr-polling', address);
      if (second !== first) break;
    }
    // Still from the address of the second worker.
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

  it('ends at Ctrl-C, workers too', { timeout }, async (t) => {
    const { program, url } = await startExample(t, 'cluster');
    await workerOf(t, url, 'websocket', ADDRESSES[0]);
    program.process.kill('SIGINT');
    // That comes when the last of them has let go of the output.
    assert.deepEqual(await program.exit(), { code: 0, signal: null });
  });

  it('says which port is in use, and what to do', { timeout }, async (t) => {
    const { port } = await startExample(t, 'cluster');
    const file = 'examples/cluster/server.js';
    const second = run(t, process.execPath, [file], { PORT: String(port) });
    assert.deepEqual(await second.exit(), { code: 1, signal: null });
    assert.match(second.errors, new RegExp(`EADDRINUSE.*:${port}\\. Another port: PORT=`));
  });
});
