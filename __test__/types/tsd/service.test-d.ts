// The module, services and their handlers.

import { expectAssignable, expectError, expectType } from 'tsd';
import http = require('http');
import https = require('https');
import net = require('net');
import stream = require('stream');
import sockjs = require('../../..');

const httpServer = http.createServer();
const httpsServer = https.createServer();

expectType<sockjs.Server>(sockjs.createServer());
expectType<sockjs.Server>(sockjs.createServer(null));
expectType<sockjs.Server>(sockjs.createServer({ prefix: '/echo' }));
expectError(sockjs.createServer('/echo'));

expectType<sockjs.Server>(sockjs.listen());
expectType<sockjs.Server>(sockjs.listen(null, { prefix: '/echo' }));
expectType<sockjs.Server>(sockjs.listen(httpServer, { prefix: '/echo' }));
expectType<sockjs.Server>(sockjs.listen(httpsServer));
expectError(sockjs.listen(8080));

const service = sockjs.createServer();
expectType<sockjs.ServerOptions>(service.options);
expectType<any>(service.installHandlers(httpServer));
expectType<any>(service.installHandlers(httpsServer, { prefix: '/echo' }));
expectError(service.installHandlers());
expectError(service.installHandlers(net.createServer()));
expectError(service.installHandlers(httpServer, '/echo'));
expectType<void>(service.attach(httpServer));
expectType<void>(service.detach(httpsServer));
expectError(service.attach());
expectError(service.detach());

expectType<sockjs.Listener>(service.listener({ prefix: '/echo' }));
expectType<sockjs.ServerOptions>(service.listener().options);
const handler = service.listener().getHandler();
const middleware = service.middleware({ prefix: '/echo' });
expectType<sockjs.Handler>(handler);
expectType<sockjs.Handler>(middleware.upgrade);
httpServer.on('request', (request, response) => {
  expectType<boolean>(handler(request, response));
  expectType<boolean>(middleware(request, response));
});
httpServer.on('upgrade', (request, socket, head) => {
  expectType<stream.Duplex>(socket);
  expectType<boolean>(handler(request, socket, head));
  expectType<boolean>(middleware.upgrade(request, socket, head));
});
expectError(handler());
expectError(handler({}, {}));

expectType<sockjs.Server>(
  service.on('connection', (connection) => expectType<sockjs.Connection>(connection)),
);
service.once('connection', (connection) => expectType<sockjs.Connection>(connection));
service.addListener('connection', (connection) => expectType<sockjs.Connection>(connection));
expectAssignable<NodeJS.EventEmitter>(service);

const first = new sockjs.Server({ disabled_transports: ['websocket'] });
expectType<sockjs.FirstServer>(first);
expectAssignable<sockjs.Server>(first);
first.on('open', (connection) => expectType<sockjs.FirstConnection>(connection));
first.on('connection', (connection) => {
  expectType<sockjs.FirstConnection>(connection);
  expectType<boolean>(connection.send('text'));
  connection.on('message', (event) => expectType<any>(event.data));
  connection.on('data', (message) => expectType<string>(message));
});
// Connections of `createServer()` do not have `send`.
service.on('connection', (connection) => expectError(connection.send('text')));

expectAssignable<sockjs.ErrorCode>('ERR_SOCKJS_INVALID_OPTION');
expectAssignable<sockjs.ErrorCode>('ERR_SOCKJS_OPTION_RANGE');
expectAssignable<sockjs.ErrorCode>('ERR_SOCKJS_INVALID_ARGUMENT');
expectAssignable<sockjs.ErrorCode>('ERR_SOCKJS_NO_BINARY');
expectAssignable<sockjs.ErrorCode>('ERR_SOCKJS_NO_RESOURCES');
