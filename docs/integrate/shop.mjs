/**
 * A platform team's program: hands an event in, follows the run it starts, and reads that run's audit - over NATS alone.
 *
 *   node docs/integrate/shop.mjs --server nats://127.0.0.1:4222 --seed shop.seed --org acme --environment main --team shop \
 *     --type order.created --data '{"total":120}'
 *
 * Needs the packages @nats-io/transport-node and @nats-io/jetstream. Prints a line of JSON for each thing it hears; exits 0 when the run
 * completed, 1 when it ended otherwise, none was seen within --wait seconds, or the event was refused.
 */

import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { DeliverPolicy, jetstream } from '@nats-io/jetstream';
import { connect, headers, nkeyAuthenticator } from '@nats-io/transport-node';

const text = { type: 'string' };
const { values: given } = parseArgs({
  options: {
    server: text,
    seed: text,
    org: text,
    environment: text,
    team: text,
    type: text,
    data: text,
    id: text,
    wait: { ...text, default: '120' },
  },
});
const seed = new TextEncoder().encode(readFileSync(given.seed, 'utf8').trim());
const nats = await connect({ servers: given.server, authenticator: nkeyAuthenticator(seed) });

const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);

/** Everything the team's stream holds from a sequence on, then what comes; made anew by the client where a connection broke. */
async function follow(from) {
  const consumer = await jetstream(nats).consumers.get('EVENTS', {
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: from,
  });
  return consumer.consume();
}

/** The sequence the next message of the stream will have. */
async function nextSequence() {
  const consumer = await jetstream(nats).consumers.get('EVENTS', { deliver_policy: DeliverPolicy.New });
  const { delivered } = await consumer.info(true);
  return delivered.stream_seq + 1;
}

/** Hands a CloudEvent in, in structured mode. The same id and source are the same event, however often it is sent. */
async function fire() {
  const event = {
    specversion: '1.0',
    id: given.id ?? randomUUID(),
    source: `/teams/${given.team}`,
    type: given.type,
    data: JSON.parse(given.data ?? 'null'),
  };
  const wire = headers();
  wire.set('content-type', 'application/cloudevents+json');
  const subject = `event.v1.${given.org}.${given.environment}.${given.team}`;
  const reply = await nats.request(subject, JSON.stringify(event), { headers: wire, timeout: 60_000 });
  return { refused: reply.headers?.get('Sally-Fault-Reason') ?? '', ...reply.json() };
}

const ended = new Set(['RUN_STATE_COMPLETED', 'RUN_STATE_FAILED', 'RUN_STATE_CANCELLED', 'RUN_STATE_SKIPPED']);

/** Follows what an event started to its end; answers the run's last state, undefined when none was seen in time. */
async function watch(from, event) {
  let run;
  let state;
  const heard = new Set();
  /** States, output and audit come from three services: what of a run comes before its first state waits for it. */
  const early = [];
  const messages = await follow(from);
  const late = setTimeout(() => messages.stop(), Number(given.wait) * 1000);
  for await (const message of messages) {
    const [type = '', id = ''] = ['ce-type', 'ce-id'].map((name) => message.headers?.get(name));
    // Told at least once, always under the same id.
    if (heard.has(id)) continue;
    heard.add(id);
    // Data that would not fit into a message is left out (`ce-omitted`).
    const data = message.data.length === 0 ? {} : message.json();
    const from = { sequence: message.seq, type };
    if (data.run?.trigger?.reference === event) {
      ({ id: run, state } = data.run);
      say({ ...from, run, state, reason: data.run.reason, reply: data.run.reply });
    } else if (typeof data.run === 'string') early.push({ from, data });
    for (const each of run === undefined ? [] : early.splice(0)) if (each.data.run === run) say(summary(each));
    // The log is written beside the run; the end of the launch is the last it says of one.
    if (ended.has(state) && type === 'dev.sallyport.audit.launch.ended.v1' && data.run === run) break;
  }
  clearTimeout(late);
  return state;
}

const summary = ({ from, data }) =>
  data.kind === undefined
    ? { ...from, output: Number(data.seq), text: data.messageCompleted?.text ?? data.toolCompleted?.text }
    : { ...from, audit: data.kind, entry: Number(data.seq ?? 0), outcome: data.outcome };

async function main() {
  const from = await nextSequence();
  const { id, replayed, refused } = await fire();
  say({ event: id, replayed, refused });
  if (refused !== '') return 1;
  return (await watch(from, id)) === 'RUN_STATE_COMPLETED' ? 0 : 1;
}

try {
  process.exitCode = await main();
} finally {
  await nats.close();
}
