'use strict';

/** Where no binary loads: the error of `require`, in copies of the package that have none. */

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const ROOT = path.join(__dirname, '..');

/** What the published package.json has and the committed one has not. */
const PUBLISHED = {
  optionalDependencies: {
    'sockjs-rs-linux-x64-gnu': '0.1.0',
    'sockjs-rs-darwin-arm64': '0.1.0',
    'sockjs-rs-source-cpu': '0.1.0',
  },
};

let copy;

beforeEach(() => {
  copy = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'sockjs-rs-load-')));
  for (const name of ['index.js', 'binding.js', 'lib']) {
    fs.cpSync(path.join(ROOT, name), path.join(copy, name), { recursive: true });
  }
  const manifest = { name: 'sockjs-rs', version: '0.1.0', ...PUBLISHED };
  fs.writeFileSync(path.join(copy, 'package.json'), JSON.stringify(manifest));
});

afterEach(() => fs.rmSync(copy, { recursive: true, force: true }));

/** Writes a package that builds from source where the copy finds it. */
function addSourcePackage(manifest, index) {
  const folder = path.join(copy, 'node_modules/sockjs-rs-source');
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, 'package.json'), JSON.stringify(manifest));
  fs.writeFileSync(path.join(folder, 'index.js'), index);
}

/** Node's option for the permission model, by the name that it has here; none on Node 18. */
const PERMISSION = ['--permission', '--experimental-permission'].filter((option) =>
  process.allowedNodeEnvironmentFlags.has(option),
);

/** Puts a file where the binary for linux-x64 is looked for, which is no library. */
function addBinary() {
  const ldd = '/usr/bin/ldd';
  const musl = fs.existsSync(ldd) && /musl/.test(fs.readFileSync(ldd, 'latin1'));
  const file = path.join(copy, `sockjs-rs.linux-x64-${musl ? 'musl' : 'gnu'}.node`);
  fs.writeFileSync(file, 'no library');
  return file;
}

/**
 * Requires the copy in a process of its own, on linux-x64 unless told otherwise.
 *
 * @param {{ env?: object, platform?: string, arch?: string, node?: string[] }} [where] `node`: its options
 * @returns {{ name: string, code: string, message: string, printed: string }} of the error; `printed`
 *   is what Node prints of it
 */
function requireIt({ env = {}, platform = 'linux', arch = 'x64', node = [] } = {}) {
  const script = `
    Object.defineProperty(process, 'platform', { value: '${platform}' });
    Object.defineProperty(process, 'arch', { value: '${arch}' });
    try { require('./index.js'); console.log('null') }
    catch (error) {
      const { name, code, message } = error;
      const printed = require('node:util').inspect(error);
      console.log(JSON.stringify({ name, code, message, printed }));
    }`;
  const plain = { ...process.env };
  delete plain.NAPI_RS_NATIVE_LIBRARY_PATH;
  const options = {
    cwd: copy,
    env: { ...plain, ...env },
    encoding: 'utf8',
    // Node warns there of options that are experimental.
    stdio: ['ignore', 'pipe', 'ignore'],
  };
  return JSON.parse(execFileSync(process.execPath, [...node, '-e', script], options));
}

/** @returns {string[]} the lines of a message that belong to a heading, as they follow each other */
function listed(message, heading) {
  const lines = message.split('\n');
  const rest = lines.slice(lines.indexOf(heading) + 1);
  const end = rest.findIndex((line) => !line.startsWith('  - '));
  return rest.slice(0, end < 0 ? undefined : end).map((line) => line.slice(4));
}

const tried = ({ message }) => listed(message, 'What was tried:');
const waysOut = ({ message }) => listed(message, 'What to do, one of:');
const allToDo = ({ message }) => listed(message, 'What to do:');

it('is thrown by require, and has a code', () => {
  const { name, code } = requireIt();
  expect({ name, code }).toEqual({ name: 'Error', code: 'ERR_SOCKJS_NO_BINARY' });
});

it('has no advice but its own, and names nothing that does not exist', () => {
  const { message, printed } = requireIt();
  expect(printed).toContain(message);
  expect(printed).not.toMatch(/npm i\b|package-lock|wasi|\[cause\]/);
});

it('names the platform', () => {
  expect(requireIt({ platform: 'darwin', arch: 'arm64' }).message).toContain(
    `machine: darwin-arm64, Node ${process.version}.`,
  );
  expect(requireIt().message).toMatch(/machine: linux-x64 \((glibc [\d.]+|musl)\), Node v/);
});

it('names every file and package that was tried, in their order', () => {
  expect(tried(requireIt({ platform: 'darwin', arch: 'arm64' }))).toEqual([
    `${copy}/sockjs-rs.darwin-universal.node: no such file`,
    `sockjs-rs-darwin-universal: no such package, searched from ${copy}`,
    `${copy}/sockjs-rs.darwin-arm64.node: no such file`,
    `sockjs-rs-darwin-arm64: no such package, searched from ${copy}`,
    `sockjs-rs-source: no such package, searched from ${copy}`,
    `sockjs-rs-source-cpu: no such package, searched from ${copy}`,
    `sockjs-rs-source-os: no such package, searched from ${copy}`,
  ]);
});

it('says of a file that does not load what the system says', () => {
  const file = addBinary();
  expect(tried(requireIt())[0]).toMatch(new RegExp(`^${file}: (?!no such file).+`));
});

it('says why a source package has built nothing', () => {
  addSourcePackage(
    { version: '0.1.0' },
    'throw new Error("sockjs-rs-source has built nothing: no Rust")',
  );
  expect(tried(requireIt())).toContain('sockjs-rs-source has built nothing: no Rust');
});

it('does not take a source package of another version', () => {
  addSourcePackage({ version: '0.0.9' }, 'module.exports = {}');
  expect(tried(requireIt())).toContain('sockjs-rs-source is version 0.0.9, not 0.1.0');
});

it('is not thrown where a source package has a binary', () => {
  addSourcePackage({ version: '0.1.0' }, 'module.exports = {}');
  expect(requireIt()).toBeNull();
});

it('offers to install again where there is a prebuilt package', () => {
  expect(waysOut(requireIt())).toEqual([
    expect.stringMatching(
      /^install again with optional dependencies: npm install --include=optional /,
    ),
    expect.stringMatching(
      /^build it, with Rust .*: npm install sockjs-rs-source@0\.1\.0, .*npm rebuild sockjs-rs-source$/,
    ),
    expect.stringMatching(/^name a binary that you have: NAPI_RS_NATIVE_LIBRARY_PATH=/),
  ]);
});

it('says where there are prebuilt packages if this is no such place', () => {
  const [first] = waysOut(requireIt({ platform: 'sunos' }));
  expect(first).toBe('run it where there is a prebuilt package: linux-x64-gnu, darwin-arm64');
});

it('offers to build in a clone', () => {
  fs.writeFileSync(path.join(copy, 'Cargo.toml'), '');
  expect(waysOut(requireIt())[0]).toBe(
    `build it, with Rust (https://rustup.rs): npm run build, in ${copy}`,
  );
});

it('says in a copy of a clone that was not built where to build it, and which platforms there are', () => {
  const { napi } = require('../package.json');
  const manifest = { name: 'sockjs-rs', version: '0.1.0', napi };
  fs.writeFileSync(path.join(copy, 'package.json'), JSON.stringify(manifest));
  const [first, second] = waysOut(requireIt());
  expect(first).toMatch(/^build it where it was installed from, .*: npm run build, in that clone;/);
  expect(second).toBe(
    `install sockjs-rs from npm, which has binaries for ${napi.targets.join(', ')}`,
  );
  expect(second).toMatch(/x86_64-unknown-linux-gnu/);
});

it('puts a variable first that names a file which does not load', () => {
  const error = requireIt({ env: { NAPI_RS_NATIVE_LIBRARY_PATH: '/nowhere/a.node' } });
  expect(tried(error)[0]).toBe('/nowhere/a.node: no such file');
  expect(waysOut(error)[0]).toMatch(
    /^correct or unset NAPI_RS_NATIVE_LIBRARY_PATH, now \/nowhere\/a\.node: /,
  );
});

describe('where Node loads no addon', () => {
  const ENABLE = expect.stringMatching(/^start Node without --no-addons, .*NODE_OPTIONS/);

  beforeEach(addBinary);

  it('names --no-addons, and nothing else that would not help', () => {
    const error = requireIt({ node: ['--no-addons'] });
    expect(error.code).toBe('ERR_SOCKJS_NO_BINARY');
    expect(tried(error)[0]).toMatch(/addons is disabled/);
    expect(allToDo(error)).toEqual([ENABLE]);
    expect(error.message).not.toMatch(/npm install|npm run build/);
  });

  it('finds it in NODE_OPTIONS, too', () => {
    expect(allToDo(requireIt({ env: { NODE_OPTIONS: '--no-addons' } }))).toEqual([ENABLE]);
  });

  for (const option of PERMISSION) {
    const allow = `let Node load native addons: --allow-addons in addition to ${option}`;

    it(`names --allow-addons where there is ${option}`, () => {
      const error = requireIt({ node: [option, '--allow-fs-read=*'] });
      expect(error.code).toBe('ERR_SOCKJS_NO_BINARY');
      expect(allToDo(error)).toEqual([allow]);
    });

    it(`names both where there are ${option} and --no-addons`, () => {
      const error = requireIt({ node: [option, '--allow-fs-read=*', '--no-addons'] });
      expect(allToDo(error)).toEqual([allow, ENABLE]);
    });

    it(`says with ${option} that the binary has to be readable`, () => {
      const file = addBinary();
      fs.rmSync(file);
      const [, platform] = /sockjs-rs\.(.+)\.node$/.exec(file);
      const unread = path.join(copy, 'node_modules', `sockjs-rs-${platform}`);
      fs.mkdirSync(unread, { recursive: true });
      fs.writeFileSync(path.join(unread, 'package.json'), '{ "main": "index.js" }');
      fs.writeFileSync(path.join(unread, 'index.js'), '');
      const readable = ['index.js', 'binding.js', 'package.json', 'lib/*'];
      const reading = readable.map((each) => `--allow-fs-read=${path.join(copy, each)}`);
      const error = requireIt({ node: [option, '--allow-addons', ...reading] });
      expect(error.code).toBe('ERR_SOCKJS_NO_BINARY');
      expect(allToDo(error)).toEqual([expect.stringMatching(/--allow-fs-read/)]);
    });

    it(`is not thrown with ${option} and all that it takes`, () => {
      const script = `require(${JSON.stringify(ROOT)})`;
      const node = [option, '--allow-addons', `--allow-fs-read=${ROOT}/*`];
      execFileSync(process.execPath, [...node, '-e', script], { stdio: 'ignore' });
    });
  }
});
