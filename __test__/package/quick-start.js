'use strict';

/**
 * @file The quick start of README.md as programs. The tests change only the port and the name of the package.
 */

const assert = require('node:assert/strict');
const { blocksOf, scriptsOf } = require('../support/docs');

/** What the server prints when it listens. */
const LISTENING = /^listening on (\d+)$/m;

/** The type of a server's address, which TypeScript cannot infer. */
const NET_ADDRESS = "import('node:net').AddressInfo";

/**
 * @param {string} language
 * @returns {string} the first code block of README.md in this language
 */
function block(language) {
  const found = blocksOf('README.md').find((each) => each.language === language);
  assert.ok(found, `README.md has a block of ${language}`);
  return found.code;
}

/**
 * @param {string} text
 * @param {string} from must occur
 * @param {string} to
 * @returns {string} with every occurrence replaced
 */
function replace(text, from, to) {
  assert.ok(text.includes(from), `README.md has ${from}`);
  return text.replaceAll(from, to);
}

/**
 * @param {'js' | 'ts'} language
 * @param {string} [name] under which the package is installed
 * @returns {string} the server of the quick start, on a free port, which it prints
 */
function server(language, name = 'sockjs-rs') {
  const address = language === 'ts' ? `(server.address() as ${NET_ADDRESS})` : 'server.address()';
  const listen = `server.listen(0, '127.0.0.1', () => console.log('listening on', ${address}.port));`;
  const onFreePort = replace(block(language), 'server.listen(8080);', listen);
  return replace(onFreePort, "'sockjs-rs'", `'${name}'`);
}

/** @returns {string} the server in TypeScript, without its type, as an ES module */
function moduleServer(name) {
  return replace(server('ts', name), ` as ${NET_ADDRESS}`, '');
}

/** @returns {string} the page of the quick start */
function page() {
  return block('html');
}

/** @returns {string} the script in the page */
function pageScript() {
  const { code } = scriptsOf(page());
  assert.ok(code, 'the page has a script');
  return code;
}

module.exports = { LISTENING, moduleServer, page, pageScript, server };
