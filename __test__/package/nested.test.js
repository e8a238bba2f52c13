'use strict';

/**
 * Packages that require sockjs themselves, in projects that are told what docs/migrating.md says: they
 * get sockjs-rs, and run on it.
 */

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { after, before, describe, it } = require('node:test');

const { blocksOf } = require('../support/docs');
const { dependencies } = require('../dependents/package.json');
const { version } = require('../../package.json');
const { MANAGERS } = require('./managers');
const { startRegistry } = require('./registry');
const { Machine } = require('./support');

/** What asks for sockjs. */
const DEPENDENTS = {
  'stomp-broker-js': '1.3.0',
  'webpack-dev-server': dependencies['webpack-dev-server'],
  'webpack-dev-server4': dependencies['webpack-dev-server4'],
};

/** What it takes to run them. */
const TOOLS = {
  'sockjs-client': dependencies['sockjs-client'],
  webpack: dependencies.webpack,
};

/** The version of sockjs-rs that a project asks for under the name of sockjs. */
const ALIAS = `npm:sockjs-rs@^${version}`;

/** A version of sockjs itself. */
const ORIGINAL = /\b0\.3\.\d{1,2}\b/;

/**
 * @param {string} title
 * @returns {string} the block of docs/migrating.md that is for it
 */
function documented(title) {
  const block = blocksOf('docs/migrating.md').find(({ says }) => says.installs === title);
  assert.ok(block, `docs/migrating.md has a block for ${title}`);
  return block.code;
}

/** Merges fields into the application's package.json. */
function addFields(machine, fields) {
  const file = path.join(machine.app, 'package.json');
  const manifest = { ...JSON.parse(fs.readFileSync(file, 'utf8')), ...fields };
  machine.write('package.json', JSON.stringify(manifest));
}

/** Runs the dependents, all at once. */
async function runDependents(machine, names, [program, ...args] = ['node']) {
  const script = path.join(__dirname, 'fixtures/dependents.js');
  fs.copyFileSync(script, path.join(machine.app, 'dependents.cjs'));
  machine.write('main.js', '');
  const said = names.map((name) => machine.run(program, [...args, 'dependents.cjs', name]));
  // Above it are the lines of their logs.
  for (const text of await Promise.all(said)) {
    assert.equal(text.trim().split('\n').at(-1), 'sockjs-rs');
  }
}

describe('a project whose dependents require sockjs', () => {
  let registry;
  before(async () => (registry = await startRegistry()));
  after(() => registry.close());

  /**
   * @param {import('node:test').TestContext} t
   * @param {import('./managers').Manager} manager
   * @param {Record<string, string>} packages
   */
  function project(t, { config }, packages) {
    const machine = new Machine(t, registry.origin);
    if (config) machine.append('.yarnrc.yml', config);
    addFields(machine, { dependencies: packages });
    return machine;
  }

  it('gets sockjs-rs below them from npm by its alias, though it had sockjs before', async (t) => {
    const machine = project(t, MANAGERS.npm, { ...DEPENDENTS, ...TOOLS });
    await machine.run('npm', ['install']);
    assert.match(await machine.run('npm', ['explain', 'sockjs']), ORIGINAL);
    await machine.run('sh', ['-c', documented('npm')]);
    const listed = await machine.run('npm', ['ls', 'sockjs']);
    assert.equal(listed.match(/sockjs@npm:sockjs-rs@/g).length, 1 + Object.keys(DEPENDENTS).length);
    assert.doesNotMatch(listed, ORIGINAL);
    const { output } = await machine.result('npm', ['explain', 'sockjs']);
    assert.match(output, /No dependencies found matching sockjs$/m);
    await runDependents(machine, Object.keys(DEPENDENTS));
  });

  it('gets it from npm by an override where a dependent wants one version of sockjs', async (t) => {
    const pinned = { name: 'pinned', version: '1.0.0', dependencies: { sockjs: '0.3.24' } };
    const install = async (fields) => {
      const machine = project(t, MANAGERS.npm, { sockjs: ALIAS, pinned: 'file:pinned' });
      fs.mkdirSync(path.join(machine.app, 'pinned'));
      machine.write('pinned/package.json', JSON.stringify(pinned));
      addFields(machine, fields);
      await machine.run('npm', ['install', '--install-links']);
      return machine.run('npm', ['ls', 'sockjs']);
    };
    assert.match(await install({}), ORIGINAL);
    assert.doesNotMatch(await install(JSON.parse(documented('npm overrides'))), ORIGINAL);
  });

  /** Managers → what else they are told, by the title of its block. */
  const TOLD = {
    pnpm: 'pnpm-workspace.yaml',
    'pnpm 9': 'pnpm overrides',
    'yarn 1': 'resolutions',
    'yarn 4 with node_modules': 'resolutions',
    'yarn 4 without': 'resolutions',
  };

  for (const [name, title] of Object.entries(TOLD)) {
    it(`gets it below them from ${name} by ${title}`, async (t) => {
      const manager = MANAGERS[name];
      const [program] = manager.add;
      const machine = project(t, manager, { ...DEPENDENTS, ...TOOLS, sockjs: ALIAS });
      if (title.endsWith('.yaml')) machine.write(title, documented(title));
      else addFields(machine, JSON.parse(documented(title)));
      await machine.run(program, ['install']);
      const { output } = await machine.result(program, ['why', 'sockjs']);
      assert.doesNotMatch(output, ORIGINAL);
      await runDependents(machine, Object.keys(DEPENDENTS), manager.node);
    });
  }
});
