'use strict';

/** A clone that a package manager copies instead of linking to it. */

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { after, before, describe, it } = require('node:test');

const { binaryOf, hostTarget, platformOf } = require('../../scripts/platforms');
const { ROOT } = require('../../scripts/ready');
const { server } = require('./quick-start');
const { startRegistry } = require('./registry');
const { Machine } = require('./support');

/** Commands that copy a folder. */
const COPYING = {
  'npm install --install-links': ['npm', 'install', '--install-links'],
  'pnpm add file:': ['pnpm', 'add'],
};

const BINARY = path.join(ROOT, binaryOf(platformOf(hostTarget())));

/**
 * @param {string} parent
 * @param {string} name
 * @returns {string} a new folder in `parent` with the committed files
 */
function clone(parent, name) {
  const folder = path.join(parent, name);
  const files = execFileSync('git', ['ls-files', '-z'], { cwd: ROOT, encoding: 'utf8' });
  for (const file of files.split('\0').filter(Boolean)) {
    fs.cpSync(path.join(ROOT, file), path.join(folder, file));
  }
  return folder;
}

describe('a clone', () => {
  let registry;
  let parent;
  let built;
  let unbuilt;
  before(async () => {
    registry = await startRegistry();
    parent = fs.mkdtempSync(path.join(os.tmpdir(), 'sockjs-rs-clones-'));
    unbuilt = clone(parent, 'unbuilt');
    built = clone(parent, 'built');
    // `npm run build` writes the binary to the root of the clone.
    fs.copyFileSync(BINARY, path.join(built, path.basename(BINARY)));
  });
  after(async () => {
    await registry.close();
    fs.rmSync(parent, { recursive: true, force: true });
  });

  for (const [name, [program, ...args]] of Object.entries(COPYING)) {
    it(`${name} also copies the binary that was built in the clone`, async (t) => {
      const machine = new Machine(t, registry.origin);
      await machine.run(program, [...args, `file:${built}`, 'sockjs-client']);
      const found = path.join(machine.app, 'node_modules/sockjs-rs');
      assert.notEqual(fs.realpathSync(found), fs.realpathSync(built), 'it is a copy');
      assert.ok(!fs.existsSync(path.join(found, 'Cargo.toml')), 'only published files are copied');
      machine.write('server.js', server('js'));
      await machine.converse(['server.js']);
    });

    it(`after ${name}, a clone without a binary says where to build it`, async (t) => {
      const machine = new Machine(t, registry.origin);
      await machine.run(program, [...args, `file:${unbuilt}`]);
      const { code, message } = await machine.requireError();
      assert.equal(code, 'ERR_SOCKJS_NO_BINARY');
      assert.match(message, /build it where it was installed from, .*npm run build, in that clone/);
      assert.match(message, /which has binaries for x86_64-unknown-linux-gnu, /);
    });
  }
});
