/**
 * `node:http` by its CommonJS face. An ES import of it reads every export, which loads fetch and WebSocket and doubles the time until the
 * supervisor runs (measured: 73 to 37 ms on a busy machine).
 */

export const http = process.getBuiltinModule('node:http');
