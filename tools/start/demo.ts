/** The demo dispatch, live in front of the person: what the agent may, what it may not, and the proof of both. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { verifyBundle } from '@sallyport/audit-verify/verify-bundle';
import { createParser } from 'eventsource-parser';
import type { StreamEvent } from '../../apps/cli/src/client/stream.ts';
import { coloured, plain, wantsColour } from '../../apps/cli/src/output/style.ts';
import { Timeline } from '../../apps/cli/src/timeline/timeline.ts';
import type { Rest } from './rest.ts';

const task = (): string =>
  `Report on the sales data of the company workspace as of ${new Date().toISOString()}, then show what you may not do.`;

interface Seen {
  readonly state: string;
  readonly events: readonly StreamEvent[];
}

/** Runs the demo and prints it; answers whether everything it shows was really seen. */
export async function runDemo(rest: Rest, out: (line: string) => void): Promise<boolean> {
  const paint = wantsColour(process.stdout.isTTY, process.env) ? coloured : plain;
  const timeline = new Timeline({ paint, width: process.stdout.columns ?? 120 });
  out('');
  out(paint('bold', 'Demo: an untrusted agent reads company data, writes a report, and tries twice to break out'));
  out('');
  const run = await rest.post<{ id: string }>('/v1/runs', { role: 'demo', task: task() });
  const seen = await follow(rest, run.id, (event) => {
    for (const line of timeline.push(event)) out(line);
  });
  for (const line of timeline.close()) out(line);
  const proof = await verifyAudit(rest);
  out(
    `${''.padStart(11)}${proof.ok ? paint('green', '✓') : paint('red', '✗')} ${paint('bold', 'audit'.padEnd(10))} ${proof.text}`,
  );
  const missing = missingOf(seen, proof.ok);
  for (const what of missing) out(paint('red', `           ✗ the demo did not show: ${what}`));
  return missing.length === 0;
}

/** Follows a run's stream to its end. */
async function follow(rest: Rest, id: string, onEvent: (event: StreamEvent) => void): Promise<Seen> {
  const response = await rest.raw('GET', `/v1/runs/${id}/events`, undefined, { accept: 'text/event-stream' });
  const events: StreamEvent[] = [];
  let state = 'unknown';
  const parser = createParser({
    onEvent: (message) => {
      const value = JSON.parse(message.data) as StreamEvent & { readonly state?: string };
      if (message.event === 'end') state = value.state ?? 'unknown';
      else if (typeof value.type === 'string') {
        events.push(value);
        onEvent(value);
      }
    },
  });
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) parser.feed(decoder.decode(chunk as Uint8Array, { stream: true }));
  return { state, events };
}

/** Exports the audit log and verifies it with the verifier that needs neither network nor database. */
async function verifyAudit(rest: Rest): Promise<{ readonly ok: boolean; readonly text: string }> {
  const response = await rest.raw('GET', '/v1/audit/export');
  if (!response.ok) return { ok: false, text: `the export answered ${response.status}` };
  const directory = mkdtempSync(join(tmpdir(), 'sally-audit-'));
  try {
    const file = join(directory, 'audit.tar');
    writeFileSync(file, new Uint8Array(await response.arrayBuffer()));
    const started = performance.now();
    const report = verifyBundle(file);
    const took = Math.round(performance.now() - started);
    const [first] = report.findings;
    if (report.verdict === 'ok')
      return {
        ok: true,
        text: `checkpoint of ${report.size} events verified offline, root ${report.root?.slice(0, 16)}…  ${took}ms`,
      };
    return {
      ok: false,
      text: `the log does not verify: ${report.verdict}${first === undefined ? '' : ` (${first.what})`}`,
    };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** What the demo promises and did not show. */
function missingOf({ state, events }: Seen, audited: boolean): readonly string[] {
  const has = (test: (event: StreamEvent) => boolean): boolean => events.some(test);
  const readOnly = /read-only file system/i;
  const promises: readonly (readonly [string, boolean])[] = [
    ['the run completing', state === 'completed'],
    [
      'the write into company refused by the substrate',
      has((event) => event.type === 'tool.completed' && readOnly.test(String(event.data['text']))),
    ],
    [
      'the foreign host refused with a reason',
      has(
        (event) =>
          event.type === 'egress.decided' &&
          event.data['allowed'] === false &&
          event.data['reason'] === 'host_not_allowed',
      ),
    ],
    [
      'the report committed',
      has((event) => event.type === 'committed' && event.data['workspace'] === 'demo' && event.data['commit'] !== ''),
    ],
    ['the audit checkpoint verified', audited],
  ];
  return promises.flatMap(([what, shown]) => (shown ? [] : [what]));
}
