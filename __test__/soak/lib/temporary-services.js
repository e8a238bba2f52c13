'use strict';

/**
 * @file Services that are added and removed with `attach` and `detach` in the process of the run, also in new copies of
 * the package.
 */

const http = require('node:http');
const path = require('node:path');

const { Client } = require('../../support/client');
const { collect } = require('./ingresses');
const { TRANSPORTS, drop, echo, openEcho } = require('./echo-client');

const ROOT = path.join(__dirname, '../../..');

/** Objects that are not used any more and may still exist. @type {WeakRef<object>[]} */
let unused = [];

/** @returns {any} a new copy of the package, as Jest makes one for each test file */
function newCopy() {
  const own = [path.join(ROOT, 'index.js'), path.join(ROOT, 'binding.js'), path.join(ROOT, 'lib')];
  for (const file of Object.keys(require.cache)) {
    if (own.some((name) => file.startsWith(name))) delete require.cache[file];
  }
  const copy = require(ROOT);
  // `children` would keep the modules although they are not in the cache.
  module.children.length = 0;
  return copy;
}

/** @param {any} sockjs */
function makeService(sockjs) {
  const options = { prefix: '/s', log: null, disconnect_delay: 1500 };
  const service = sockjs.createServer(options);
  service.on('connection', (conn) => {
    unused.push(new WeakRef(conn));
    conn.on('data', (message) => conn.write(message));
  });
  unused.push(new WeakRef(service));
  return service;
}

/**
 * Opens a session of each transport with a service, and detaches it. Websockets must stay open.
 *
 * @param {any} sockjs
 */
async function attachAndDetach(sockjs) {
  const server = http.createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = new Client(server.address().port);
  const service = makeService(sockjs);
  service.attach(server);
  const links = [];
  for (const transport of TRANSPORTS) {
    const link = await openEcho(client, transport, transport);
    await echo(link, 'hello');
    links.push(link);
  }
  service.detach(server);
  for (const [index, link] of links.entries()) {
    if (TRANSPORTS[index].startsWith('websocket')) await echo(link, 'still here');
    drop(link);
  }
  client.disconnect();
  unused.push(new WeakRef(server));
  await new Promise((resolve) => server.close(resolve));
}

/** Adds and removes a service in this copy of the package, and one in a new copy. */
async function useServices(sockjs) {
  await attachAndDetach(sockjs);
  await attachAndDetach(newCopy());
}

/** @returns {Promise<number>} how many unused objects are left after a garbage collection */
async function countLeft() {
  await collect();
  unused = unused.filter((ref) => ref.deref() !== undefined);
  return unused.length;
}

module.exports = { countLeft, useServices };
