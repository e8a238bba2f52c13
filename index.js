'use strict';

// Without a binary, `require` throws here, and not the first service.
require('./lib/load').loadBinding();

module.exports = require('./lib/server');
