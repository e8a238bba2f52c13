'use strict';

/*
 * The server for the public SockJS protocol test suite, version 0.3.
 *
 *     node examples/test_server            # port 8081
 *     PORT=9000 node examples/test_server
 *     HOST=127.0.0.1 node examples/test_server    # the default is all addresses
 */

const http = require('http');
const { install } = require('./services');

/** Serves all services on HOST and PORT until Ctrl-C. */
function main() {
  const port = Number(process.env.PORT || 8081);
  const server = http.createServer((req, res) => {
    res.writeHead(404, { 'Content-Type': 'text/plain' });
    res.end('Not found\n');
  });
  install(server, require('../..'), {
    log: (severity, line) => severity === 'error' && console.error(line),
  });

  server.on('error', (error) => {
    const inUse = error.code === 'EADDRINUSE';
    console.error(inUse ? `Port ${port} is in use: set PORT to another one.` : error.message);
    process.exitCode = 1;
  });
  server.listen({ port, host: process.env.HOST }, () => {
    console.log(`SockJS test server on http://127.0.0.1:${server.address().port}/`);
  });
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(0));
}

if (require.main === module) main();

module.exports = { install };
