import { describe, expect, test } from '@jest/globals';
import { Fault } from '@sallyport/core/fault';
import { FakeClock } from '@sallyport/testkit/clock';
import type { AuditClient, EventInit } from './audit.ts';
import { GateRefusals } from './gate-refusals.ts';
import { Log } from './log.ts';

class FakeAudit {
  readonly events: EventInit[] = [];
  append(events: readonly EventInit[]): Promise<void> {
    this.events.push(...events);
    return Promise.resolve();
  }
}

const refused = (reason: string) => ({
  method: 'PrepareMount',
  caller: 'runtime',
  trace: 't',
  tookMs: 1,
  fault: new Fault('unauthenticated', reason, ''),
});

function gate() {
  const clock = new FakeClock();
  const audit = new FakeAudit();
  return {
    clock,
    audit,
    refusals: new GateRefusals('workspace', audit as unknown as AuditClient, clock, new Log('workspace', 'silent')),
  };
}

describe('a call refused at the gate', () => {
  test('is one event of the installation', () => {
    const { audit, refusals } = gate();
    refusals.see(refused('token.signature'));
    expect(audit.events).toEqual([
      {
        kind: 'workspace.denied',
        org: 'deployment',
        outcome: 'deny',
        reason: 'token.signature',
        facts: { method: 'PrepareMount', caller: 'runtime' },
      },
    ]);
  });

  test.each(['token.scope', 'workspace.busy', 'bus.malformed'])(
    'is not recorded here for %s, which a handler answers for',
    (reason) => {
      const { audit, refusals } = gate();
      refusals.see(refused(reason));
      expect(audit.events).toEqual([]);
    },
  );

  test('is counted beyond a burst, and the next event tells how many', () => {
    const { clock, audit, refusals } = gate();
    for (let call = 0; call < 1_050; call += 1) refusals.see(refused('proof.replayed'));
    expect(audit.events).toHaveLength(50);
    clock.advance(1_000);
    refusals.see(refused('proof.replayed'));
    expect(audit.events.at(-1)?.facts).toMatchObject({ unrecorded: '1000' });
  });
});
