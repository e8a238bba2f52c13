'use strict';

/**
 * @file A local registry that has our tarballs and redirects to the real one for other packages. Package
 * managers resolve versions, optional dependencies, platforms and aliases as they will with the published
 * packages.
 */

const { execFileSync } = require('node:child_process');
const crypto = require('node:crypto');
const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const { packed, standIns } = require('./tarball');

/** Package managers may refuse versions that were published recently. */
const PUBLISHED = '2024-01-01T00:00:00.000Z';

/**
 * @param {import('./tarball').Tarball} tarball
 * @param {string} origin of the registry
 * @returns {object} the registry's metadata of a package
 */
function packument({ manifest, file }, origin) {
  const { name, version } = manifest;
  const bytes = fs.readFileSync(file);
  const hash = (algorithm, encoding) => crypto.createHash(algorithm).update(bytes).digest(encoding);
  const dist = {
    tarball: `${origin}/${name}/-/${name}-${version}.tgz`,
    shasum: hash('sha1', 'hex'),
    integrity: `sha512-${hash('sha512', 'base64')}`,
  };
  const hasInstallScript = Boolean(manifest.scripts?.install);
  return {
    _id: name,
    name,
    'dist-tags': { latest: version },
    time: { created: PUBLISHED, modified: PUBLISHED, [version]: PUBLISHED },
    versions: { [version]: { ...manifest, _id: `${name}@${version}`, hasInstallScript, dist } },
  };
}

/** @returns {string} npm's configured registry, without a final slash */
function upstream() {
  return execFileSync('npm', ['config', 'get', 'registry'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
    .trim()
    .replace(/\/$/, '');
}

/**
 * @param {{ without?: string[] }} [options] packages that this registry does not have
 * @returns {Promise<{ origin: string, fetched: string[], close(): Promise<void> }>} `fetched`: our packages
 *   whose tarballs were fetched
 */
async function startRegistry({ without = [] } = {}) {
  const tarballs = new Map([...standIns(), ...packed()]);
  for (const name of without) tarballs.delete(name);
  const real = upstream();
  const fetched = [];
  const server = http.createServer((req, res) => {
    const [name, separator] = decodeURIComponent(req.url).slice(1).split('/');
    if (!name.startsWith('sockjs-rs')) {
      return res.writeHead(302, { location: real + req.url }).end();
    }
    const tarball = tarballs.get(name);
    if (!tarball) return res.writeHead(404).end('{}');
    if (!separator) {
      res.setHeader('content-type', 'application/json');
      return res.end(JSON.stringify(packument(tarball, origin)));
    }
    fetched.push(name);
    return fs.createReadStream(tarball.file).pipe(res);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${server.address().port}`;
  const close = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return { origin, fetched, close };
}

module.exports = { startRegistry };
