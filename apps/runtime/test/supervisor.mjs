// A supervisor for tests: asks for its work and runs the start text as the body of an async function. Its words are `tether`
// (raw calls), `emit`, `connect` (a tunnel), `stopped` (waits for the platform's word) and `done` (result, then exit).

import child from 'node:child_process';
import fs from 'node:fs';
import { request } from 'node:http';
import { connect as dial } from 'node:net';

const socketPath = '/run/sally/tether.sock';

const tether = (method, body, attempts = 12_000) =>
  new Promise((resolve, reject) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const path = `/runner.v1.TetherService/${method}`;
    const call = request(
      { socketPath, method: 'POST', path, headers: { 'content-length': Buffer.byteLength(text) } },
      (response) => {
        let answer = '';
        response.on('data', (chunk) => (answer += chunk));
        response.on('end', () =>
          resolve({ status: response.statusCode, body: answer === '' ? undefined : JSON.parse(answer) }),
        );
        response.on('error', reject);
      },
    );
    call.on('error', (error) => {
      if (attempts === 0) reject(error);
      else setTimeout(() => tether(method, body, attempts - 1).then(resolve, reject), 50);
    });
    call.end(text);
  });

let next = 1;
const emit = async (...events) => {
  const first = next;
  next += events.length;
  return tether('Emit', { first: String(first), events });
};

const connect = (target) =>
  new Promise((resolve, reject) => {
    const call = request({ socketPath, method: 'CONNECT', path: target });
    call.on('connect', (response, socket, head) =>
      resolve({ status: response.statusCode, headers: response.headers, socket, head }),
    );
    call.on('error', reject);
    call.end();
  });

const stopped = async () => {
  while ((await tether('AwaitControl', {})).body.stop !== true);
};

const done = async (verdict = 'VERDICT_SUCCEEDED', reply = '', code = 0) => {
  await emit({ result: { verdict, reply, exitCode: 0 } });
  process.exit(code);
};

const { body: work } = await tether('AwaitWork', { version: 'test' });
const words = { work, tether, emit, connect, stopped, done, dial, socketPath, fs, child };
const AsyncFunction = (async () => {}).constructor;
await new AsyncFunction(...Object.keys(words), work.start.inline)(...Object.values(words));
