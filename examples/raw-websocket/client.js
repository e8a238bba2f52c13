'use strict';

/**
 * @file Sends a text and a binary message to an echo over a plain websocket, and closes. Node has a
 * websocket client from version 22 on; with older versions, use the package ws.
 *
 *     node examples/raw-websocket/client.js [ws://127.0.0.1:8080/echo/websocket]
 */

const WebSocket = globalThis.WebSocket ?? require('ws');

const url = process.argv[2] ?? 'ws://127.0.0.1:8080/echo/websocket';
const socket = new WebSocket(url);
socket.binaryType = 'arraybuffer';

socket.onopen = () => socket.send('hello');
socket.onmessage = ({ data }) => {
  console.log(typeof data === 'string' ? data : Buffer.from(data));
  if (data === 'hello') socket.send(new Uint8Array([1, 2, 3]));
  else socket.close(1000);
};
socket.onclose = ({ code }) => console.log(`closed with ${code}`);
socket.onerror = ({ message }) => {
  console.error(`${url}: ${message || 'no connection'}`);
  process.exitCode = 1;
};
