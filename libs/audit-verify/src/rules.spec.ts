import { create } from '@bufbuild/protobuf';
import { describe, expect, test } from '@jest/globals';
import { EventSchema, Outcome } from '@sallyport/contracts/audit/v1/audit';
import { anEvent, anId, aRun, type EventInit } from '../test/sample-log.ts';
import { Rules } from './rules.ts';

const judge = (events: readonly EventInit[]) => {
  const rules = new Rules();
  for (const [index, init] of events.entries()) rules.take(create(EventSchema, init), index);
  return rules.finish();
};

/** An event long after everything else, so that nothing is pending any more. */
const muchLater = anEvent('auth.session', 900, {}, 900);
const without = (kind: string): EventInit[] => [...aRun().filter((event) => event.kind !== kind), muchLater];
const run = { run: anId('run', 1), dispatch: anId('dsp', 1) };

describe('an honest run', () => {
  test('breaks no rule and leaves nothing to say', () => {
    expect(judge(aRun())).toEqual({
      findings: [],
      notes: { orphans: [], openRuns: [], pending: [], late: { count: 0, firstIndex: undefined } },
    });
  });

  test('breaks no rule when its events come in through slow outboxes', () => {
    const events = aRun();
    const shuffled = [
      ...events.filter((e) => e.producer !== 'identity'),
      ...events.filter((e) => e.producer === 'identity'),
    ];
    expect(judge(shuffled).findings).toEqual([]);
  });
});

describe('a violation', () => {
  test.each<[string, EventInit[]]>([
    ['outcome_without_intent', without('egress.allow')],
    [
      'outcome_without_intent',
      [...aRun().slice(0, 8), anEvent('egress.outcome', 8, { ...run, intent: 'evt_nowhere' })],
    ],
    ['outcome_of_another_run', aRun().with(8, { ...aRun()[8], run: anId('run', 9) })],
    ['intent_closed_twice', [...aRun(), { ...aRun()[8], id: anId('evt', 50) }]],
    ['exchange_without_launch', without('launch.authorized')],
    ['dispatch_without_exchange', without('exchange.dispatch')],
    ['exchanged_twice', [...aRun(), { ...aRun()[5], id: anId('evt', 50) }]],
    ['ended_twice', [...aRun(), { ...aRun()[12], id: anId('evt', 50) }]],
    ['effect_after_end', [...aRun(), anEvent('exchange.renew', 60, run)]],
    ['foreign_kind', aRun().with(0, { ...aRun()[0], producer: 'egress' })],
    ['id_repeated', [...aRun(), muchLater, muchLater]],
    ['unknown_intent', [...aRun(), anEvent('runtime.denied', 50, { ...run, intent: 'evt_nowhere' }), muchLater]],
    ['completed_without_launch', [anEvent('run.transition', 1, { ...run, facts: { to: 'completed' } }), muchLater]],
  ])('is found: %s', (what, events) => {
    expect(judge(events).findings.map((finding) => finding.what)).toContain(what);
  });
});

describe('what is no violation', () => {
  test('an allowed connection without an outcome is listed as an orphan', () => {
    const { findings, notes } = judge(without('egress.outcome'));
    expect({ findings, orphans: notes.orphans }).toEqual({ findings: [], orphans: [anId('evt', 7)] });
  });

  test('a run that has not ended is listed as open', () => {
    expect(judge(aRun().slice(0, 8))).toMatchObject({ findings: [], notes: { openRuns: [run.run] } });
  });

  test('an event whose forerunner may still wait in an outbox is pending', () => {
    const events = aRun()
      .filter((event) => event.kind !== 'launch.authorized')
      .slice(0, 7);
    expect(judge(events)).toMatchObject({ findings: [], notes: { pending: [anId('evt', 5)] } });
  });

  test('a dispatch that is leased again is exchanged again under its new epoch', () => {
    const again = anEvent('exchange.dispatch', 6, { ...run, id: anId('evt', 50), facts: { epoch: '2' } });
    expect(judge(aRun().toSpliced(6, 0, again)).findings).toEqual([]);
  });

  test('a refused exchange of an ended run is only a trace', () => {
    expect(judge([...aRun(), anEvent('exchange.renew', 60, { ...run, outcome: Outcome.DENY })]).findings).toEqual([]);
  });

  test('an event that arrives late is counted with its index', () => {
    const late = anEvent('egress.deny', 50, { ...run, outcome: Outcome.DENY }, -60);
    expect(judge([...aRun(), late]).notes.late).toEqual({ count: 1, firstIndex: 14 });
  });
});
