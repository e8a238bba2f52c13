'use strict';

const { Server } = require('socket.io');

const { createServer, fanOut, listen } = require('./common');

const server = createServer();
const io = new Server(server, { transports: ['websocket'], serveClient: false });

io.on('connection', (socket) => {
  const to = fanOut ? io : socket;
  socket.on('m', (message) => to.emit('m', message));
});
listen(server);
