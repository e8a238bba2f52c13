'use strict';

/**
 * @file Services that come and go in the process that runs the soak: by `attach` and `detach` on servers that stay, and
 * by fresh copies of the package.
 */

const http = require('node:http');
const path = require('node:path');

const { Client } = require('../../support/client');
const { collect } = require('./ingresses');
const { TRANSPORTS, drop, echo, openEcho } = require('./talk');

const ROOT = path.join(__dirname, '../../..');

/** What has gone, as long as it is there. @type {WeakRef<object>[]} */
let gone = [];

/** A copy of the package that shares nothing with the others, as Jest makes for each test file. */
function freshCopy() {
  const own = [path.join(ROOT, 'index.js'), path.join(ROOT, 'binding.js'), path.join(ROOT, 'lib')];
  for (const file of Object.keys(require.cache)) {
    if (own.some((name) => file.startsWith(name))) delete require.cache[file];
  }
  const copy = require(ROOT);
  // Node keeps what a module has required, whatever becomes of the cache.
  module.children.length = 0;
  return copy;
}

/** @param {any} sockjs */
function makeService(sockjs) {
  const options = { prefix: '/s', log: null, disconnect_delay: 1500 };
  const service = sockjs.createServer(options);
  service.on('connection', (conn) => {
    gone.push(new WeakRef(conn));
    conn.on('data', (message) => conn.write(message));
  });
  gone.push(new WeakRef(service));
  return service;
}

/**
 * A client of each transport comes to a service, and talks on when that has been taken off its server.
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
  gone.push(new WeakRef(server));
  await new Promise((resolve) => server.close(resolve));
}

/** Lets a service come and go, in this copy of the package and in one of its own. */
async function pass(sockjs) {
  await attachAndDetach(sockjs);
  await attachAndDetach(freshCopy());
}

/** @returns {Promise<number>} how many of all that has gone are left after a collection */
async function countLeft() {
  await collect();
  gone = gone.filter((ref) => ref.deref() !== undefined);
  return gone.length;
}

module.exports = { pass, countLeft };
