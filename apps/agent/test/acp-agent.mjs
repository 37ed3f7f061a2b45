/** An agent of the tests: speaks the Agent Client Protocol over its pipes and does what the prompt's last line of JSON says. */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const home = process.env.HOME ?? '';
const file = (session) => join(home, '.agent', `${session}.txt`);
const asked = new Map();
let next = 1;
let cancelled = () => undefined;

const send = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
const tell = (sessionId, update) => send({ method: 'session/update', params: { sessionId, update } });
const say = (sessionId, text) =>
  tell(sessionId, { sessionUpdate: 'agent_message_chunk', content: { type: 'text', text } });

function ask(method, params) {
  const id = next++;
  send({ id, method, params });
  return new Promise((resolve) => asked.set(id, resolve));
}

const steps = {
  say: (sessionId, text) => say(sessionId, text),
  ask: async (sessionId, [method, params]) =>
    say(sessionId, `${JSON.stringify(await ask(method, { sessionId, ...params }))}\n`),
  env: (sessionId) => say(sessionId, JSON.stringify(process.env)),
  print: (_, text) => process.stdout.write(`${text}\n`),
  exit: (_, code) => process.exit(code),
  hang: () => new Promise(() => setInterval(() => undefined, 1000)),
  untilCancelled: () =>
    new Promise((resolve) => {
      cancelled = resolve;
    }),
};

const methods = {
  initialize: () => ({
    protocolVersion: 1,
    agentCapabilities: { loadSession: true },
    agentInfo: { name: 'agent of the tests', version: '7.0.0' },
    authMethods: [],
  }),
  'session/new': () => {
    mkdirSync(join(home, '.agent'), { recursive: true });
    writeFileSync(file('s1'), '');
    return { sessionId: 's1' };
  },
  'session/load': ({ sessionId }) => {
    say(sessionId, readFileSync(file(sessionId), 'utf8'));
    return {};
  },
  'session/prompt': async ({ sessionId, prompt }) => {
    const text = prompt.map((block) => block.text).join('\n');
    writeFileSync(file(sessionId), `${readFileSync(file(sessionId), 'utf8')}${text}\n`);
    if (text.includes('recall')) say(sessionId, readFileSync(file(sessionId), 'utf8'));
    let stopReason = 'end_turn';
    for (const [name, value] of Object.entries(JSON.parse(text.split('\n').at(-1) ?? '{}'))) {
      if (name === 'stop') stopReason = value;
      else if (name === 'fail') throw value;
      else await steps[name.replace(/\d$/, '')]?.(sessionId, value);
    }
    return { stopReason };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params, result, error } = JSON.parse(line);
  if (method === 'session/cancel') cancelled();
  else if (method === undefined) asked.get(id)?.(result ?? { error });
  else
    Promise.resolve(params)
      .then(methods[method] ?? (() => Promise.reject({ code: -32601, message: 'no such method' })))
      .then((answer) => send({ id, result: answer }))
      .catch((thrown) =>
        send({ id, error: thrown.code === undefined ? { code: -32603, message: String(thrown) } : thrown }),
      );
}
process.exit(0);
