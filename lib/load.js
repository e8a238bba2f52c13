'use strict';

/**
 * @file Loads the native binary, or says in one error what was tried and what to do.
 */

const fs = require('node:fs');
const path = require('node:path');
const { coded } = require('./errors');

const ROOT = path.join(__dirname, '..');

/**
 * Packages that build the addon where they are installed: the first is asked for by name, the others
 * come by themselves where there is no prebuilt package.
 */
const SOURCE_PACKAGES = ['sockjs-rs-source', 'sockjs-rs-source-cpu', 'sockjs-rs-source-os'];

/** What binding.js looks for in any package, and ours never has. */
const WASI = /^Cannot find module '[^']*\bwasi\b/;

/** What a runtime says that does not let us load or read a binary; binding.js passes on no codes. */
const REFUSED = {
  addons: /^Cannot load native addon because loading addons is disabled/,
  reading: /^Access to this API has been restricted/,
  deno: /--allow-ffi\b/,
};

/** @returns {any} the binding that napi-rs generates, or that a source package has built */
function loadBinding() {
  let missing;
  try {
    return require('../binding.js');
  } catch (error) {
    missing = error;
  }
  const tried = failures(missing);
  for (const name of SOURCE_PACKAGES) {
    try {
      return requireSource(name);
    } catch (error) {
      tried.push(describe(error));
    }
  }
  // Its causes are all in the message; what napi-rs advises on top is for packages of another kind.
  throw coded(Error, 'ERR_SOCKJS_NO_BINARY', explain([...new Set(tried)]));
}

/**
 * @param {string} name one of SOURCE_PACKAGES
 * @returns {any} its binding
 * @throws {Error} when it is not there, has built nothing, or belongs to another version
 */
function requireSource(name) {
  const { version } = require('../package.json');
  const other = require(`${name}/package.json`).version;
  if (other !== version) throw new Error(`${name} is version ${other}, not ${version}`);
  return require(name);
}

/**
 * @param {any} error of binding.js, whose causes lead from the last failure to the first
 * @returns {string[]} one line each, in the order in which they happened
 */
function failures(error) {
  const lines = [];
  for (let next = error.cause; next; next = next.cause) {
    if (!WASI.test(next.message)) lines.unshift(describe(next));
  }
  return lines.length > 0 ? lines : [describe(error)];
}

/**
 * @param {any} error
 * @returns {string} its first line; of a file or package that is missing, which
 */
function describe(error) {
  const line = String(error?.message ?? error).split('\n')[0];
  const [, wanted] = /^Cannot find module '([^']+)'$/.exec(line) ?? [];
  if (wanted === undefined) return line;
  if (/^\.{0,2}[/\\]|^\w:/.test(wanted)) return `${path.resolve(ROOT, wanted)}: no such file`;
  return `${wanted.replace(/\/package\.json$/, '')}: no such package in reach of ${ROOT}`;
}

/**
 * @param {string[]} tried
 * @returns {string} the message for whoever has to mend it
 */
function explain(tried) {
  const libc = process.platform === 'linux' ? ` (${libcName()})` : '';
  const platform = `${process.platform}-${process.arch}${libc}, Node ${process.version}`;
  const permissions = waysToBeAllowed(tried);
  // Where the runtime refuses, another binary would not load either.
  const [heading, ways] =
    permissions.length > 0 ? ['What to do:', permissions] : ['What to do, one of:', waysOut()];
  return [
    `sockjs-rs has no native binary that loads on this machine: ${platform}.`,
    'What was tried:',
    ...tried.map((line) => `  - ${line}`),
    heading,
    ...ways.map((line) => `  - ${line}`),
  ].join('\n');
}

/**
 * @param {string[]} tried
 * @returns {string[]} all that has to be done where the runtime refuses; else none
 */
function waysToBeAllowed(tried) {
  const is = (kind) => tried.some((line) => REFUSED[kind].test(line));
  const ways = is('addons') ? waysToHaveAddons() : [];
  if (is('reading')) {
    ways.push(
      'let Node read the package with the binary, which is installed beside this one: ' +
        '--allow-fs-read with all of node_modules',
    );
  }
  if (is('deno')) ways.push('let Deno load native addons: --allow-ffi');
  return ways;
}

/** @returns {string[]} by the options that Node was started with; both, if none of them says it */
function waysToHaveAddons() {
  const options = [...process.execArgv, ...(process.env.NODE_OPTIONS ?? '').split(/\s+/)];
  const permission = options.find((option) => /^--(experimental-)?permission$/.test(option));
  const allow = `let Node load native addons: --allow-addons beside ${permission ?? '--permission'}`;
  const enable =
    'start Node without --no-addons, which may stand on its command line, in NODE_OPTIONS, or in ' +
    'the execArgv of a worker';
  const ways = [];
  if (permission && !options.includes('--allow-addons')) ways.push(allow);
  if (options.includes('--no-addons')) ways.push(enable);
  return ways.length > 0 ? ways : [allow, enable];
}

/** @returns {string[]} */
function waysOut() {
  const override = process.env.NAPI_RS_NATIVE_LIBRARY_PATH;
  const named = override
    ? `correct or unset NAPI_RS_NATIVE_LIBRARY_PATH, now ${override}: while it is set, no other binary is tried`
    : 'name a binary that you have: NAPI_RS_NATIVE_LIBRARY_PATH=/path/to/sockjs-rs.node in the environment ' +
      '(other packages made with napi-rs read it, too)';
  const ways = waysFor(require('../package.json'));
  return override ? [named, ...ways] : [...ways, named];
}

/**
 * @param {any} manifest our package.json
 * @returns {string[]}
 */
function waysFor(manifest) {
  // A clone has the sources, and a copy that a package manager has made of it has its package.json still.
  if (isThere('Cargo.toml')) return waysInClone();
  return manifest.napi ? waysInCopy(manifest) : waysInPackage(manifest);
}

/**
 * @param {string} file relative to the root
 * @returns {boolean} false, too, where Node must not look: existsSync of Node 20 throws then
 */
function isThere(file) {
  try {
    return fs.existsSync(path.join(ROOT, file));
  } catch {
    return false;
  }
}

/** @returns {string[]} */
function waysInClone() {
  return [
    `build it, with Rust (https://rustup.rs): npm run build, in ${ROOT}`,
    'install sockjs-rs from npm, with its optional dependencies',
  ];
}

/**
 * @param {{ napi: { targets: string[] } }} manifest
 * @returns {string[]}
 */
function waysInCopy({ napi }) {
  return [
    'build it where it was installed from, with Rust (https://rustup.rs): npm run build, in that clone; ' +
      'then install it again',
    `install sockjs-rs from npm, which has binaries for ${napi.targets.join(', ')}`,
  ];
}

/**
 * @param {{ version: string, optionalDependencies?: Record<string, string> }} manifest
 * @returns {string[]}
 */
function waysInPackage({ version, optionalDependencies = {} }) {
  const prefix = 'sockjs-rs-';
  const prebuilt = Object.keys(optionalDependencies)
    .filter((name) => !SOURCE_PACKAGES.includes(name))
    .map((name) => name.slice(prefix.length));
  const host = `${process.platform}-${process.arch}`;
  return [
    prebuilt.some((name) => name === host || name.startsWith(`${host}-`))
      ? 'install again with optional dependencies: npm install --include=optional ' +
        '(first delete node_modules, and a lock file that was written without them)'
      : `run it where there is a prebuilt package: ${prebuilt.join(', ')}`,
    `build it, with Rust (https://rustup.rs): npm install sockjs-rs-source@${version}, ` +
      'with install scripts allowed; if it is installed already: npm rebuild sockjs-rs-source',
  ];
}

/** @returns {string} the C library that Node runs on */
function libcName() {
  const { glibcVersionRuntime } = /** @type {any} */ (process.report?.getReport())?.header ?? {};
  return glibcVersionRuntime ? `glibc ${glibcVersionRuntime}` : 'musl';
}

module.exports = { SOURCE_PACKAGES, loadBinding };
