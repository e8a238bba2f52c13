// Code for @types/sockjs that uses each member declared there. The first comment of index.d.ts lists the exceptions.
// `npm run test:types` compiles it with @types/sockjs and with index.d.ts.

import http = require('http');
import sockjs = require('sockjs');
import { createServer, Connection, Server, ServerOptions } from 'sockjs';
import * as namespace from 'sockjs';
import standard from 'sockjs';

declare module 'sockjs' {
  interface Connection {
    user?: { name: string };
  }
}

// Each option, alone and with the others, and as undefined.
const options: ServerOptions = {
  sockjs_url: 'https://example.com/sockjs.min.js',
  prefix: '/echo',
  response_limit: 1000,
  websocket: true,
  jsessionid: false,
  log(severity: string, message: string) {
    console.log(severity.toUpperCase(), message.length);
  },
  heartbeat_delay: 25000,
  disconnect_delay: 5000,
};
const unset: sockjs.ServerOptions = {
  sockjs_url: undefined,
  prefix: undefined,
  response_limit: undefined,
  websocket: undefined,
  jsessionid: undefined,
  heartbeat_delay: undefined,
  disconnect_delay: undefined,
};
const logs: ServerOptions[] = [
  { log: (severity, message) => console.log(severity.length, message.trim()) },
  { log: () => {} },
  { log: (severity: 'error') => console.log(severity) },
  { log: console.log },
];
const cookies: ServerOptions[] = [
  { jsessionid: true },
  { jsessionid: (req: http.IncomingMessage, res: http.ServerResponse) => res.setHeader('a', 'b') },
  { jsessionid: (req: http.IncomingMessage & { session: string }) => req.session },
];
const prefix: string | undefined = options.prefix;
const limit: number | undefined = options.response_limit;
const served: boolean | undefined = options.websocket;
options.log?.('info', 'a line');
options.prefix = '/other';

// Services.
const service: Server = createServer();
const services: sockjs.Server[] = [
  sockjs.createServer(options),
  namespace.createServer(unset),
  standard.createServer({ ...options, ...logs[0], ...cookies[0] }),
];
const server = http.createServer();
service.installHandlers(server);
service.installHandlers(server, { prefix: '/echo' });
const installed: { prefix: string } = service.installHandlers(server);
const chained: Server = service
  .on('connection', (conn) => conn.write('hello'))
  .on('connection', async (conn) => conn.close())
  .on('connection', listen)
  .on('other', (one: number, two: string) => one + two.length);
service.once('connection', (conn: Connection) => conn.end());
service.removeListener('connection', listen);
service.removeAllListeners().setMaxListeners(20);
const emitter: NodeJS.EventEmitter = service;
const count: number = service.listeners('connection').length + service.listenerCount('other');

// Connections.
const people = new Map<string, Connection>();

function listen(conn: sockjs.Connection): void {
  // These parameters get their types from the declarations.
  conn.on('data', (message) => message.split(',').forEach((part) => conn.write(part.trim())));
  conn.on('data', async (message) => JSON.parse(message));
  conn.on('data', (message: string) => conn.write(message));
  conn.on('data', (message: any) => conn.write(message.text));
  conn.on('data', (message: Buffer) => conn.write(message.length.toString()));
  conn.on('close', () => people.delete(conn.id));
  conn.on('close', function (this: Connection) {});
  conn.on('other', (anything: number) => anything);
  conn.once('data', (message: string) => message);
  conn.addListener('end', () => {}).emit('other', 1);
  conn.removeAllListeners('data');

  conn.user = { name: conn.headers['x-real-ip'] };
  people.set(conn.id, conn);
  conn.id = `${conn.id}-2`;

  const texts: string[] = [
    conn.remoteAddress,
    conn.url,
    conn.pathname,
    conn.prefix,
    conn.protocol,
    conn.id,
    conn.headers.host.toLowerCase(),
  ];
  const numbers: number[] = [conn.remotePort, conn.readyState];
  const { address, port }: { address: string; port: number } = conn.address.local;
  const headers: { [name: string]: string } = conn.headers;
  conn.remoteAddress = headers['x-forwarded-for'].split(', ')[0];
  conn.remotePort = Number(headers['x-forwarded-port']);
  conn.write(`${address}:${port}`);
  conn.headers = { host: 'example.com' };
  conn.url = conn.pathname = conn.prefix = '/';
  conn.protocol = texts[numbers.length];

  if (conn.protocol === 'websocket' || conn.protocol === 'mine') return;
  conn.readyState = conn.readyState === 4 ? 3 : numbers[1];
  conn.readable = conn.writable = false;
  if (conn.readyState === 1 && conn.readable && conn.writable) conn.pause();
  conn.resume();

  const closed: boolean = conn.close() || conn.close('3000') || conn.close('3000', 'Go away');
  if (closed) conn.destroy();

  const written: boolean = conn.write('text') && conn.write(Buffer.from('text'));
  conn.write('text', 'utf8', (error) => error?.message);
  conn.write('text', () => {});
  conn.end();
  conn.end('text');
  conn.end(written.toString(), 'utf8', () => {});

  const stream: NodeJS.ReadWriteStream = conn;
  conn.pipe(conn);
  process.stdin.pipe(stream).pipe(process.stdout);
}

/** An application's own view of a connection. */
interface Visitor extends sockjs.Connection {
  name: string;
}

export = {
  chained,
  count,
  emitter,
  installed,
  limit,
  prefix,
  served,
  services,
  Visitor: {} as Visitor,
};
