'use strict';

/*
 * The names of the tests of the official protocol suite. `official-*.test.js` has a counterpart of each, because the
 * suite itself needs Python 2.7 (`npm run test:protocol`).
 */

const { ingresses } = require('./library');
const { startServer } = require('./server');

/** @type {Record<string, string>} the tests of each of its classes */
const SUITE = {
  BaseUrlGreeting: 'greeting notFound',
  IframePage: 'simpleUrl versionedUrl queriedUrl invalidUrl cacheability',
  InfoTest: 'basic entropy options options_null_origin disabled_websocket',
  SessionURLs: 'anyValue invalidPaths ignoringServerId',
  Protocol: 'simpleSession closeSession',
  WebsocketHttpErrors: 'httpMethod invalidConnectionHeader invalidMethod',
  Websocket: 'transport close headersSanity empty_frame reuseSessionId haproxy broken_json',
  XhrPolling:
    'options transport invalid_session invalid_json content_types request_headers_cors sending_empty_frame',
  XhrStreaming: 'options transport response_limit',
  EventSource: 'transport response_limit',
  HtmlFile: 'transport no_callback invalid_callback response_limit',
  JsonPolling:
    'transport no_callback invalid_callback invalid_json content_types close sending_empty_frame',
  JsessionidCookie: 'basic xhr xhr_streaming eventsource htmlfile jsonp',
  RawWebsocket: 'transport close',
  JSONEncoding: 'xhr_server_encodes xhr_server_decodes',
  HandlingClose: 'close_frame close_request abort_xhr_streaming abort_xhr_polling',
  Http10: 'synchronous streaming',
  Http11: 'synchronous streaming',
};

/** The full names of all tests: `Class.test_name`. */
const NAMES = Object.entries(SUITE).flatMap(([group, tests]) =>
  tests.split(' ').map((test) => `${group}.test_${test}`),
);

/**
 * Defines the counterpart of one test, for every ingress.
 *
 * @param {string} name
 * @param {string} claim
 * @param {(server: import('./server').TestServer) => Promise<void>} fn gets a test server with its services
 */
function official(name, claim, fn) {
  if (!NAMES.includes(name)) throw new Error(`the suite has no ${name}`);
  test.each(ingresses)(`${name}: ${claim}, by the %s ingress`, async (ingress) => {
    await fn(await startServer(ingress));
  });
}

module.exports = { NAMES, official };
