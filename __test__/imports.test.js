'use strict';

/*
 * What ES modules import. Node finds the names by reading the source, so that `index.js` has to be written
 * in a way that it understands.
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
