'use strict';

/** For all browser tests: Chromium, the library under test, and servers on free ports. */

const fs = require('node:fs');
const path = require('node:path');
const { chromium } = require('playwright-core');

const { ingresses, isOracle, sockjs } = require('../support/library');
const { startServer: startTestServer } = require('../support/server');

const BROWSERS = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

const BROWSER_ARGS = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const executablePath = findChromium();

const CLIENT = require.resolve('sockjs-client/dist/sockjs.min.js');

/** The files that the servers below serve: an empty page and its scripts. */
const FILES = {
  '/': [path.join(__dirname, 'page/index.html'), 'text/html; charset=utf-8'],
  '/client.js': [path.join(__dirname, 'page/client.js'), 'text/javascript; charset=utf-8'],
  '/messages.js': [path.join(__dirname, 'page/messages.js'), 'text/javascript; charset=utf-8'],
  '/sockjs.min.js': [CLIENT, 'text/javascript'],
};

/**
 * If there is no Chromium, says how to install it, and ends the process.
 *
 * @returns {string} the path of the system's Chromium or Chrome
 */
function findChromium() {
  const given = process.env.CHROMIUM;
  const found = (given ? [given] : BROWSERS).find((file) => fs.existsSync(file));
  if (found) return found;
  console.error(
    given
      ? `CHROMIUM is set to ${given}. There is no such file.`
      : 'The browser tests need Chromium. It was not found.\n' +
          'Install it (Debian and Ubuntu: apt-get install chromium), or set CHROMIUM to its path.',
  );
  return process.exit(1);
}

/** @returns {Promise<import('playwright-core').Browser>} headless, with a fresh profile */
function launch() {
  return chromium.launch({
    executablePath,
    headless: true,
    args: BROWSER_ARGS,
    chromiumSandbox: process.getuid?.() !== 0, // Chromium has no sandbox for root
  });
}

/**
 * A server with the test page and a SockJS echo service at `/echo`.
 *
 * @param {string} ingress
 * @param {object} [options] for the service
 * @returns {Promise<{origin: string, service: object, errors: string[], close: () => Promise<void>}>}
 */
async function startServer(ingress, options) {
  const errors = [];
  const service = sockjs.createServer({
    sockjs_url: '/sockjs.min.js',
    // Short, because a browser cannot abort a waiting jsonp poll. The next heartbeat ends it.
    heartbeat_delay: 1000,
    disconnect_delay: 2000,
    log: (severity, line) => severity === 'error' && errors.push(line),
    ...options,
  });
  service.on('connection', (conn) => conn.on('data', (message) => conn.write(message)));
  const install = (server) => service.installHandlers(server, { prefix: '/echo' });
  const server = await startTestServer(ingress, { install, app: serveFile });
  return { origin: server.origin, service, errors, close: () => server.abort() };
}

/** @type {import('node:http').RequestListener} */
function serveFile(req, res) {
  const [file, type] = FILES[req.url.split('?')[0]] || [];
  res.writeHead(file ? 200 : 404, { 'Content-Type': type || 'text/plain' });
  res.end(file ? fs.readFileSync(file) : 'Not found\n');
}

module.exports = { ingresses, isOracle, launch, startServer };
