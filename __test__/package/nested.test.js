'use strict';

/**
 * Packages that require sockjs themselves, in projects with the settings of docs/migrating.md: they get
 * sockjs-rs and work with it.
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

/** Packages that require sockjs. */
const DEPENDENTS = {
  'stomp-broker-js': '1.3.0',
  'webpack-dev-server': dependencies['webpack-dev-server'],
  'webpack-dev-server4': dependencies['webpack-dev-server4'],
};

/** Packages that are needed to run them. */
const TOOLS = {
  'sockjs-client': dependencies['sockjs-client'],
  webpack: dependencies.webpack,
};

/** The project's dependency `sockjs`. */
const ALIAS = `npm:sockjs-rs@^${version}`;

/** A version of sockjs itself. */
const ORIGINAL = /\b0\.3\.\d{1,2}\b/;

/**
 * @param {string} title
 * @returns {string} the block of docs/migrating.md with this title in its comment
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

/** Runs the dependents at the same time. */
async function runDependents(machine, names, [program, ...args] = ['node']) {
  const script = path.join(__dirname, 'fixtures/dependents.js');
  fs.copyFileSync(script, path.join(machine.app, 'dependents.cjs'));
  machine.write('main.js', '');
  const runs = names.map((name) => machine.run(program, [...args, 'dependents.cjs', name]));
  // The lines before the last are their logs.
  for (const output of await Promise.all(runs)) {
    assert.equal(output.trim().split('\n').at(-1), 'sockjs-rs');
  }
}

describe('dependents of sockjs get sockjs-rs', () => {
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

  it('from npm with an alias, also where sockjs was installed before', async (t) => {
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

  it('from npm with an override, where a dependent requires one exact version', async (t) => {
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

  /** Manager → the title of the block with its setting. */
  const SETTINGS = {
    pnpm: 'pnpm-workspace.yaml',
    'pnpm 9': 'pnpm overrides',
    'yarn 1': 'resolutions',
    'yarn 4 with node_modules': 'resolutions',
    'yarn 4 with Plug and Play': 'resolutions',
  };

  for (const [name, title] of Object.entries(SETTINGS)) {
    it(`from ${name} with ${title}`, async (t) => {
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
