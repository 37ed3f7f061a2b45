import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { StopReason, WorkloadState } from '@sallyport/contracts/runtime/v1/runtime';
import { Verdict } from '@sallyport/contracts/unit/v1/event';
import { LimitsSchema } from '@sallyport/contracts/unit/v1/unit';
import { Fault } from '@sallyport/core/fault';
import { aUnit } from '../src/workloads/workload.builder.ts';
import { World } from './world.ts';

let world: World;

beforeAll(async () => {
  world = await World.open();
});

afterAll(async () => {
  await world.close();
});

const hang = 'await new Promise(() => setInterval(() => {}, 1000));';

describe('a hostile agent', () => {
  test('that floods its output is cut at the limit, counted, and holds nobody up', async () => {
    const code = `
      const data = Buffer.alloc(60_000, 0x41).toString('base64');
      const flood = () => emit(...Array.from({ length: 10 }, () => ({ output: { stream: 'STREAM_STDOUT', data } })));
      for (let round = 0; round < 4 || !fs.existsSync('/workspace/demo/go'); round += 1) await flood();
      await done();`;
    const limits = create(LimitsSchema, { outputBytes: 1_000_000n });
    const unit = world.unit(code, { limits, mounts: aUnit().mounts });
    await world.create(unit);
    await world.until(() => world.outputOf(unit).some(({ body }) => body.case === 'output'));
    const neighbour = world.unit(
      `await emit({ messageDelta: { text: 'hi' } }); await done('VERDICT_SUCCEEDED', 'fine');`,
    );
    await world.create(neighbour);
    // All of this comes to its end while the flood goes on, which ends only after it.
    expect((await world.ended(neighbour)).result?.reply).toBe('fine');
    expect((await world.client.getWorkload({ id: unit.dispatch })).workload?.state).toBe(WorkloadState.RUNNING);
    writeFileSync(join(world.directory, 'workloads', unit.dispatch, 'mounts', 'demo', 'go'), '');
    const end = await world.ended(unit);
    expect(end.result?.verdict).toBe(Verdict.SUCCEEDED);
    const output = world.outputOf(unit);
    const kept = output.reduce((sum, { body }) => sum + (body.case === 'output' ? body.value.data.length : 0), 0);
    expect(kept).toBeLessThanOrEqual(1_000_000);
    const dropped = output.filter(({ body }) => body.case === 'outputDropped');
    expect(dropped).toHaveLength(1);
    expect(output.map(({ seq }) => seq)).toEqual(output.map((_, index) => BigInt(index + 1)));
  });

  test('cannot speak with the platform’s voice; it is told of once', async () => {
    const code = `
      const answers = [];
      for (const forged of [
        { committed: { workspace: 'demo', commit: 'f'.repeat(40) } },
        { stageReached: { stage: 'ended' } },
        { egressDecided: { allowed: true } },
        { id: 'x', org: 'other', run: 'run_other', seq: '999', messageDelta: { text: 'mine' } },
      ]) answers.push((await tether('Emit', { first: '1', events: [forged] })).status);
      answers.push((await tether('Emit', '{"first":"1","events":[{"nobody":{}}]}')).status);
      answers.push((await tether('Emit', 'rubbish')).status);
      answers.push((await tether('Emit', { first: '50', events: [] })).status);
      const many = Array.from({ length: 257 }, () => ({ raw: {} }));
      answers.push((await tether('Emit', { first: '2', events: many })).status);
      answers.push((await tether('Resolve', { name: 'a'.repeat(10000), type: 'A' })).status);
      answers.push((await tether('Resolve', { name: 'example.com', type: 'MX' })).status);
      await tether('Emit', { first: '2', events: [{ messageDelta: { text: answers.join() } }] });
      process.exit(0);`;
    const unit = world.unit(code);
    await world.create(unit);
    await world.ended(unit);
    expect(world.texts(unit)).toEqual(['mine', '400,400,400,200,400,400,400,400,400,400']);
    const mine = world.outputOf(unit).find(({ body }) => body.case === 'messageDelta');
    expect(mine).toMatchObject({ org: 'acme', run: unit.run, dispatch: unit.dispatch });
    expect(mine?.seq).toBeLessThan(999n);
    await world.until(() => world.kinds(unit).includes('runtime.denied'));
    expect(world.kinds(unit).filter((kind) => kind === 'runtime.denied')).toHaveLength(1);
  });

  test('that fills its memory ends as out of memory, or fails where only single processes are limited', async () => {
    const end = await world.run('const all = []; for (;;) all.push(Buffer.alloc(16 * 1024 * 1024, 1));', {
      limits: create(LimitsSchema, { memoryBytes: 128n * 1024n * 1024n }),
    });
    expect(end).toMatchObject({
      event: { workload: { stopReason: world.limited ? StopReason.OOM : StopReason.FAILED } },
      result: { verdict: world.limited ? Verdict.FAILED : Verdict.RUNNER_ERROR },
    });
  });

  test('that fills its disk is ended, and nothing of it is committed', async () => {
    const code = `const block = Buffer.alloc(1024 * 1024, 1); for (let n = 0; n < 400; n++) fs.appendFileSync('/workspace/demo/' + (n % 40), block); ${hang}`;
    const end = await world.run(code, {
      mounts: aUnit().mounts,
      limits: create(LimitsSchema, { diskBytes: 20n * 1024n * 1024n }),
    });
    expect(end.event?.workload).toMatchObject({ stopReason: StopReason.FAILED });
    expect(end.event?.workload?.reason).toMatch(/^disk_exhausted/);
    expect(end.commits).toEqual([]);
  });
});

describe('the dispatch token', () => {
  const everPatient = create(LimitsSchema, { idleSeconds: -1 });

  test('is renewed at half of its life while the workload lives', async () => {
    const unit = world.unit(hang, { limits: everPatient });
    await world.create(unit);
    await world.reported(unit, WorkloadState.RUNNING);
    const journal = join(world.directory, 'workloads', unit.dispatch, 'journal.json');
    const issuedAt = () =>
      (JSON.parse(readFileSync(journal, 'utf8')) as { token: { issuedAt: number } }).token.issuedAt;
    for (const renewal of [1, 2]) {
      const before = issuedAt();
      world.clock.advance(world.grantSeconds * 500);
      while (issuedAt() === before) await world.client.getWorkload({ id: unit.dispatch });
      expect(world.renewals).toBe(renewal);
    }
    expect((await world.client.getWorkload({ id: unit.dispatch })).workload?.state).toBe(WorkloadState.RUNNING);
    await world.client.stopWorkload({ id: unit.dispatch });
    await world.ended(unit);
  });

  test.each([
    ['refuses', 'permission_denied', 'attestation_refused'],
    ['does not answer', 'unavailable', 'token_lapsed'],
  ] as const)('that identity %s ends the workload', async (_, code, word) => {
    world.renewFault = new Fault(code, 'identity.evidence_changed', 'no');
    const unit = world.unit(hang, { mounts: aUnit().mounts, limits: everPatient });
    await world.create(unit);
    await world.reported(unit, WorkloadState.RUNNING);
    const before = world.renewals;
    world.clock.advance(world.grantSeconds * 500);
    await world.until(() => world.renewals > before);
    world.clock.advance(world.grantSeconds * 500);
    const end = await world.ended(unit);
    world.renewFault = undefined;
    expect(end.event?.workload?.stopReason).toBe(StopReason.FAILED);
    expect(end.event?.workload?.reason.split(':')[0]).toBe(word);
    expect(end.commits).toEqual([]);
  });
});
