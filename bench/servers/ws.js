'use strict';

const { WebSocketServer } = require('ws');

const { createServer, fanOut, listen } = require('./common');
const { Loop, enter, inRooms } = require('./rooms');

const server = createServer();
const wss = new WebSocketServer({ server });

/** Messages are Buffers here, and are sent as text. */
const TEXT = { binary: false };
const rooms = new Loop((ws, message) => ws.send(message, TEXT));

wss.on('connection', (ws, req) => {
  if (inRooms) {
    ws.on(
      'message',
      enter(rooms, ws, req.url, (message) => ws.send(message, TEXT)),
    );
    return;
  }
  ws.on('message', (message, binary) => {
    if (!fanOut) {
      ws.send(message, { binary });
      return;
    }
    for (const to of wss.clients) to.send(message, { binary });
  });
});
listen(server);
