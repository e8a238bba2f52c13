'use strict';

/**
 * @file Loads the native binary. If none loads, throws one error that lists what was tried and what to do.
 */

const fs = require('node:fs');
const path = require('node:path');
const { coded } = require('./errors');

const ROOT = path.join(__dirname, '..');

/**
 * Packages that build the addon when they are installed. Users install the first one by its name. npm installs one of the
 * others on a platform that has no prebuilt package.
 */
const SOURCE_PACKAGES = ['sockjs-rs-source', 'sockjs-rs-source-cpu', 'sockjs-rs-source-os'];

/** binding.js, which napi-rs generates, also looks for a WASI build. There never is one for this package. */
const WASI = /^Cannot find module '[^']*\bwasi\b/;

/** Messages of a runtime that does not allow a binary to be loaded or read. binding.js drops the codes of its errors. */
const DENIALS = {
  addons: /^Cannot load native addon because loading addons is disabled/,
  reading: /^Access to this API has been restricted/,
  deno: /--allow-ffi\b/,
};

/** @returns {any} the exports of the native binary: a prebuilt one, or one that a source package has built */
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
  // The message has all causes. The advice of binding.js is left out, because it is not true for this package.
  throw coded(Error, 'ERR_SOCKJS_NO_BINARY', explain([...new Set(tried)]));
}

/**
 * @param {string} name one of SOURCE_PACKAGES
 * @returns {any} the exports of the binary that it has built
 * @throws {Error} if the package is not installed, has built nothing, or has another version
 */
function requireSource(name) {
  const { version } = require('../package.json');
  const other = require(`${name}/package.json`).version;
  if (other !== version) throw new Error(`${name} is version ${other}, not ${version}`);
  return require(name);
}

/**
 * @param {any} error the error of binding.js. Its chain of causes begins with the last failure
 * @returns {string[]} a line for each failure, the first failure first
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
 * @returns {string} the first line of its message, or which file or package is missing
 */
function describe(error) {
  const line = String(error?.message ?? error).split('\n')[0];
  const [, wanted] = /^Cannot find module '([^']+)'$/.exec(line) ?? [];
  if (wanted === undefined) return line;
  if (/^\.{0,2}[/\\]|^\w:/.test(wanted)) return `${path.resolve(ROOT, wanted)}: no such file`;
  return `${wanted.replace(/\/package\.json$/, '')}: no such package, searched from ${ROOT}`;
}

/**
 * @param {string[]} tried
 * @returns {string} the message of the error
 */
function explain(tried) {
  const libc = process.platform === 'linux' ? ` (${libcName()})` : '';
  const platform = `${process.platform}-${process.arch}${libc}, Node ${process.version}`;
  const permissions = missingPermissions(tried);
  // If the runtime does not allow native addons, another binary would not load either.
  const [heading, steps] =
    permissions.length > 0 ? ['What to do:', permissions] : ['What to do, one of:', remedies()];
  return [
    `sockjs-rs has no native binary that loads on this machine: ${platform}.`,
    'What was tried:',
    ...tried.map((line) => `  - ${line}`),
    heading,
    ...steps.map((line) => `  - ${line}`),
  ].join('\n');
}

/**
 * @param {string[]} tried
 * @returns {string[]} the permissions that the runtime needs, all of them; empty if it has denied nothing
 */
function missingPermissions(tried) {
  const isDenied = (kind) => tried.some((line) => DENIALS[kind].test(line));
  const steps = isDenied('addons') ? waysToAllowAddons() : [];
  if (isDenied('reading')) {
    steps.push(
      'let Node read the package with the binary, which is installed beside this one: ' +
        '--allow-fs-read with all of node_modules',
    );
  }
  if (isDenied('deno')) steps.push('let Deno load native addons: --allow-ffi');
  return steps;
}

/** @returns {string[]} what the options of Node require; both possible causes if none of the options explains it */
function waysToAllowAddons() {
  const options = [...process.execArgv, ...(process.env.NODE_OPTIONS ?? '').split(/\s+/)];
  const permission = options.find((option) => /^--(experimental-)?permission$/.test(option));
  const allow = `let Node load native addons: --allow-addons in addition to ${permission ?? '--permission'}`;
  const enable =
    'start Node without --no-addons, which may be on its command line, in NODE_OPTIONS, or in ' +
    'the execArgv of a worker';
  const steps = [];
  if (permission && !options.includes('--allow-addons')) steps.push(allow);
  if (options.includes('--no-addons')) steps.push(enable);
  return steps.length > 0 ? steps : [allow, enable];
}

/** @returns {string[]} ways to get a binary that loads; each of them is enough */
function remedies() {
  const override = process.env.NAPI_RS_NATIVE_LIBRARY_PATH;
  const named = override
    ? `correct or unset NAPI_RS_NATIVE_LIBRARY_PATH, now ${override}: while it is set, no other binary is tried`
    : 'name a binary that you have: NAPI_RS_NATIVE_LIBRARY_PATH=/path/to/sockjs-rs.node in the environment ' +
      '(other packages made with napi-rs read it too)';
  const ways = waysToInstall(require('../package.json'));
  return override ? [named, ...ways] : [...ways, named];
}

/**
 * @param {any} manifest our package.json
 * @returns {string[]}
 */
function waysToInstall(manifest) {
  // Only a clone has Cargo.toml. The published package.json has no `napi`, but a copy of a clone, which a package
  // manager makes of a folder, has the package.json of the clone.
  if (isThere('Cargo.toml')) return waysInClone();
  return manifest.napi ? waysInCopy(manifest) : waysInPackage(manifest);
}

/**
 * @param {string} file relative to the root
 * @returns {boolean} also false if Node may not read there: then `existsSync` of Node 20 throws
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
