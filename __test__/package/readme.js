'use strict';

/**
 * @file The quick start of README.md as programs, so that what is tested is what stands there.
 */

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { ROOT } = require('../../scripts/ready');

/** What is said to tests when the server listens. */
const LISTENING = /^listening on (\d+)$/m;

/** The type that a server's address has to be given in TypeScript. */
const NET_ADDRESS = "import('node:net').AddressInfo";

/**
 * @param {string} language
 * @returns {string} the first code block of README.md in it
 */
function block(language) {
  const readme = fs.readFileSync(path.join(ROOT, 'README.md'), 'utf8');
  const [, code] = new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, 'ms').exec(readme) ?? [];
  assert.ok(code, `README.md has a block of ${language}`);
  return code;
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
 * @returns {string} its server, on a port of the system's choice, which it prints
 */
function server(language, name = 'sockjs-rs') {
  const address = language === 'ts' ? `(server.address() as ${NET_ADDRESS})` : 'server.address()';
  const listen = `server.listen(0, '127.0.0.1', () => console.log('listening on', ${address}.port));`;
  const onFreePort = replace(block(language), 'server.listen(8080);', listen);
  return replace(onFreePort, "'sockjs-rs'", `'${name}'`);
}

/** @returns {string} the block in TypeScript as a module for Node: it needs no types */
function moduleServer(name) {
  return replace(server('ts', name), ` as ${NET_ADDRESS}`, '');
}

/** @returns {string} */
function page() {
  return block('html');
}

/** @returns {string} the page's own script */
function pageScript() {
  const [, script] = /<script>\n(.*?)<\/script>/s.exec(page()) ?? [];
  assert.ok(script, 'the page has a script');
  return script;
}

module.exports = { LISTENING, moduleServer, page, pageScript, server };
