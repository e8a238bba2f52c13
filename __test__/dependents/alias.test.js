'use strict';

/** Under the name of sockjs: what dependents get when they ask for it, and that it is always one. */

const assert = require('node:assert/strict');
const { createRequire } = require('node:module');
const { describe, it } = require('node:test');

/** Packages that ask for sockjs themselves. */
const DEPENDENTS = ['primus', 'webpack-dev-server', 'webpack-dev-server4'];

describe('sockjs-rs under the name sockjs', () => {
  it("is what require('sockjs') gives", () => {
    assert.equal(require('sockjs'), require('../..'));
    assert.equal(require('sockjs/package.json').name, 'sockjs-rs');
  });

  for (const name of DEPENDENTS) {
    it(`is what ${name} gets`, () => {
      const requireThere = createRequire(require.resolve(name));
      assert.equal(requireThere('sockjs'), require('../..'));
      assert.equal(requireThere('sockjs/lib/transport'), require('../../lib/transport'));
    });
  }

  it("has the file 'sockjs/lib/transport', whose sessions are those of the connections", () => {
    const { Session, SockJSConnection, Transport } = require('sockjs/lib/transport');
    assert.equal(typeof Session.prototype.decorateConnection, 'function');
    assert.equal(typeof SockJSConnection.prototype.write, 'function');
    assert.deepEqual({ ...Transport }, { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 });
  });

  it('can be imported as a default, by names and as a namespace', async () => {
    const sockjs = require('sockjs');
    const imports = await import('./fixtures/imports.mjs');
    assert.equal(imports.sockjs, sockjs);
    assert.equal(imports.createServer, sockjs.createServer);
    assert.equal(imports.listen, sockjs.listen);
    assert.equal(imports.namespace.default, sockjs);
    assert.equal(imports.namespace.createServer, sockjs.createServer);
    assert.equal(imports.transport, require('sockjs/lib/transport'));
    assert.equal(imports.Session, require('sockjs/lib/transport').Session);
    assert.equal((await import('sockjs')).default, sockjs);
  });
});
