'use strict';

/**
 * Each transport that sockjs-client offers in a modern browser, with the page on the SockJS server's
 * origin and on another one, through both ingresses of the server.
 */

const assert = require('node:assert/strict');
const { once } = require('node:events');
const { after, before, describe, it } = require('node:test');
const { makeMessages } = require('./page/messages.js');
const { ingresses, launch, isOracle, startServer } = require('./support.js');

/** Transport, as sockjs-client 1.6 names it → `conn.protocol` on the server. */
const TRANSPORTS = {
  websocket: 'websocket',
  'xhr-streaming': 'xhr-streaming',
  'xhr-polling': 'xhr-polling',
  eventsource: 'eventsource',
  htmlfile: 'htmlfile',
  'jsonp-polling': 'jsonp-polling',
  // sockjs-client requires only postMessage for the iframe transports, so it offers them for any
  // origin. The iframe comes from the SockJS server, so its requests are same-origin.
  'iframe-eventsource': 'eventsource',
  'iframe-htmlfile': 'htmlfile',
  'iframe-xhr-polling': 'xhr-polling',
  'websocket-raw': 'websocket-raw', // the browser's own WebSocket, without sockjs-client
};

/**
 * Transports that sockjs-client refuses before it sends anything. htmlfile works in modern browsers,
 * in a hidden iframe in place of ActiveX. This iframe calls a function of the page, so both must have
 * the same origin. The xdr transports need Internet Explorer's XDomainRequest.
 */
const REFUSED = {
  'same-origin': ['xdr-streaming', 'xdr-polling'],
  'cross-origin': ['htmlfile', 'xdr-streaming', 'xdr-polling'],
};

/** How many tests of one suite run at the same time, each with servers and a profile of its own. */
const concurrency = 5;

/** Milliseconds. The slowest test takes about ten seconds. */
const timeout = 45000;

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

/**
 * Opens the test page with a new SockJS server, and closes both after the test.
 *
 * @param {{ingress: string, origin: string, options?: object}} setting
 * @param {(page: import('playwright-core').Page, url: string, service: object) => Promise<void>} test
 */
async function withPage({ ingress, origin, options }, test) {
  const server = await startServer(ingress, options);
  const site = origin === 'same-origin' ? server : await startServer(ingress);
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    await page.goto(`${site.origin}/`);
    await test(page, `${server.origin}/echo`, server.service);
    assert.deepEqual(server.errors, [], 'the server logged errors');
  } finally {
    await context.close();
    await server.close();
    if (site !== server) await site.close();
  }
}

/**
 * @param {string} protocol `conn.protocol`
 * @returns {{surrogates: boolean, markup: boolean}} which messages the transport can carry, for
 *   `makeMessages`. 0.3.24: `</script>` in a message ends the script of an htmlfile frame, and the
 *   message never arrives
 */
const carries = (protocol) => ({
  surrogates: protocol !== 'websocket-raw',
  markup: !(isOracle && protocol === 'htmlfile'),
});

/**
 * @param {import('playwright-core').Page} page
 * @param {object} what see `makeMessages`
 * @returns {Promise<string[]>} a description of each message that came back changed
 */
const echoMessages = (page, what) => page.evaluate((kind) => window.echoMessages(kind), what);

/**
 * @param {import('playwright-core').Page} page
 * @param {string} url
 * @param {string} [transport]
 */
const openSession = (page, url, transport) =>
  page.evaluate((args) => window.openSession(...args), [url, transport]);

for (const ingress of ingresses) {
  for (const origin of ['same-origin', 'cross-origin']) {
    describe(`${origin}, ingress: ${ingress}`, { concurrency }, () => {
      const setting = { ingress, origin };
      const works = Object.entries(TRANSPORTS).filter(([name]) => !REFUSED[origin].includes(name));

      for (const [transport, protocol] of works) {
        it(
          `${transport} connects, echoes in order and closes from both sides`,
          { timeout },
          async () => {
            await withPage(setting, async (page, url, service) => {
              const connected = once(service, 'connection');
              assert.deepEqual(await openSession(page, url, transport), { transport });
              const [conn] = await connected;
              assert.equal(conn.protocol, protocol);

              const arrived = [];
              conn.on('data', (message) => arrived.push(message));
              const what = carries(protocol);
              assert.deepEqual(await echoMessages(page, what), []);
              assert.deepEqual(arrived, makeMessages(what));

              const gone = once(conn, 'close');
              const { wasClean } = await page.evaluate(() => window.closeSession());
              assert.equal(wasClean, true);
              await gone;
              assert.equal(conn.readyState, 3);

              const again = once(service, 'connection');
              await openSession(page, url, transport);
              const [second] = await again;
              assert.notEqual(second.id, conn.id);
              const ended = once(second, 'close');
              second.close(3210, 'Gone for “lunch”');
              assert.deepEqual(await page.evaluate(() => window.sessionClosed()), {
                code: 3210,
                reason: 'Gone for “lunch”',
                wasClean: true,
              });
              await ended;
            });
          },
        );
      }

      for (const transport of REFUSED[origin]) {
        it(`sockjs-client does not offer ${transport}`, { timeout }, async () => {
          await withPage(setting, async (page, url, service) => {
            service.on('connection', () => assert.fail('a connection came'));
            assert.deepEqual(await openSession(page, url, transport), {
              code: 2000,
              reason: 'All transports failed',
              wasClean: false,
            });
          });
        });
      }

      it('sockjs-client selects websocket when no transport is given', { timeout }, async () => {
        await withPage(setting, async (page, url) => {
          assert.deepEqual(await openSession(page, url), { transport: 'websocket' });
        });
      });

      it(
        'sockjs-client falls back to xhr-streaming when the server has websockets turned off',
        { timeout },
        async () => {
          await withPage({ ...setting, options: { websocket: false } }, async (page, url) => {
            assert.deepEqual(await openSession(page, url), { transport: 'xhr-streaming' });
            assert.deepEqual(await echoMessages(page, carries('xhr-streaming')), []);
          });
        },
      );

      it('a small response_limit loses no message', { timeout }, async () => {
        const options = { response_limit: 512 };
        await withPage({ ...setting, options }, async (page, url) => {
          for (const transport of ['xhr-streaming', 'eventsource', 'iframe-htmlfile']) {
            assert.deepEqual(await openSession(page, url, transport), { transport });
            assert.deepEqual(await echoMessages(page, carries(TRANSPORTS[transport])), []);
            await page.evaluate(() => window.closeSession());
          }
        });
      });
    });
  }
}
