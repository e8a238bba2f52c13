// Connections.

import { expectAssignable, expectError, expectNotAssignable, expectType } from 'tsd';
import stream = require('stream');
import sockjs = require('../../..');

declare const connection: sockjs.Connection;

expectType<string>(connection.id);
expectType<number>(connection.readyState);
expectType<boolean>(connection.readable);
expectType<boolean>(connection.writable);
expectType<string>(connection.remoteAddress);
expectType<number>(connection.remotePort);
expectType<string>(connection.address.address);
expectType<string>(connection.headers['x-forwarded-for']);
expectType<string>(connection.url);
expectType<string>(connection.pathname);
expectType<string>(connection.prefix);
expectType<number>(connection.bufferedAmount);
expectError((connection.bufferedAmount = 0));

expectAssignable<string>(connection.protocol);
for (const name of [
  'eventsource',
  'htmlfile',
  'jsonp-polling',
  'websocket',
  'websocket-raw',
  'xhr-polling',
  'xhr-streaming',
] as const) {
  expectAssignable<sockjs.Transport>(name);
  connection.protocol = name;
}
expectNotAssignable<sockjs.Transport>('raw');

expectType<boolean>(connection.write('text'));
expectType<boolean>(connection.write(1));
expectType<boolean>(connection.write({ toString: () => 'text' }));
expectType<boolean>(connection.write(new Uint8Array(3)));
expectError(connection.write());
expectType<boolean>(connection.close());
expectType<boolean>(connection.close(3000, 'Go away'));
expectType<boolean>(connection.close('3000'));
expectError(connection.close({}));
expectError(connection.close(3000, 1));
connection.end();
connection.end({ toString: () => 'last words' });
expectType<void>(connection.destroy());
expectType<void>(connection.destroySoon());
expectType<sockjs.Connection>(connection.pause());
expectType<sockjs.Connection>(connection.resume());
expectType<string>(connection.toString());

connection.on('data', (message) => expectType<string>(message));
connection.once('data', (message) => expectType<string>(message));
connection.addListener('data', (message) => expectType<string>(message));
// A listener may declare another type for messages.
connection.on('data', (message: unknown) => message);
connection.on('data', (message: string | Buffer | object) => message);
connection
  .on('end', () => {})
  .on('close', () => {})
  .on('drain', () => {});
expectError(connection.on('close', 'not a function'));

expectAssignable<NodeJS.ReadWriteStream>(connection);
expectType<stream.PassThrough>(connection.pipe(new stream.PassThrough()));
process.stdin.pipe(connection).pipe(process.stdout);
