'use strict';

/**
 * Platforms without a prebuilt package. npm runs with `--cpu` or `--os` of such a platform, and so installs a source
 * package. The source package builds for this machine.
 */

const assert = require('node:assert/strict');
const os = require('node:os');
const path = require('node:path');
const { after, before, describe, it } = require('node:test');

const { binaryOf, hostTarget, platformOf } = require('../../scripts/platforms');
const { ROOT } = require('../../scripts/ready');
const { server } = require('./quick-start');
const { startRegistry } = require('./registry');
const { Machine } = require('./support');

const BINARY = path.join(ROOT, binaryOf(platformOf(hostTarget())));

/** Package that builds from source → options of npm for a platform that gets it. */
const OTHER_PLATFORMS = {
  'sockjs-rs-source-cpu': ['--cpu=riscv64'],
  'sockjs-rs-source-os': ['--os=freebsd', '--cpu=riscv64'],
};

/** An environment with Rust and its downloaded crates. */
const RUST = {
  PATH: process.env.PATH,
  CARGO_HOME: process.env.CARGO_HOME ?? path.join(os.homedir(), '.cargo'),
  RUSTUP_HOME: process.env.RUSTUP_HOME ?? path.join(os.homedir(), '.rustup'),
};

describe('without a prebuilt package', () => {
  let registry;
  before(async () => (registry = await startRegistry()));
  after(() => registry.close());

  /** Installs with npm, and shows what install scripts print. */
  function install(machine, args, env) {
    return machine.run('npm', ['install', '--foreground-scripts', ...args], env);
  }

  for (const [name, options] of Object.entries(OTHER_PLATFORMS)) {
    it(`npm installs ${name}, which says what is missing if it cannot build`, async (t) => {
      const machine = new Machine(t, registry.origin);
      const output = await install(machine, ['sockjs-rs', ...options]);
      assert.match(output, /added 2 packages/);
      assert.match(output, /no native binary\. Rust was not found when it was installed\./);
      assert.ok(machine.has(`node_modules/${name}/failure.txt`));
      const { code, message } = await machine.requireError();
      assert.equal(code, 'ERR_SOCKJS_NO_BINARY');
      assert.match(
        message,
        new RegExp(`- ${name} has built nothing: Rust was not found.*, then npm rebuild ${name}`),
      );
    });
  }

  it('with Rust, it is built from source, and the quick start works', async (t) => {
    const machine = new Machine(t, registry.origin);
    const args = ['sockjs-rs', 'sockjs-client', ...OTHER_PLATFORMS['sockjs-rs-source-cpu']];
    await install(machine, args, RUST);
    assert.ok(machine.has('node_modules/sockjs-rs-source-cpu/sockjs-rs.node'));
    assert.ok(!machine.has('node_modules/sockjs-rs-source-cpu/target'), 'nothing else is left');
    machine.write('server.js', server('js'));
    await machine.converse(['server.js'], { withPage: true });

    await t.test('it is not built again when the install script runs again', async () => {
      const rebuilt = await machine.run('npm', ['rebuild', '--foreground-scripts']);
      assert.doesNotMatch(rebuilt, /building from source/);
      assert.equal(await machine.requireError(), null);
    });
  });

  it('sockjs-rs-source can be installed by name with --omit=optional', async (t) => {
    const machine = new Machine(t, registry.origin);
    const output = await install(machine, ['--omit=optional', 'sockjs-rs', 'sockjs-rs-source']);
    assert.match(output, /added 2 packages/);
    const { message } = await machine.requireError();
    assert.match(message, /- sockjs-rs-source has built nothing: Rust was not found/);
  });

  it('the error says that the install script has not run, with --ignore-scripts', async (t) => {
    const machine = new Machine(t, registry.origin);
    await install(machine, ['--ignore-scripts', 'sockjs-rs', '--cpu=riscv64']);
    const { message } = await machine.requireError();
    assert.match(
      message,
      /its install script has not run \(npm rebuild sockjs-rs-source-cpu runs it\)/,
    );
  });

  it('the library is found where cargo reports it, e.g. with CARGO_BUILD_TARGET', async (t) => {
    const machine = new Machine(t, registry.origin);
    machine.program('cargo', `[ "$1" = --version ] || exec node '${machine.app}/cargo.js'`);
    machine.write(
      'cargo.js',
      `const fs = require('node:fs');
      const folder = process.env.CARGO_TARGET_DIR + '/${hostTarget()}/release/';
      fs.mkdirSync(folder, { recursive: true });
      fs.copyFileSync('${BINARY}', folder + 'libsockjs_rs.so');
      const filenames = ['libsockjs_rs.rlib', 'libsockjs_rs.so'].map((name) => folder + name);
      const target = { name: 'sockjs_rs' };
      console.log(JSON.stringify({ reason: 'compiler-artifact', target, filenames }));
      console.log(JSON.stringify({ reason: 'build-finished', success: true }));`,
    );
    await install(machine, ['sockjs-rs', '--cpu=riscv64']);
    assert.ok(machine.has('node_modules/sockjs-rs-source-cpu/sockjs-rs.node'));
    assert.ok(!machine.has('node_modules/sockjs-rs-source-cpu/target'), 'nothing else is left');
    assert.equal(await machine.requireError(), null);
  });

  it('the error says that cargo failed, and the installation succeeds', async (t) => {
    const machine = new Machine(t, registry.origin);
    machine.program('cargo', '[ "$1" = --version ]');
    const output = await install(machine, ['sockjs-rs', '--cpu=riscv64']);
    assert.match(output, /no native binary\. cargo build --release --locked --lib failed/);
    const { message } = await machine.requireError();
    assert.match(message, /sockjs-rs-source-cpu has built nothing: cargo build/);
  });

  it('the error names the platform, the files that were tried, and three solutions', async (t) => {
    const machine = new Machine(t, registry.origin);
    await install(machine, ['--omit=optional', 'sockjs-rs']);
    const { code, message } = await machine.requireError();
    assert.equal(code, 'ERR_SOCKJS_NO_BINARY');
    assert.match(
      message,
      new RegExp(`${process.platform}-${process.arch}.*, Node ${process.version}`),
    );
    assert.match(message, /node_modules\/sockjs-rs\/sockjs-rs\.linux-\S+\.node: no such file/);
    assert.match(message, /- sockjs-rs-linux-\S+: no such package/);
    assert.match(message, /npm install --include=optional/);
    assert.match(message, /npm install sockjs-rs-source@\d+\.\d+\.\d+,/);
    assert.match(message, /NAPI_RS_NATIVE_LIBRARY_PATH=/);
  });

  it('installing optional dependencies helps, as the error says', async (t) => {
    const machine = new Machine(t, registry.origin);
    await install(machine, ['--omit=optional', 'sockjs-rs']);
    assert.equal((await machine.requireError()).code, 'ERR_SOCKJS_NO_BINARY');
    await install(machine, ['--include=optional']);
    assert.equal(await machine.requireError(), null);
  });
});
