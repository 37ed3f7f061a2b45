import { describe, expect, test } from '@jest/globals';
import type { StreamEvent } from '../client/stream.ts';
import { renderTimeline, Timeline } from './timeline.ts';

const begin = Date.parse('2026-11-21T08:00:00.000Z');

const anEvent = (type: string, data: Record<string, unknown>, ms = 0): StreamEvent => ({
  type,
  time: new Date(begin + ms).toISOString(),
  data,
});

const textOf = (...events: StreamEvent[]): string => renderTimeline(events).join('\n');

describe('a timeline', () => {
  test('tells a whole run in order, with the time since its begin and the time each stage took', () => {
    const lines = renderTimeline([
      anEvent('run.transition', { id: 'run_1', role: 'demo', state: 'queued', reason: 'leased' }),
      anEvent('stage.reached', { stage: 'sandbox', took_micros: 38_000, detail: { network: 'none' } }, 42),
      anEvent('session.started', { model: 'scripted', tools: ['bash'] }, 60),
      anEvent('tool.started', { call: '1', tool: 'bash', arguments: '{"command":"ls"}' }, 70),
      anEvent('tool.completed', { call: '1', ok: true, text: 'README.md\ndata' }, 75),
      anEvent('committed', { workspace: 'demo', commit: 'abcdef0123456789', files: 1 }, 1_500),
      anEvent('result', { verdict: 'succeeded' }, 1_501),
    ]);
    expect(lines).toEqual([
      '   0.000s  · queued     run_1 · role demo · leased',
      '   0.042s  · sandbox    network none  38 ms',
      '   0.060s  · session    model scripted · tools bash',
      '   0.070s  · tool       bash ls',
      '   0.075s  ✓            README.md',
      '   1.500s  ✓ commit     demo · abcdef012345 · 1 file',
      '   1.501s  ✓ result     succeeded',
    ]);
  });

  test('tells the end of a run that is over last, and counts from its acceptance', () => {
    const created_at = new Date(begin).toISOString();
    const ended_at = new Date(begin + 900).toISOString();
    const lines = renderTimeline([
      anEvent('run.transition', { id: 'run_1', role: 'demo', state: 'completed', created_at, ended_at }, 900),
      anEvent('stage.reached', { stage: 'sandbox', took_micros: 38_000, detail: {} }, 42),
      anEvent('result', { verdict: 'succeeded' }, 800),
    ]);
    expect(lines).toEqual([
      '   0.042s  · sandbox      38 ms',
      '   0.800s  ✓ result     succeeded',
      '   0.900s  ✓ completed  run_1 · role demo',
    ]);
  });

  test('shows both kinds of refusal', () => {
    const text = textOf(
      anEvent('tool.completed', {
        call: '1',
        tool: 'bash',
        ok: false,
        text: 'sh: cannot create x: Read-only file system',
      }),
      anEvent('egress.decided', {
        allowed: false,
        target: 'example.com:443',
        reason: 'host_not_allowed',
        decision: 'dec_1',
      }),
    );
    expect(text).toContain('⊘ refused    bash: sh: cannot create x: Read-only file system');
    expect(text).toContain('⊘ refused    connection to example.com:443 · host_not_allowed · dec_1');
  });

  test('counts known update and telemetry calls in place of a line each', () => {
    const call = anEvent('egress.decided', { allowed: false, target: 'x:443', reason: 'r', noise: 'codex.update' });
    const events = [call, call, anEvent('result', { verdict: 'succeeded' }), call];
    const text = textOf(...events, anEvent('run.transition', { id: 'run_1', state: 'completed' }));
    expect(text).not.toContain('x:443');
    expect(text.match(/\d known update and telemetry calls? denied/g)).toEqual([
      '2 known update and telemetry calls denied',
      '1 known update and telemetry call denied',
    ]);
    expect(renderTimeline([call], { verbose: true }).join()).toContain('x:443 · codex.update');
  });

  test('says a state once, however often it is told', () => {
    const running = anEvent('run.transition', { id: 'run_1', state: 'blocked' });
    expect(renderTimeline([running, running])).toHaveLength(1);
  });

  test('keeps pieces of output back until their line is whole', () => {
    const timeline = new Timeline();
    const piece = (text: string): StreamEvent =>
      anEvent('output', { stream: 'stdout', data: Buffer.from(text).toString('base64') });
    expect(timeline.push(piece('one\ntw'))).toEqual(['   0.000s  · output     one']);
    expect(timeline.push(piece('o\n'))).toEqual(['   0.000s  · output     two']);
  });

  test('shows what never got an end of line when the run is over', () => {
    const text = textOf(
      anEvent('output', { stream: 'stdout', data: Buffer.from('no end').toString('base64') }),
      anEvent('result', { verdict: 'succeeded' }),
    );
    expect(text).toContain('no end');
  });

  test('cuts a long text and says how much is left', () => {
    const text = textOf(
      anEvent('message.completed', { text: Array.from({ length: 30 }, (_, index) => `line ${index}`).join('\n') }),
    );
    expect(text).toContain('… 17 more lines');
  });

  test('wraps at the width and never loses a word', () => {
    const words = Array.from({ length: 40 }, (_, index) => `word${index}`).join(' ');
    const lines = renderTimeline([anEvent('message.completed', { text: words })], { width: 80 });
    expect(lines.every((line) => line.length <= 80)).toBe(true);
    expect(
      lines
        .map((line) => line.slice(24))
        .join(' ')
        .split(' ')
        .filter((word) => word !== ''),
    ).toEqual(words.split(' '));
  });

  test.each(
    Object.entries({
      'message.completed': { text: '\u001b[31mred' },
      thinking: { text: '\u001b]0;x\u0007' },
      'tool.started': { tool: '\u001b[1mbash', arguments: '{"command":"\u001b[2J"}' },
      'tool.completed': { tool: 'bash', ok: false, text: 'x\u001b[2J' },
      'file.changed': { path: 'a\u001b[2J\r' },
      error: { reason: 'model.refused', message: '\u009b2J' },
      raw: { text: '\u001b[?1049h' },
      output: { stream: 'stdout', data: Buffer.from('\u001b[2J\n').toString('base64') },
      'egress.decided': {
        allowed: false,
        target: '\u001b[2J.example:443',
        reason: 'host_malformed',
        decision: 'dec_1',
      },
      committed: { workspace: 'demo', commit: '', files: 0, refused: { '\u001b[2J': 'path\u0007' } },
      'run.transition': { id: 'run_1', state: 'failed', reason: '\u001b[2J', message: '\u001b[2J' },
      'stage.reached': { stage: '\u001b[2J', took_micros: 1, detail: { '\u001b': '\u001b' } },
    }),
  )('lets no control character of %s through', (type, data) => {
    const text = renderTimeline([anEvent(type, data)], { verbose: true }).join('');
    expect(text).not.toBe('');
    expect(text).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });

  test('survives events of any shape', () => {
    const odd = [null, 1, 'x', [], {}, { nested: { deep: true } }];
    for (const value of odd) {
      for (const type of ['output', 'tool.started', 'committed', 'stage.reached', 'usage.updated', 'nothing.known']) {
        expect(() =>
          renderTimeline([
            {
              type,
              data: { text: value, data: value, arguments: value, detail: value, refused: value } as Record<
                string,
                unknown
              >,
            },
          ]),
        ).not.toThrow();
      }
    }
  });
});
