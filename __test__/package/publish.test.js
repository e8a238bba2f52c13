'use strict';

/** The last step of the release workflow, as a dry run against a registry of the test. */

const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const { it } = require('node:test');
const { promisify } = require('node:util');

const { repositoryFields } = require('../../scripts/pack');
const { tagOf } = require('../../scripts/publish');
const { ROOT } = require('../../scripts/ready');
const { packed } = require('./tarball');

const { version } = require('../../package.json');

/**
 * Runs the script against a registry that has only some packages in this version.
 *
 * @param {import('node:test').TestContext} t
 * @param {string[]} published
 */
async function publish(t, published) {
  const registry = http.createServer((request, response) => {
    const name = request.url.slice(1);
    response.writeHead(published.includes(name) ? 200 : 404);
    const versions = { [version]: { name, version, dist: {} } };
    response.end(JSON.stringify({ name, 'dist-tags': { latest: version }, versions }));
  });
  registry.listen(0, '127.0.0.1');
  await once(registry, 'listening');
  const cache = fs.mkdtempSync(path.join(os.tmpdir(), 'sockjs-rs-npm-'));
  t.after(() => {
    registry.close();
    fs.rmSync(cache, { recursive: true, force: true });
  });
  const script = path.join(ROOT, 'scripts/publish.js');
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [script, '--dry-run'], {
    env: {
      ...process.env,
      npm_config_registry: `http://127.0.0.1:${registry.address().port}/`,
      npm_config_cache: cache,
      // The test reads npm's output, which `npm run --silent` would suppress.
      npm_config_loglevel: 'notice',
    },
  });
  return { stdout, stderr };
}

/** @returns {string[]} the packages that npm would have published, in its order */
const publishedBy = ({ stdout }) => [...stdout.matchAll(/^\+ (.+)$/gm)].map(([, spec]) => spec);
const spec = (name) => `${name}@${version}`;

it('publishes every tarball, the main package last', async (t) => {
  const output = await publish(t, []);
  assert.match(output.stderr, new RegExp(`with tag ${tagOf(version)}`));
  const specs = publishedBy(output);
  assert.deepEqual([...specs].sort(), [...packed().keys()].map(spec).sort());
  assert.equal(specs.at(-1), spec('sockjs-rs'));
});

it('skips packages that are published already', async (t) => {
  const [first, ...rest] = [...packed().keys()].filter((name) => name !== 'sockjs-rs');
  const output = await publish(t, rest);
  assert.deepEqual(publishedBy(output), [spec(first), spec('sockjs-rs')]);
  for (const name of rest) assert.ok(output.stdout.includes(`${spec(name)} is published already`));
});

it('only releases get the tag latest', () => {
  assert.deepEqual(['1.0.0', '1.0.0-rc.1'].map(tagOf), ['latest', 'next']);
});

it('package.json gets the URL of the repository if it is known', () => {
  assert.deepEqual(repositoryFields(''), {});
  assert.deepEqual(repositoryFields('https://github.com/someone/sockjs-rs'), {
    repository: { type: 'git', url: 'git+https://github.com/someone/sockjs-rs.git' },
    homepage: 'https://github.com/someone/sockjs-rs#readme',
    bugs: 'https://github.com/someone/sockjs-rs/issues',
  });
});
