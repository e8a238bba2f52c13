'use strict';

/*
 * Imports by ES modules. Node finds the names by parsing `index.js`, which therefore has to assign them in a form that
 * Node recognises.
 */

const path = require('path');
const { pathToFileURL } = require('url');
const { Child } = require('./support/child');
const { addition, libraryPath } = require('./support/library');

addition('ES modules import the default, each name, and all as a namespace', async () => {
  const fixture = path.join(__dirname, 'fixtures/imports.mjs');
  const child = new Child(fixture, {
    env: { SOCKJS_LIBRARY: pathToFileURL(libraryPath).href },
  });
  expect(await child.exit()).toEqual({ code: 0, signal: null });
  expect(JSON.parse(child.lines[0])).toEqual({
    names: ['Server', 'createServer', 'default', 'listen'],
    same: { createServer: true, listen: true, Server: true },
    made: 'function',
  });
});
