'use strict';

/*
 * What the answers of several transports have in common.
 */

/** @param {{headers: Record<string, string>}} response */
function expectNotCached({ headers }) {
  expect(headers['cache-control']).toBe(
    'no-store, no-cache, no-transform, must-revalidate, max-age=0',
  );
  expect(headers).not.toHaveProperty('expires');
  expect(headers).not.toHaveProperty('last-modified');
}

/** @param {{headers: Record<string, string>}} response */
function expectCachedForAYear({ headers }) {
  expect(headers['cache-control']).toBe('public, max-age=31536000');
  const ahead = Date.parse(headers.expires) - Date.now();
  expect(Math.abs(ahead - 31536000_000)).toBeLessThan(60_000);
  expect(headers).not.toHaveProperty('last-modified');
}

/**
 * @param {{headers: Record<string, string>}} response
 * @param {string} [origin] the one that the request had
 */
function expectCors({ headers }, origin) {
  expect(headers['access-control-allow-origin']).toBe(origin ?? '*');
  expect(headers['access-control-allow-credentials']).toBe(origin && 'true');
  expect(headers.vary).toBe('Origin');
}

/** @param {{headers: Record<string, string>}} response */
function expectNoCors({ headers }) {
  expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
}

/**
 * @param {import('./client').Client} server
 * @param {string} target
 * @param {string} methods
 */
async function expectPreflight(server, target, methods) {
  for (const origin of [undefined, 'http://test', 'null']) {
    const response = await server.options(target, origin && { Origin: origin });
    expect(response.status).toBe(204);
    expect(response.body).toBe('');
    expectCachedForAYear(response);
    expect(response.headers['access-control-max-age']).toBe('31536000');
    expect(response.headers['access-control-allow-methods']).toBe(methods);
    expectCors(response, origin);
  }
}

module.exports = {
  expectCachedForAYear,
  expectCors,
  expectNoCors,
  expectNotCached,
  expectPreflight,
};
