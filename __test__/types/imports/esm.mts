// The ways in which ES modules import the package; `__test__/imports.test.js` tests them at run time.

import http = require('http');
import sockjs from 'sockjs-rs';
import * as namespace from 'sockjs-rs';
import { createServer, listen, Server } from 'sockjs-rs';
import type { Connection, ServerOptions } from 'sockjs-rs';

const options: ServerOptions = { prefix: '/echo' };
const services: sockjs.Server[] = [
  sockjs.createServer(options),
  namespace.createServer(options),
  createServer(options),
  sockjs.listen(http.createServer(), options),
  listen(http.createServer(), options),
  new sockjs.Server(options),
  new Server(options),
];
services[0].on('connection', (conn: Connection) => conn.close());

const wrong: namespace.ServerOptions = {
  // @ts-expect-error the types of the package are used, not `any`
  prefix: 1,
};

export { services, wrong };
