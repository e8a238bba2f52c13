'use strict';

/** `/amplify` answers with at most 2 to this power characters. */
const MAX_AMPLIFICATION = 18;

/**
 * Installs the services that the public SockJS protocol test suite (0.3) and the browser tests of sockjs-client use.
 *
 * @param {import('http').Server} server
 * @param {typeof import('../..')} sockjs sockjs-rs, or a package with the same interface
 * @param {object} [options] for all services
 */
function install(server, sockjs, options) {
  const echo = sockjs.createServer({ ...options, response_limit: 4096 });
  echo.on('connection', (conn) => conn.on('data', (message) => conn.write(message)));
  echo.installHandlers(server, { prefix: '/echo' });
  echo.installHandlers(server, { prefix: '/disabled_websocket_echo', websocket: false });
  echo.installHandlers(server, { prefix: '/cookie_needed_echo', jsessionid: true });

  const close = sockjs.createServer(options);
  close.on('connection', (conn) => conn.close(3000, 'Go away!'));
  close.installHandlers(server, { prefix: '/close' });

  const broadcast = sockjs.createServer(options);
  const members = new Set();
  broadcast.on('connection', (conn) => {
    members.add(conn);
    conn.on('close', () => members.delete(conn));
    conn.on('data', (message) => members.forEach((member) => member.write(message)));
  });
  broadcast.installHandlers(server, { prefix: '/broadcast' });

  const ticker = sockjs.createServer(options);
  ticker.on('connection', (conn) => {
    const timer = setInterval(() => conn.write('tick!'), 1000);
    conn.on('close', () => clearInterval(timer));
  });
  ticker.installHandlers(server, { prefix: '/ticker' });

  const amplify = sockjs.createServer(options);
  amplify.on('connection', (conn) => {
    conn.on('data', (message) => conn.write('x'.repeat(2 ** amplification(message))));
  });
  amplify.installHandlers(server, { prefix: '/amplify' });
}

/**
 * @param {unknown} message a power of two that the client asks for
 * @returns {number} that power, or 1 if it is not from 1 to 18
 */
function amplification(message) {
  const power = Math.floor(Number(message));
  return power > 0 && power <= MAX_AMPLIFICATION ? power : 1;
}

module.exports = { install };
