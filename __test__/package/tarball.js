'use strict';

/**
 * @file Reads the packed tarballs.
 */

const fs = require('node:fs');
const path = require('node:path');
const zlib = require('node:zlib');
const { ROOT } = require('../../scripts/ready');

/** The folder of the tarballs that scripts/test-package.js packs. */
const DIST = path.join(ROOT, 'dist');

/** The block size of tar files, in bytes: headers and contents are padded to it. */
const BLOCK = 512;

/**
 * @typedef {object} Tarball
 * @property {string} file absolute path
 * @property {Map<string, Buffer>} files contents by path in the package, sorted
 * @property {any} manifest its package.json
 */

/**
 * @param {string} file of a package, as npm packs it
 * @returns {Tarball}
 */
function readTarball(file) {
  const tar = zlib.gunzipSync(fs.readFileSync(file));
  const text = (at, length) => tar.toString('utf8', at, at + length).replace(/\0.*$/s, '');
  const files = new Map();
  for (let at = 0; at < tar.length && tar[at] !== 0;) {
    const size = parseInt(text(at + 124, 12), 8);
    const name = text(at, 100);
    const kind = text(at + 156, 1);
    // Long names would need other kinds of entries, which npm does not write for our names.
    if (kind !== '0') throw new Error(`${file} has an entry of kind ${kind}.`);
    files.set(name.replace(/^package\//, ''), tar.subarray(at + BLOCK, at + BLOCK + size));
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }
  const sorted = new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1)));
  return { file, files: sorted, manifest: JSON.parse(files.get('package.json').toString()) };
}

/**
 * @param {string} folder
 * @returns {Map<string, Tarball>} its tarballs, by package name
 */
function tarballsIn(folder) {
  const names = fs.readdirSync(folder).filter((name) => name.endsWith('.tgz'));
  const tarballs = names.map((name) => readTarball(path.join(folder, name)));
  return new Map(tarballs.map((each) => [each.manifest.name, each]));
}

/** @returns {Map<string, Tarball>} the packages that this machine can publish */
const packed = () => tarballsIn(DIST);

/** @returns {Map<string, Tarball>} packages of other platforms, without their binaries */
const standIns = () => tarballsIn(path.join(DIST, 'stand-ins'));

module.exports = { packed, standIns };
