'use strict';

/**
 * webpack-dev-server with sockjs on both ends: a page in Chromium gets what has changed in a file
 * without being loaded again, and clients in Node hear of it.
 */

const assert = require('node:assert/strict');
const { fork } = require('node:child_process');
const { EventEmitter, once } = require('node:events');
const fs = require('node:fs/promises');
const os = require('node:os');
const path = require('node:path');
const { after, before, describe, it } = require('node:test');
const playwright = require('playwright-core/package.json');
const { ingresses } = require('../support/library');
const { connect, next } = require('./support-sockjs-client');

const DEV_SERVER = path.join(__dirname, 'fixtures/dev-server.js');

/** Versions, by the name of their package here. */
const PACKAGES = ['webpack-dev-server4', 'webpack-dev-server'];

/** What the folder holds: a page that shows a word, and takes a new one while it is open. */
const FILES = {
  'index.html': '<!doctype html><title>page</title><p></p><script src="/main.js"></script>',
  'word.js': "module.exports = 'before';",
  'main.js': `
    const show = () => (document.querySelector('p').textContent = require('./word.js'));
    show();
    module.hot.accept('./word.js', show);
  `,
};

/** A time long ago, so that the watcher does not take files that were just made for changed ones. */
const LONG_AGO = new Date(2020, 0);

/** How a dev server serves → what it is told, and the transport that its page then uses. */
const SETTINGS = {
  'over http': [{ server: 'http', webSocketServer: 'sockjs' }, 'websocket'],
  'over https': [{ server: 'https', webSocketServer: 'sockjs' }, 'websocket'],
  'over http, without websockets': [
    {
      server: 'http',
      webSocketServer: { type: 'sockjs', options: { path: '/hot', websocket: false } },
    },
    'xhr-streaming',
  ],
};

/** Milliseconds after which a test has failed; most of it is webpack's on a slow machine. */
const timeout = 90000;

/** Why there are no pages on this Node, if so: playwright-core ends a process that is too old. */
const [needed] = /\d+/.exec(playwright.engines.node);
const skip =
  Number(process.versions.node.split('.')[0]) < Number(needed) &&
  `playwright-core ${playwright.version} needs Node ${needed}`;

/** Dev servers that run; a test that has timed out leaves its own. */
const running = new Set();
after(() => running.forEach((child) => child.kill('SIGKILL')));

/** @returns {Promise<string>} a new folder with FILES */
async function makeFolder() {
  // The watcher follows no links, and the folder for temporary files may be one.
  const parent = await fs.realpath(os.tmpdir());
  const folder = await fs.mkdtemp(path.join(parent, 'sockjs-rs-'));
  for (const [name, text] of Object.entries(FILES)) {
    await fs.writeFile(path.join(folder, name), text);
    await fs.utimes(path.join(folder, name), LONG_AGO, LONG_AGO);
  }
  return folder;
}

/**
 * @param {import('node:child_process').ChildProcess} child
 * @param {string} event
 * @returns {Promise<object>} the next thing of the kind that the dev server says
 */
function said(child, event) {
  return new Promise((resolve, reject) => {
    child.on('message', (message) => message.event === event && resolve(message));
    child.on('exit', (code) => reject(new Error(`the dev server ended with ${code}`)));
  });
}

/**
 * Runs a test with a dev server, whose process has to end by itself when it has been stopped.
 *
 * @param {{name: string, ingress: string, options: object}} setting
 * @param {(tools: {url: string, child: import('node:child_process').ChildProcess,
 *   change: (word: string) => Promise<void>}) => Promise<void>} test
 */
async function withDevServer({ name, ingress, options }, test) {
  const folder = await makeFolder();
  const change = (word) =>
    fs.writeFile(path.join(folder, 'word.js'), `module.exports = '${word}';`);
  const env = { ...process.env, NODE_TEST_CONTEXT: undefined, SOCKJS_RS_DOOR: ingress };
  const child = fork(DEV_SERVER, [name, folder, JSON.stringify(options)], { env });
  const exited = once(child, 'exit');
  running.add(child);
  try {
    const { port } = await said(child, 'listening');
    await test({ url: `${options.server}://127.0.0.1:${port}`, child, change });
    child.disconnect();
    assert.deepEqual(await exited, [0, null]);
  } finally {
    child.kill('SIGKILL');
    await exited;
    running.delete(child);
    await fs.rm(folder, { recursive: true });
  }
}

for (const ingress of ingresses) {
  // One at a time: sockjs-client gives a transport twice (300 ms and the time of its /info) before it tries another,
  // which a busy machine may need.
  describe(`hot updates, ingress: ${ingress}`, { concurrency: 1, skip }, () => {
    let browser;
    before(async () => {
      if (!skip) browser = await require('../browser/support').launch();
    });
    after(() => browser?.close());

    /**
     * @param {(page: import('playwright-core').Page) => Promise<void>} test gets a fresh profile
     */
    async function withPage(test) {
      const context = await browser.newContext({ ignoreHTTPSErrors: true });
      try {
        await test(await context.newPage());
      } finally {
        await context.close();
      }
    }

    /**
     * @param {import('playwright-core').Page} page
     * @param {string} word
     */
    const waitForWord = (page, word) => page.locator('p', { hasText: word }).waitFor();

    for (const name of PACKAGES) {
      const { version } = require(`${name}/package.json`);
      for (const [how, [options, protocol]] of Object.entries(SETTINGS)) {
        it(`reach a page of webpack-dev-server ${version} ${how}`, { timeout }, () =>
          withDevServer({ name, ingress, options }, ({ url, child, change }) =>
            withPage(async (page) => {
              const connected = said(child, 'connection');
              const upgraded = [];
              page.on('websocket', (socket) => upgraded.push(socket.url()));
              await page.goto(url);
              await waitForWord(page, 'before');
              const connection = await connected;
              assert.equal(connection.protocol, protocol);
              assert.equal(connection.origin, url);

              await page.evaluate('window.loadedOnce = true');
              await change('after');
              await waitForWord(page, 'after');
              assert.equal(await page.evaluate('window.loadedOnce'), true);
              assert.deepEqual(
                upgraded.map((target) => new URL(target).pathname),
                protocol === 'websocket' ? [new URL(connection.url, url).pathname] : [],
              );
            }),
          ),
        );
      }
    }
  });

  describe(`clients in Node, ingress: ${ingress}`, { concurrency: 2 }, () => {
    /**
     * @param {string} url of the dev server
     * @param {string} origin what the client says that it is
     * @returns {Promise<{socket: object, until: (type: string) => Promise<Record<string, unknown>>}>}
     *   `until` gives the data of all messages since the last one of the type, this one included
     */
    async function open(url, origin) {
      const messages = new EventEmitter();
      const data = new Map();
      const socket = await connect(`${url}/ws`, {
        transports: 'websocket',
        transportOptions: { websocket: { headers: { Origin: origin } } },
        onmessage: (event) => {
          const message = JSON.parse(event.data);
          data.set(message.type, message.data);
          messages.emit('message');
        },
      });
      const until = async (type) => {
        while (!data.has(type)) await once(messages, 'message');
        const all = Object.fromEntries(data);
        data.clear();
        return all;
      };
      return { socket, until };
    }

    for (const name of PACKAGES) {
      const { version } = require(`${name}/package.json`);
      const setting = { name, ingress, options: SETTINGS['over http'][0] };

      it(`hear of changes from webpack-dev-server ${version}`, { timeout }, () =>
        withDevServer(setting, async ({ url, change }) => {
          const { socket, until } = await open(url, url);
          const first = await until('ok');
          await change('after');
          const { hash } = await until('ok');
          assert.match(hash, /^\w+$/);
          assert.notEqual(hash, first.hash);

          const closed = next(socket, 'close');
          socket.close();
          await closed;
        }),
      );

      it(`are refused by webpack-dev-server ${version} by their origin`, { timeout }, () =>
        withDevServer(setting, async ({ url }) => {
          const { socket, until } = await open(url, 'http://elsewhere.test');
          const closed = next(socket, 'close');
          const { error } = await until('error');
          assert.equal(error, 'Invalid Host/Origin header');
          await closed;
        }),
      );
    }
  });
}
