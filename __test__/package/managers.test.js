'use strict';

/** npm, pnpm and Yarn without Rust: sockjs-rs under its own name and as `sockjs`. */

const assert = require('node:assert/strict');
const { after, before, describe, it } = require('node:test');

const { MANAGERS } = require('./managers');
const { server } = require('./quick-start');
const { startRegistry } = require('./registry');
const { Machine } = require('./support');

/** Requires the files that dependents of sockjs require. */
const DEPENDENT = `
const { Session } = require('sockjs/lib/transport');
console.log(require('sockjs/package.json').name, typeof Session.prototype.decorateConnection);
`;

describe('the quick start', () => {
  let registry;
  before(async () => (registry = await startRegistry()));
  after(() => registry.close());

  for (const [manager, { add, config, node = ['node'], range = '' }] of Object.entries(MANAGERS)) {
    const install = async (t, name) => {
      const machine = new Machine(t, registry.origin);
      if (config) machine.append('.yarnrc.yml', config);
      await machine.run(add[0], [...add.slice(1), name, 'sockjs-client']);
      return machine;
    };

    it(`works after ${manager} has added sockjs-rs`, async (t) => {
      const machine = await install(t, 'sockjs-rs');
      machine.write('server.js', server('js'));
      await machine.converse(['server.js'], { withPage: true, node });
    });

    it(`works after ${manager} has added sockjs@npm:sockjs-rs`, async (t) => {
      const machine = await install(t, `sockjs@npm:sockjs-rs${range}`);
      machine.write('server.js', server('js', 'sockjs'));
      await machine.converse(['server.js'], { withPage: true, node });
      machine.write('dependent.js', DEPENDENT);
      const [program, ...first] = node;
      const output = await machine.run(program, [...first, 'dependent.js']);
      assert.equal(output.trim(), 'sockjs-rs function');
    });
  }
});
