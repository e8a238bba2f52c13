'use strict';

const { numberAfter, serveSockjs } = require('./common');

serveSockjs(require('../..'), { log: null, io_threads: numberAfter('--io-threads') ?? 1 });
