'use strict';

/**
 * `npm run check:dependencies`: checks licences, sources and duplicate versions of the crates (deny.toml), and known
 * vulnerabilities of crates and packages, if the databases of vulnerabilities can be reached.
 */

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { CACHE } = require('./nodes');
const { ROOT, run } = require('./ready');

/** The version of cargo-deny. It is built in debug mode: that takes half the time, and it runs for a second only. */
const VERSION = '0.20.2';

/** @returns {Promise<string>} the program: that of the PATH, or else one in a cache */
async function cargoDeny() {
  if (spawnSync('cargo-deny', ['--version']).status === 0) return 'cargo-deny';
  const root = path.join(CACHE, `cargo-deny-${VERSION}`);
  const program = path.join(root, 'bin/cargo-deny');
  if (!fs.existsSync(program)) {
    const args = ['install', 'cargo-deny', '--version', VERSION, '--locked', '--debug', '--quiet'];
    await run('Installing cargo-deny', 'cargo', [...args, '--root', root]);
  }
  return program;
}

/**
 * Runs a program that needs a database from the network.
 *
 * @param {string} what description of the check
 * @param {string} command
 * @param {string[]} args
 * @param {RegExp} unreachable matches the output if the database cannot be reached
 * @throws {Error} if the program has found something
 */
function consult(what, command, args, unreachable) {
  console.log(`\n— ${what}: ${command} ${args.join(' ')}`);
  const shell = process.platform === 'win32';
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd: ROOT,
    encoding: 'utf8',
    shell,
  });
  const output = `${stdout}${stderr}`;
  if (status === 0) return console.log(output.trim());
  if (unreachable.test(output)) {
    return console.log('NOT CHECKED: the database could not be reached.');
  }
  throw new Error(`${what}:\n${output}`);
}

async function main() {
  const deny = await cargoDeny();
  await run('Crates', deny, ['check', 'bans', 'licenses', 'sources']);
  const noDatabase = /failed to fetch advisory database/;
  consult('Advisories on crates', deny, ['check', 'advisories'], noDatabase);
  const noAudit =
    /ENOAUDIT|ENOTFOUND|ECONNREFUSED|EAI_AGAIN|ETIMEDOUT|audit endpoint returned an error/;
  consult('Advisories on packages', 'npm', ['audit', '--omit=dev'], noAudit);
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
