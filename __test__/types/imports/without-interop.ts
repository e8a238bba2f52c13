// Without `esModuleInterop`, there is no default import.

import sockjs = require('sockjs-rs');
import * as namespace from 'sockjs-rs';
import { createServer, Connection } from 'sockjs-rs';

const services: sockjs.Server[] = [sockjs.createServer(), namespace.createServer(), createServer()];
services[0].on('connection', (conn: Connection) => conn.close());

export = services;
