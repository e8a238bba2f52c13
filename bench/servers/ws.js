'use strict';

const { WebSocketServer } = require('ws');

const { createServer, fanOut, listen } = require('./common');

const server = createServer();
const wss = new WebSocketServer({ server });

wss.on('connection', (ws) => {
  ws.on('message', (message, binary) => {
    if (!fanOut) {
      ws.send(message, { binary });
      return;
    }
    for (const to of wss.clients) to.send(message, { binary });
  });
});
listen(server);
