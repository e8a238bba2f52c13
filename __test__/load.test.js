'use strict';

/** The error of `require` if no binary loads, in copies of the package that have none. */

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const ROOT = path.join(__dirname, '..');

/** What only the published package.json has. */
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

/** Puts a package that builds from source where the copy finds it. */
function addSourcePackage(manifest, index) {
  const folder = path.join(copy, 'node_modules/sockjs-rs-source');
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, 'package.json'), JSON.stringify(manifest));
  fs.writeFileSync(path.join(folder, 'index.js'), index);
}

/** Node's option for the permission model, by its name in this version; none on Node 18. */
const PERMISSION = ['--permission', '--experimental-permission'].filter((option) =>
  process.allowedNodeEnvironmentFlags.has(option),
);

/** Puts a file that is no library where the binary for linux-x64 is searched. */
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
function requireCopy({ env = {}, platform = 'linux', arch = 'x64', node = [] } = {}) {
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
    // Node warns on stderr of options that are experimental.
    stdio: ['ignore', 'pipe', 'ignore'],
  };
  return JSON.parse(execFileSync(process.execPath, [...node, '-e', script], options));
}

/** @returns {string[]} the items of the list under a heading of the message */
function listed(message, heading) {
  const lines = message.split('\n');
  const rest = lines.slice(lines.indexOf(heading) + 1);
  const end = rest.findIndex((line) => !line.startsWith('  - '));
  return rest.slice(0, end < 0 ? undefined : end).map((line) => line.slice(4));
}

const tried = ({ message }) => listed(message, 'What was tried:');
const alternatives = ({ message }) => listed(message, 'What to do, one of:');
const steps = ({ message }) => listed(message, 'What to do:');

test('require throws an error with a code', () => {
  const { name, code } = requireCopy();
  expect({ name, code }).toEqual({ name: 'Error', code: 'ERR_SOCKJS_NO_BINARY' });
});

test('the error has no advice of the generated loader', () => {
  const { message, printed } = requireCopy();
  expect(printed).toContain(message);
  expect(printed).not.toMatch(/npm i\b|package-lock|wasi|\[cause\]/);
});

test('the error names the platform', () => {
  expect(requireCopy({ platform: 'darwin', arch: 'arm64' }).message).toContain(
    `machine: darwin-arm64, Node ${process.version}.`,
  );
  expect(requireCopy().message).toMatch(/machine: linux-x64 \((glibc [\d.]+|musl)\), Node v/);
});

test('the error names every file and package that was tried, in order', () => {
  expect(tried(requireCopy({ platform: 'darwin', arch: 'arm64' }))).toEqual([
    `${copy}/sockjs-rs.darwin-universal.node: no such file`,
    `sockjs-rs-darwin-universal: no such package, searched from ${copy}`,
    `${copy}/sockjs-rs.darwin-arm64.node: no such file`,
    `sockjs-rs-darwin-arm64: no such package, searched from ${copy}`,
    `sockjs-rs-source: no such package, searched from ${copy}`,
    `sockjs-rs-source-cpu: no such package, searched from ${copy}`,
    `sockjs-rs-source-os: no such package, searched from ${copy}`,
  ]);
});

test('the error says why a file does not load, in the words of the system', () => {
  const file = addBinary();
  expect(tried(requireCopy())[0]).toMatch(new RegExp(`^${file}: (?!no such file).+`));
});

test('the error says why a source package has built nothing', () => {
  addSourcePackage(
    { version: '0.1.0' },
    'throw new Error("sockjs-rs-source has built nothing: no Rust")',
  );
  expect(tried(requireCopy())).toContain('sockjs-rs-source has built nothing: no Rust');
});

test('a source package of another version is not used', () => {
  addSourcePackage({ version: '0.0.9' }, 'module.exports = {}');
  expect(tried(requireCopy())).toContain('sockjs-rs-source is version 0.0.9, not 0.1.0');
});

test('the binary of a source package is used', () => {
  const binary = path.join(
    ROOT,
    fs.readdirSync(ROOT).find((name) => name.endsWith('.node')),
  );
  addSourcePackage({ version: '0.1.0' }, `module.exports = require(${JSON.stringify(binary)})`);
  expect(requireCopy()).toBeNull();
});

test('the error suggests to install again on a platform with a prebuilt package', () => {
  expect(alternatives(requireCopy())).toEqual([
    expect.stringMatching(
      /^install again with optional dependencies: npm install --include=optional /,
    ),
    expect.stringMatching(
      /^build it, with Rust .*: npm install sockjs-rs-source@0\.1\.0, .*npm rebuild sockjs-rs-source$/,
    ),
    expect.stringMatching(/^name a binary that you have: NAPI_RS_NATIVE_LIBRARY_PATH=/),
  ]);
});

test('the error lists the platforms with prebuilt packages on any other platform', () => {
  const [first] = alternatives(requireCopy({ platform: 'sunos' }));
  expect(first).toBe('run it where there is a prebuilt package: linux-x64-gnu, darwin-arm64');
});

test('the error suggests to build in a clone', () => {
  fs.writeFileSync(path.join(copy, 'Cargo.toml'), '');
  expect(alternatives(requireCopy())[0]).toBe(
    `build it, with Rust (https://rustup.rs): npm run build, in ${copy}`,
  );
});

test('the error says in a copy of an unbuilt clone where to build, and lists the platforms', () => {
  const { napi } = require('../package.json');
  const manifest = { name: 'sockjs-rs', version: '0.1.0', napi };
  fs.writeFileSync(path.join(copy, 'package.json'), JSON.stringify(manifest));
  const [first, second] = alternatives(requireCopy());
  expect(first).toMatch(/^build it where it was installed from, .*: npm run build, in that clone;/);
  expect(second).toBe(
    `install sockjs-rs from npm, which has binaries for ${napi.targets.join(', ')}`,
  );
  expect(second).toMatch(/x86_64-unknown-linux-gnu/);
});

test('the error begins with NAPI_RS_NATIVE_LIBRARY_PATH if its file does not load', () => {
  const error = requireCopy({ env: { NAPI_RS_NATIVE_LIBRARY_PATH: '/nowhere/a.node' } });
  expect(tried(error)[0]).toBe('/nowhere/a.node: no such file');
  expect(alternatives(error)[0]).toMatch(
    /^correct or unset NAPI_RS_NATIVE_LIBRARY_PATH, now \/nowhere\/a\.node: /,
  );
});

describe('where Node loads no addons', () => {
  const ENABLE = expect.stringMatching(/^start Node without --no-addons, .*NODE_OPTIONS/);

  beforeEach(addBinary);

  test('the error names --no-addons, and nothing that would not help', () => {
    const error = requireCopy({ node: ['--no-addons'] });
    expect(error.code).toBe('ERR_SOCKJS_NO_BINARY');
    expect(tried(error)[0]).toMatch(/addons is disabled/);
    expect(steps(error)).toEqual([ENABLE]);
    expect(error.message).not.toMatch(/npm install|npm run build/);
  });

  test('the error also names --no-addons in NODE_OPTIONS', () => {
    expect(steps(requireCopy({ env: { NODE_OPTIONS: '--no-addons' } }))).toEqual([ENABLE]);
  });

  for (const option of PERMISSION) {
    const allow = `let Node load native addons: --allow-addons in addition to ${option}`;

    test(`the error names --allow-addons with ${option}`, () => {
      const error = requireCopy({ node: [option, '--allow-fs-read=*'] });
      expect(error.code).toBe('ERR_SOCKJS_NO_BINARY');
      expect(steps(error)).toEqual([allow]);
    });

    test(`with ${option} and --no-addons, the error names both remedies`, () => {
      const error = requireCopy({ node: [option, '--allow-fs-read=*', '--no-addons'] });
      expect(steps(error)).toEqual([allow, ENABLE]);
    });

    test(`the error says with ${option} that the binary has to be readable`, () => {
      const file = addBinary();
      fs.rmSync(file);
      const [, platform] = /sockjs-rs\.(.+)\.node$/.exec(file);
      const unread = path.join(copy, 'node_modules', `sockjs-rs-${platform}`);
      fs.mkdirSync(unread, { recursive: true });
      fs.writeFileSync(path.join(unread, 'package.json'), '{ "main": "index.js" }');
      fs.writeFileSync(path.join(unread, 'index.js'), '');
      const readable = ['index.js', 'binding.js', 'package.json', 'lib/*'];
      const reading = readable.map((each) => `--allow-fs-read=${path.join(copy, each)}`);
      const error = requireCopy({ node: [option, '--allow-addons', ...reading] });
      expect(error.code).toBe('ERR_SOCKJS_NO_BINARY');
      expect(steps(error)).toEqual([expect.stringMatching(/--allow-fs-read/)]);
    });

    test(`require works with ${option} and the permissions that it needs`, () => {
      const script = `require(${JSON.stringify(ROOT)})`;
      const node = [option, '--allow-addons', `--allow-fs-read=${ROOT}/*`];
      execFileSync(process.execPath, [...node, '-e', script], { stdio: 'ignore' });
    });
  }
});
