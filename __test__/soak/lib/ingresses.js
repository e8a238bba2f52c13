'use strict';

/**
 * @file Http servers on free ports of 127.0.0.1, one for each ingress.
 */

const http = require('node:http');

const { throughIngress } = require('../../support/library');

/** Milliseconds. Longer than a pause of any client: a request on a connection that Node closes would be lost. */
const KEEP_ALIVE = 120_000;

/**
 * @param {http.RequestListener} application
 * @param {(server: http.Server) => void} install puts services on a server
 * @returns {Promise<{ servers: http.Server[], ports: { takeover: number, bridge: number } }>}
 */
async function serveBothIngresses(application, install) {
  const servers = [];
  const ports = {};
  for (const ingress of ['takeover', 'bridge']) {
    const server = http.createServer(application);
    server.keepAliveTimeout = KEEP_ALIVE;
    throughIngress(ingress, () => install(server));
    await new Promise((resolve) =>
      server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, resolve),
    );
    servers.push(server);
    ports[ingress] = server.address().port;
  }
  return { servers, ports };
}

/** @param {http.Server[]} servers */
function close(servers) {
  for (const server of servers) {
    server.close();
    // On Node 18, `close` alone waits for idle connections.
    server.closeIdleConnections();
  }
}

/** Collects garbage several times: finalizers of one collection release objects for the next. */
async function collect() {
  for (let round = 0; round < 3; round++) {
    globalThis.gc();
    await new Promise(setImmediate);
  }
}

module.exports = { serveBothIngresses, close, collect };
