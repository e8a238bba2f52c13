// Types of options.

import { expectAssignable, expectError, expectNotAssignable, expectType } from 'tsd';
import http = require('http');
import sockjs = require('../../..');

// Every option; null for options of 0.3.24 that can be turned off; undefined for new options.
expectAssignable<sockjs.ServerOptions>({
  prefix: '/echo',
  response_limit: 131072,
  websocket: true,
  faye_server_options: {
    maxLength: 1000,
    ping: 30,
    headers: { 'X-Powered-By': 'Rust', 'X-Number': 1 },
    extensions: [],
    other: 'ignored',
  },
  jsessionid: true,
  heartbeat_delay: 25000,
  disconnect_delay: 5000,
  disable_cors: true,
  base_url: 'https://example.com/echo',
  log: null,
  sockjs_url: '/sockjs.min.js',
  transports: ['websocket', 'xhr-polling'],
  disabled_transports: ['iframe-eventsource'],
  max_message_size: 1000,
  max_buffered: 1000,
  high_water_mark: 0,
  binary: true,
  io_threads: 2,
  pong_timeout: 5000,
});
expectAssignable<sockjs.ServerOptions>({
  faye_server_options: null,
  jsessionid: null,
  base_url: null,
  transports: null,
  disabled_transports: null,
  high_water_mark: null,
});
expectAssignable<sockjs.ServerOptions>({
  max_message_size: undefined,
  max_buffered: undefined,
  high_water_mark: undefined,
  binary: undefined,
  io_threads: undefined,
  pong_timeout: undefined,
});
expectAssignable<sockjs.ServerOptions>({ base_url: () => '/echo' });
expectAssignable<sockjs.ServerOptions>({ transports: ['raw'].length > 1 ? [] : undefined });
const frozen = ['websocket', 'eventsource'] as const;
expectAssignable<sockjs.ServerOptions>({ transports: frozen, disabled_transports: frozen });

sockjs.createServer({
  log(severity, line) {
    expectType<'debug' | 'info' | 'error'>(severity);
    expectType<string>(line);
  },
  jsessionid(request, response) {
    expectAssignable<http.IncomingMessage>(request);
    expectType<http.ServerResponse>(response);
    response.setHeader('Set-Cookie', `JSESSIONID=${request.cookies.JSESSIONID}`);
  },
});

// These compile with @types/sockjs, but not here: see the first comment of index.d.ts.
declare const complete: Required<sockjs.ServerOptions>;
type Log = (severity: string, line: string) => void;
expectNotAssignable<(severity: 'info', line: string) => void>(complete.log);
if (complete.log) expectNotAssignable<Log>(complete.log);

// Wrong types, one option each.
expectNotAssignable<sockjs.ServerOptions>({ prefix: /echo/ });
expectNotAssignable<sockjs.ServerOptions>({ prefix: null });
expectNotAssignable<sockjs.ServerOptions>({ response_limit: '131072' });
expectNotAssignable<sockjs.ServerOptions>({ websocket: 'yes' });
expectNotAssignable<sockjs.ServerOptions>({ faye_server_options: true });
expectNotAssignable<sockjs.ServerOptions>({ faye_server_options: { maxLength: '1' } });
expectNotAssignable<sockjs.ServerOptions>({ faye_server_options: { ping: true } });
expectNotAssignable<sockjs.ServerOptions>({ faye_server_options: { headers: 'a: b' } });
expectNotAssignable<sockjs.ServerOptions>({ jsessionid: 'JSESSIONID' });
expectNotAssignable<sockjs.ServerOptions>({ heartbeat_delay: '25s' });
expectNotAssignable<sockjs.ServerOptions>({ disconnect_delay: null });
expectNotAssignable<sockjs.ServerOptions>({ disable_cors: 'no' });
expectNotAssignable<sockjs.ServerOptions>({ base_url: 1 });
expectNotAssignable<sockjs.ServerOptions>({ log: true });
expectNotAssignable<sockjs.ServerOptions>({ log: (line: number) => line });
expectNotAssignable<sockjs.ServerOptions>({ sockjs_url: new URL('http://example.com') });
expectNotAssignable<sockjs.ServerOptions>({ transports: ['raw'] });
expectNotAssignable<sockjs.ServerOptions>({ transports: 'websocket' });
expectNotAssignable<sockjs.ServerOptions>({ disabled_transports: [1] });
expectNotAssignable<sockjs.ServerOptions>({ max_message_size: '1mb' });
expectNotAssignable<sockjs.ServerOptions>({ max_buffered: null });
expectNotAssignable<sockjs.ServerOptions>({ high_water_mark: '16kb' });
expectNotAssignable<sockjs.ServerOptions>({ binary: 'yes' });
expectNotAssignable<sockjs.ServerOptions>({ io_threads: 'all' });
expectNotAssignable<sockjs.ServerOptions>({ pong_timeout: '10s' });

// Unknown names are errors in object literals. Other objects may have additional properties.
expectError(sockjs.createServer({ hearbeat_delay: 1 }));
const others = { prefix: '/echo', port: 8080 };
sockjs.createServer(others);
