'use strict';

/** A new user with npm and without Rust: README's quick start on each supported version of Node. */

const assert = require('node:assert/strict');
const path = require('node:path');
const { after, before, describe, it } = require('node:test');

const { VERSIONS, nodeFolder } = require('../../scripts/nodes');
const { moduleServer, server } = require('./quick-start');
const { startRegistry } = require('./registry');
const { Machine } = require('./support');
const { tool } = require('./tools');

/** Options of tsc for both module systems of Node. */
const COMPILE = [
  '--strict',
  '--module nodenext',
  '--target es2022',
  `--typeRoots ${tool('@types')}`,
  '--types node',
].join(' ');

describe('npm install sockjs-rs', () => {
  let registry;
  before(async () => (registry = await startRegistry()));
  after(() => registry.close());

  for (const major of Object.keys(VERSIONS)) {
    it(`the quick start works on Node ${major}`, async (t) => {
      const node = path.join(await nodeFolder(major), 'node');
      const machine = new Machine(t, registry.origin, node);
      assert.match(await machine.run('node', ['--version']), new RegExp(`^v${major}\\.`));
      const { code: found } = await machine.result('sh', [
        '-c',
        'command -v cargo || command -v rustc',
      ]);
      assert.notEqual(found, 0, 'Rust is not on the PATH');
      await machine.run('npm', ['install', 'sockjs-rs', 'sockjs-client']);

      await t.test('CommonJS', () => {
        machine.write('server.js', server('js'));
        return machine.converse(['server.js'], { withPage: true });
      });

      await t.test('ES module', () => {
        machine.write('server.mjs', moduleServer());
        return machine.converse(['server.mjs']);
      });

      for (const extension of ['cts', 'mts']) {
        await t.test(`TypeScript, .${extension}`, async () => {
          machine.write(`typed.${extension}`, server('ts'));
          await machine.run('tsc', [...COMPILE.split(' '), `typed.${extension}`]);
          await machine.converse([`typed.${extension.replace('ts', 'js')}`]);
        });
      }

      await t.test('TypeScript finds an error with the types', async () => {
        machine.write('wrong.cts', server('ts').replace("prefix: '/echo'", 'prefix: 1'));
        const { code, output } = await machine.result('tsc', [...COMPILE.split(' '), 'wrong.cts']);
        assert.notEqual(code, 0);
        assert.match(output, /Type 'number' is not assignable to type 'string/);
      });
    });
  }
});

describe('npm', () => {
  it('installs the main package and the one for this platform, and runs no script', async (t) => {
    const registry = await startRegistry();
    t.after(() => registry.close());
    const machine = new Machine(t, registry.origin);
    const output = await machine.run('npm', ['install', '--foreground-scripts', 'sockjs-rs']);
    assert.match(output, /added 2 packages/);
    assert.equal(new Set(registry.fetched).size, 2);
    assert.ok(registry.fetched.includes('sockjs-rs'));
    assert.ok(registry.fetched.some((name) => name.startsWith(`sockjs-rs-${process.platform}`)));
    assert.doesNotMatch(output, /> sockjs-rs/);
  });
});
