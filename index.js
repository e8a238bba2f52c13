'use strict';

// Whoever has no binary learns it here, not when the first client comes.
require('./lib/load').loadBinding();

module.exports = require('./lib/server');
