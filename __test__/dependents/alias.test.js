'use strict';

/** sockjs-rs installed under the name sockjs: each dependent gets it, and always the same copy. */

const assert = require('node:assert/strict');
const { createRequire } = require('node:module');
const { describe, it } = require('node:test');

/** Packages that require sockjs themselves. */
const DEPENDENTS = ['primus', 'webpack-dev-server', 'webpack-dev-server4'];

describe('sockjs-rs under the name sockjs', () => {
  it("is returned by require('sockjs')", () => {
    assert.equal(require('sockjs'), require('../..'));
    assert.equal(require('sockjs/package.json').name, 'sockjs-rs');
  });

  for (const name of DEPENDENTS) {
    it(`is the sockjs that ${name} requires`, () => {
      const requireThere = createRequire(require.resolve(name));
      assert.equal(requireThere('sockjs'), require('../..'));
      assert.equal(requireThere('sockjs/lib/transport'), require('../../lib/transport'));
    });
  }

  it("has the file 'sockjs/lib/transport' with the classes of sessions and connections", () => {
    const { Session, SockJSConnection, Transport } = require('sockjs/lib/transport');
    assert.equal(typeof Session.prototype.decorateConnection, 'function');
    assert.equal(typeof SockJSConnection.prototype.write, 'function');
    assert.deepEqual({ ...Transport }, { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 });
  });

  it('can be imported by default, by name and as a namespace', async () => {
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
