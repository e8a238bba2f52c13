'use strict';

const { Server } = require('socket.io');

const { createServer, fanOut, listen } = require('./common');

const server = createServer();
const io = new Server(server, { transports: ['websocket'], serveClient: false });
const sockets = new Set();

io.on('connection', (socket) => {
  if (!fanOut) {
    socket.on('m', (message) => socket.emit('m', message));
    return;
  }
  sockets.add(socket);
  socket.on('disconnect', () => sockets.delete(socket));
  socket.on('m', (message) => {
    for (const to of sockets) to.emit('m', message);
  });
});
listen(server);
