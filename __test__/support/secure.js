'use strict';

/** TLS between a server and a client that share a key, so that no certificate is needed. */
const shared = { ciphers: 'PSK', maxVersion: 'TLSv1.2' };
const key = Buffer.from('0123456789abcdef');

const PRE_SHARED = {
  server: { ...shared, pskCallback: () => key },
  client: {
    ...shared,
    pskCallback: () => ({ psk: key, identity: 'tests' }),
    checkServerIdentity: () => undefined,
  },
};

module.exports = { PRE_SHARED };
