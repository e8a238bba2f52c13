'use strict';

/**
 * `node scripts/licences.js [target]`: prints the licences of the crates that are linked into the addon for a
 * target (default: this machine's). The platform packages contain this text, because most licences require it.
 */

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { hostTarget } = require('./platforms');
const { ROOT } = require('./ready');

/** The name of the file in the packages. */
const FILE = 'THIRD-PARTY-LICENSES';

/** Names of the files that contain the licence of a crate. */
const TERMS = /^(un)?licen[cs]e|^copying|^notice|^copyright/i;

const RULE = '-'.repeat(80);

/**
 * @typedef {object} Crate
 * @property {string} name
 * @property {string} version
 * @property {string | null} license an SPDX expression
 * @property {string[]} authors
 * @property {string} manifest_path
 * @property {{ kind: string[] }[]} targets
 */

/**
 * @param {string} target such as x86_64-unknown-linux-gnu
 * @returns {Crate[]} the crates that are linked in, by name
 */
function linkedCrates(target) {
  const args = ['metadata', '--locked', '--format-version', '1', '--filter-platform', target];
  const { status, stdout, stderr, error } = spawnSync('cargo', args, {
    cwd: ROOT,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (error || status !== 0) throw error ?? new Error(`cargo ${args.join(' ')} failed: ${stderr}`);
  const { packages, resolve } = JSON.parse(stdout);
  const crates = new Map(packages.map((crate) => [crate.id, crate]));
  const nodes = new Map(resolve.nodes.map((node) => [node.id, node]));
  // The dependencies of a procedural macro run in the compiler only; its own code may be copied into the addon.
  const isMacro = (id) => crates.get(id).targets.some(({ kind }) => kind.includes('proc-macro'));
  const linked = new Set();
  const queue = [resolve.root];
  for (const id of queue) {
    if (linked.has(id)) continue;
    linked.add(id);
    const normal = nodes.get(id).deps.filter((dep) => dep.dep_kinds.some(({ kind }) => !kind));
    if (!isMacro(id)) queue.push(...normal.map((dep) => dep.pkg));
  }
  linked.delete(resolve.root);
  const order = (a, b) => a.name.localeCompare(b.name, 'en') || (a.version < b.version ? -1 : 1);
  return [...linked].map((id) => crates.get(id)).sort(order);
}

/**
 * @param {Crate} crate
 * @returns {string[]} the texts of its licence files
 */
function termsOf({ manifest_path: manifest }) {
  const folder = path.dirname(manifest);
  const files = fs.readdirSync(folder, { withFileTypes: true });
  return files
    .filter((file) => file.isFile() && TERMS.test(file.name))
    .map(({ name }) => name)
    .sort()
    .map((name) => fs.readFileSync(path.join(folder, name), 'utf8'))
    .map((text) => text.replace(/\r\n/g, '\n').replace(/^\n+/, '').trimEnd());
}

/**
 * @param {string} target
 * @returns {string} each licence text once, below the names, versions and licences of its crates
 */
function licencesOf(target) {
  const crates = linkedCrates(target);
  const title = ({ name, version, license }) => `${name} ${version} (${license ?? 'not named'})`;
  /** @type {Map<string, string[]>} */
  const owners = new Map();
  const without = [];
  for (const crate of crates) {
    const texts = new Set(termsOf(crate));
    for (const text of texts) owners.set(text, [...(owners.get(text) ?? []), title(crate)]);
    if (texts.size === 0) {
      const authors = crate.authors.length > 0 ? `, by ${crate.authors.join(', ')}` : '';
      without.push(`${title(crate)}${authors}`);
    }
  }
  return [
    `Crates that are linked into the binary of sockjs-rs for ${target}, and their licences.`,
    ...[...owners].map(([text, names]) => `${RULE}\n${names.join('\n')}\n${RULE}\n\n${text}`),
    ...(without.length > 0
      ? [`${RULE}\nThese crates contain no licence file:\n\n${without.join('\n')}`]
      : []),
  ]
    .join('\n\n')
    .concat('\n');
}

module.exports = { FILE, licencesOf, linkedCrates };

if (require.main === module) process.stdout.write(licencesOf(process.argv[2] ?? hostTarget()));
