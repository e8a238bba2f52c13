'use strict';

/*
 * Reads the code blocks of README and docs. A comment before a block says how it is tested:
 *
 *     <!-- test: client; prints hello -->
 *
 * continues       the block continues the one above it: they are one program
 * file NAME       the block is a file with this name in the folder of the page's programs
 * given NAME      the block is a part of a program of `GIVEN`
 * client          the block runs in a page of the server above it: `SockJS` and `fetch` resolve URLs against
 *                 that server
 * echoes PREFIX   a SockJS client gets its own message back, by websocket and by polling
 * prints TEXT     the program prints a line with this text
 * exits SIGNAL    the program exits with 0 when it gets this signal
 * installs NAME   __test__/package/nested.test.js uses the block as the page says
 */

const fs = require('fs');
const path = require('path');

const root = path.join(__dirname, '../..');

/** The words of such a comment, and whether each takes an argument. */
const WORDS = {
  continues: false,
  file: true,
  given: true,
  client: false,
  echoes: true,
  prints: true,
  exits: true,
  installs: true,
};

/**
 * @typedef {object} Block
 * @property {string} page its file, from the root of the repository
 * @property {number} line of its first fence
 * @property {string} language
 * @property {string} code
 * @property {Partial<Record<keyof typeof WORDS, string>>} says the words before the block, with their arguments
 */

/** @returns {string[]} README and docs, from the root of the repository */
function pages() {
  const docs = fs.readdirSync(path.join(root, 'docs')).filter((name) => name.endsWith('.md'));
  return ['README.md', ...docs.map((name) => `docs/${name}`)];
}

/**
 * @param {string} page
 * @param {string} [text] its content
 * @returns {Block[]}
 */
function blocksOf(page, text = fs.readFileSync(path.join(root, page), 'utf8')) {
  /** @type {Block[]} */
  const blocks = [];
  /** @type {(Block & { lines: string[] }) | undefined} */
  let open;
  let comment = '';
  text.split('\n').forEach((line, index) => {
    const where = `${page}:${index + 1}`;
    if (open) {
      if (line === '```') {
        const { lines, ...block } = open;
        blocks.push({ ...block, code: lines.join('\n') + '\n' });
        open = undefined;
      } else {
        open.lines.push(line);
      }
    } else if (/^\s*(?:```|~~~)/.test(line)) {
      const [, language] = /^```([a-z]+)$/.exec(line) ?? [];
      if (!language) throw new Error(`${where}: a block begins with \`\`\` and its language`);
      open = {
        page,
        line: index + 1,
        language,
        code: '',
        says: parse(comment, where),
        lines: [],
      };
      comment = '';
    } else if (line.startsWith('<!-- test:')) {
      comment = line;
    } else if (comment && line.trim() !== '') {
      throw new Error(`${where}: a comment about a test stands before its block`);
    }
  });
  if (open) throw new Error(`${page}:${open.line}: the block has no end`);
  return blocks;
}

/**
 * @param {string} comment
 * @param {string} where
 */
function parse(comment, where) {
  if (!comment) return {};
  const [, text] = /^<!-- test: (.+) -->$/.exec(comment) ?? [];
  if (!text) throw new Error(`${where}: ${comment} cannot be read`);
  return Object.fromEntries(
    text.split('; ').map((part) => {
      const [, word, rest] = /^(\w+)(?: (.+))?$/.exec(part) ?? [];
      if (WORDS[word] !== Boolean(rest)) throw new Error(`${where}: "${part}" cannot be read`);
      return [word, rest ?? ''];
    }),
  );
}

/**
 * The programs around blocks with `given`, by name. A program prints `done` after the block.
 *
 * @type {Record<string, (code: string) => string>}
 */
const GIVEN = {
  service: (code) => `
    const http = require('node:http');
    const sockjs = require('sockjs-rs');
    const server = http.createServer((req, res) => res.writeHead(404).end());
    const service = sockjs.createServer({ prefix: '/echo', log: null });
    service.on('connection', (conn) => conn.on('data', (message) => conn.write(message)));
    ${code}
    if (!server.listening) server.listen(8080, () => console.log('done'));
  `,
  connection: (code) => `
    const http = require('node:http');
    const sockjs = require('sockjs-rs');
    const server = http.createServer();
    const service = sockjs.createServer({ log: null, high_water_mark: 1024 });
    service.on('connection', (conn) => {
      ${code}
      console.log('done');
    });
    service.installHandlers(server, { prefix: '/echo' });
    server.listen(8080);
  `,
};

/**
 * The scripts of a piece of HTML.
 *
 * @param {string} html
 * @returns {{ sources: string[], code: string }} the URLs of scripts that it loads, and the code of inline scripts
 */
function scriptsOf(html) {
  const sources = [];
  const code = [];
  for (const [, attributes, text] of html.matchAll(/<script\b([^>]*)>([^]*?)<\/script>/g)) {
    const [, source] = /\bsrc="([^"]*)"/.exec(attributes) ?? [];
    if (source) sources.push(source);
    else code.push(text);
  }
  return { sources, code: code.join('\n') };
}

module.exports = { root, pages, blocksOf, scriptsOf, GIVEN };
