'use strict';

/** @file Node's http server alone, with the answer of `/info`. */

const http = require('node:http');

const { listen } = require('./common');

listen(
  http.createServer((req, res) => {
    const entropy = Math.floor(Math.random() * 0x100000000);
    res.writeHead(200, {
      'Content-Type': 'application/json; charset=UTF-8',
      'Access-Control-Allow-Origin': '*',
      Vary: 'Origin',
      'Cache-Control': 'no-store, no-cache, no-transform, must-revalidate, max-age=0',
    });
    const info = { websocket: true, origins: ['*:*'], cookie_needed: false, entropy };
    res.end(JSON.stringify(info));
  }),
);
