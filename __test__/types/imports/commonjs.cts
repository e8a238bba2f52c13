// The ways in which CommonJS modules import the package.

import sockjs = require('sockjs-rs');
import standard from 'sockjs-rs';
import * as namespace from 'sockjs-rs';
import { createServer, type Connection } from 'sockjs-rs';

const services: sockjs.Server[] = [
  sockjs.createServer(),
  standard.createServer(),
  namespace.createServer(),
  createServer(),
];
services[0].on('connection', (conn: Connection) => conn.close());

// @ts-expect-error the types of the package are used, not `any`
sockjs.createServer({ prefix: 1 });

export = services;
