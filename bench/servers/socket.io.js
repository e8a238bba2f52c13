'use strict';

const { Server } = require('socket.io');

const { createServer, fanOut, listen } = require('./common');
const { commands, connections, enter, inRooms } = require('./rooms');

const server = createServer();
const io = new Server(server, { transports: ['websocket'], serveClient: false });

/** @type {import('./rooms').Rooms<import('socket.io').Socket>} */
const rooms = {
  join: (socket, room) => socket.join(room),
  leave: (socket, room) => socket.leave(room),
  publish: (room, message) => io.to(room).emit('m', message),
};

io.on('connection', (socket) => {
  if (inRooms) {
    const reply = (message) => socket.emit('m', message);
    socket.on('m', enter(rooms, socket, socket.request.url, reply));
    socket.on('disconnect', () => connections.delete(socket));
    return;
  }
  const to = fanOut ? io : socket;
  socket.on('m', (message) => to.emit('m', message));
});
listen(server, commands(rooms));
