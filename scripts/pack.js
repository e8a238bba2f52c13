'use strict';

/**
 * `npm run pack [-- folder] [--all]`: packs the published packages into a folder (default: `dist`). These are the
 * main package, the packages that build from source, and each platform package whose binary `npm run
 * build:release` has built; with --all a missing binary is an error. The optional dependencies are added here:
 * they are on npm only after this version is published, and `npm ci` would fail on them in the committed package.json.
 */

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { SOURCE_PACKAGES } = require('../lib/load');
const manifest = require('../package.json');
const { FILE: LICENCES, licencesOf } = require('./licences');
const { PLATFORMS, binaryOf, targetOf } = require('./platforms');
const { ROOT, isOlderThanSources } = require('./ready');

const { name, version } = manifest;

/** Fields of the committed package.json that a user of the package does not need. */
const OWN_FIELDS = ['devDependencies', 'jest', 'napi', 'prettier', 'scripts', 'tsd'];

/** The binary of a clone, for package managers that copy the clone. The published binaries have their own packages. */
const OWN_FILES = ['sockjs-rs.*.node'];

const FILES = manifest.files.filter((file) => !OWN_FILES.includes(file));

/** The documents that README links to. */
const DOCUMENTS = ['README.md', 'CHANGELOG.md', 'docs', 'bench/results/chart.svg'];

/**
 * The platforms for which npm installs a package that builds from source: together, all that have no prebuilt
 * package. The first has no such bounds, because only users install it.
 */
const SOURCE_BOUNDS = {
  'sockjs-rs-source': {},
  'sockjs-rs-source-cpu': { os: ['linux', 'darwin', 'win32'], cpu: ['!x64', '!arm64'] },
  'sockjs-rs-source-os': { os: ['!linux', '!darwin', '!win32'] },
};

/** The files that the crate is built from. */
const CRATE = ['Cargo.toml', 'Cargo.lock', 'build.rs', 'src'];

/**
 * @param {string} [url] of the public repository, such as https://github.com/someone/sockjs-rs. It is not in
 *   the committed package.json, because it is known only when the package is published
 * @returns {object} the fields of package.json that name the repository
 */
function repositoryFields(url = process.env.SOCKJS_RS_REPOSITORY) {
  if (!url) return {};
  return {
    repository: { type: 'git', url: `git+${url}.git` },
    homepage: `${url}#readme`,
    bugs: `${url}/issues`,
  };
}

/** @returns {object} the published package.json of the main package */
function mainManifest() {
  const published = { ...manifest };
  for (const field of OWN_FIELDS) delete published[field];
  const [chosen, ...automatic] = SOURCE_PACKAGES;
  const optional = [...PLATFORMS.map((platform) => `${name}-${platform}`), ...automatic];
  published.optionalDependencies = Object.fromEntries(optional.map((each) => [each, version]));
  // index.d.ts refers to the types of Node, which only TypeScript code needs.
  published.peerDependencies = { '@types/node': '*', [chosen]: version };
  published.peerDependenciesMeta = {
    '@types/node': { optional: true },
    [chosen]: { optional: true },
  };
  published.files = [...FILES, ...DOCUMENTS];
  return { ...published, ...repositoryFields() };
}

/**
 * @typedef {object} Package
 * @property {object} manifest its package.json
 * @property {string} from its folder, relative to the root
 * @property {string[]} files that are copied from its folder
 * @property {string[]} [rootFiles] files that are copied from the root
 * @property {Record<string, string>} [texts] contents of generated files, by name
 */

/**
 * @param {string} platform
 * @returns {object} package.json of its package
 */
function platformManifest(platform) {
  const committed = require(`../npm/${platform}/package.json`);
  const files = [...committed.files, LICENCES];
  return { ...committed, version, files, ...repositoryFields() };
}

/**
 * @param {string[]} platforms
 * @returns {Package[]}
 */
function packages(platforms) {
  const main = { manifest: mainManifest(), from: '.', files: [...FILES, ...DOCUMENTS] };
  const prebuilt = platforms.map((platform) => ({
    manifest: platformManifest(platform),
    from: `npm/${platform}`,
    files: ['README.md', path.basename(binaryOf(platform))],
    texts: { [LICENCES]: licencesOf(targetOf(platform)) },
  }));
  const source = require('../npm/source/package.json');
  const sources = SOURCE_PACKAGES.map((each) => ({
    manifest: { ...source, name: each, version, ...SOURCE_BOUNDS[each], ...repositoryFields() },
    from: 'npm/source',
    files: ['README.md', 'index.js', 'install.js'],
    rootFiles: CRATE,
  }));
  return [...prebuilt, ...sources, main];
}

/**
 * Packs one package from a copy that has its published package.json.
 *
 * @param {Package} each
 * @param {string} folder absolute
 * @returns {object} the output of `npm pack --json` for it
 */
function pack(each, folder) {
  const staged = fs.mkdtempSync(path.join(os.tmpdir(), 'sockjs-rs-pack-'));
  try {
    const copy = (from, file) =>
      fs.cpSync(path.join(ROOT, from, file), path.join(staged, file), { recursive: true });
    for (const file of each.files) copy(each.from, file);
    for (const file of [...(each.rootFiles ?? []), 'LICENSE']) copy('.', file);
    const texts = { ...each.texts, 'package.json': `${JSON.stringify(each.manifest, null, 2)}\n` };
    for (const [file, text] of Object.entries(texts)) {
      fs.writeFileSync(path.join(staged, file), text);
    }
    const cli = process.env.npm_execpath;
    const [program, ...prefix] = cli ? [process.execPath, cli] : ['npm'];
    const args = [...prefix, 'pack', '--json', '--ignore-scripts', '--pack-destination', folder];
    const { status, stdout, stderr } = spawnSync(program, args, {
      cwd: staged,
      encoding: 'utf8',
      shell: !cli && process.platform === 'win32',
    });
    if (status !== 0) throw new Error(`npm pack failed for ${each.manifest.name}: ${stderr}`);
    const output = JSON.parse(stdout);
    // npm 11 prints an array, later versions an object by package name.
    return Array.isArray(output) ? output[0] : Object.values(output)[0];
  } finally {
    fs.rmSync(staged, { recursive: true, force: true });
  }
}

/**
 * @param {string} folder absolute; earlier packages in it are removed
 * @param {{ all?: boolean }} [options]
 * @returns {object[]} the output of npm for each package, the main one last
 */
function packAll(folder, { all = false } = {}) {
  const here = (platform) => fs.existsSync(path.join(ROOT, binaryOf(platform)));
  const missing = PLATFORMS.filter((platform) => !here(platform));
  if (all && missing.length > 0) throw new Error(`No binary for ${missing.join(', ')}.`);
  const present = PLATFORMS.filter(here);
  const old = present.filter((platform) => !all && isOlderThanSources(binaryOf(platform)));
  if (present.length === 0 || old.length > 0) {
    const which = old.length > 0 ? `Older than the sources: ${old.join(', ')}` : 'No binary';
    throw new Error(`${which}. Run npm run build:release first.`);
  }
  fs.mkdirSync(folder, { recursive: true });
  for (const file of fs.readdirSync(folder)) {
    if (/^sockjs-rs-.*\.tgz$/.test(file)) fs.rmSync(path.join(folder, file));
  }
  return packages(present).map((each) => pack(each, folder));
}

module.exports = { pack, packAll, platformManifest, repositoryFields };

if (require.main === module) {
  try {
    const { positionals, values } = parseArgs({
      allowPositionals: true,
      options: { all: { type: 'boolean' } },
    });
    const folder = path.resolve(ROOT, positionals[0] ?? 'dist');
    for (const { filename, size } of packAll(folder, values)) {
      console.log(`${path.relative(ROOT, path.join(folder, filename))}  ${size} bytes`);
    }
  } catch (error) {
    console.error(error.message);
    process.exit(1);
  }
}
