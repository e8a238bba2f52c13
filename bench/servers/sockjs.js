'use strict';

const { serveSockjs } = require('./common');

serveSockjs(require('sockjs'), { log: () => {} });
