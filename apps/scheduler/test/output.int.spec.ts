import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { CallOptions } from '@sallyport/bus/handlers';
import { StopReason, WorkloadState } from '@sallyport/contracts/runtime/v1/runtime';
import { RunState } from '@sallyport/contracts/schedule/v1/schedule';
import { Stream } from '@sallyport/contracts/unit/v1/event';
import { ProofKey } from '@sallyport/trust/proof';
import { maxBytes } from '../src/output/list-output.ts';
import { aRole, aTask, inState, untilRun, type World, world } from './world.ts';

let w: World;
let id: string;
let dispatch: string;

beforeAll(async () => {
  w = await world();
  await w.runtime.register();
  await w.api.applyRole({ role: aRole }, await w.as());
  w.runtime.onStart = async (started) => {
    await w.runtime.report(started, WorkloadState.STARTING);
    await w.runtime.report(started, WorkloadState.RUNNING);
  };
  const { run } = await w.api.createRun({ role: 'writer', start: aTask() }, await w.as());
  ({ id, dispatch } = await untilRun(w, run?.id ?? '', inState(RunState.RUNNING)));
});

afterAll(() => w.close());

type TokenChange = { org?: string; txn?: string; dispatch?: string; epoch?: number };

/** Options of a call as the runtime makes it for a dispatch. */
const asDispatch = async (change: TokenChange = {}): Promise<CallOptions> => {
  const base = w.issuer.dispatchClaims('');
  const { token, key } = await w.issuer.dispatch({
    org: change.org ?? 'acme',
    txn: change.txn ?? id,
    tctx: {
      ...base.tctx,
      dsp: { ...base.tctx.dsp, id: change.dispatch ?? dispatch },
      lease: { edge: 'local', epoch: change.epoch ?? 1 },
    },
  });
  return withKey(token, key);
};

/** `dispatch()` binds the token to a key of its own. */
const withKey = (token: string, key: ProofKey): CallOptions => ({
  token,
  prove: async (target) => key.prove(target, token, Date.now()),
});

const event = (seq: number, change: { org?: string; run?: string; dispatch?: string; id?: string } = {}) => ({
  id: `evt_${seq}`,
  org: 'acme',
  run: id,
  dispatch,
  seq: BigInt(seq),
  body: { case: 'output' as const, value: { stream: Stream.STDOUT, data: Uint8Array.from([0, 255, seq]) } },
  ...change,
});

const listed = async (afterSeq = 0, pageSize = 0) => {
  const page = await w.api.listOutput({ run: id, afterSeq: BigInt(afterSeq), pageSize }, await w.as());
  return { seqs: page.events.map((each) => Number(each.seq)), end: page.end };
};

describe('output', () => {
  const forged: readonly [string, TokenChange, Parameters<typeof event>[1], string, string][] = [
    ['another run’s event', {}, { run: 'run_other' }, 'permission_denied', 'scheduler.output_foreign'],
    ['another org’s event', {}, { org: 'globex' }, 'permission_denied', 'scheduler.output_foreign'],
    ['another dispatch’s event', {}, { dispatch: 'dsp_other' }, 'permission_denied', 'scheduler.output_foreign'],
    ['a token of another org', { org: 'globex' }, { org: 'globex' }, 'not_found', 'scheduler.dispatch_not_found'],
    ['a token of another run', { txn: 'run_other' }, { run: 'run_other' }, 'not_found', 'scheduler.dispatch_not_found'],
    ['a token of another lease', { epoch: 2 }, {}, 'failed_precondition', 'scheduler.stale_epoch'],
    ['an event without an id', {}, { id: '' }, 'invalid_argument', 'scheduler.output_invalid'],
  ];
  test.each(forged)('is refused with %s', async (_what, token, change, code, reason) => {
    await expect(
      w.runtime.scheduler.appendOutput({ events: [event(1, change)] }, await asDispatch(token)),
    ).rejects.toMatchObject({ code, reason });
  });

  test('is refused without a token, without a proof, with another key’s proof and with a person’s session', async () => {
    const events = [event(1)];
    const append = (options: CallOptions) => w.runtime.scheduler.appendOutput({ events }, options);
    const { token = '' } = await asDispatch();
    await expect(append({})).rejects.toMatchObject({ code: 'unauthenticated', reason: 'token.missing' });
    await expect(append({ token })).rejects.toMatchObject({ code: 'unauthenticated', reason: 'proof.missing' });
    await expect(append(withKey(token, await ProofKey.generate()))).rejects.toMatchObject({ code: 'unauthenticated' });
    await expect(append({ token: `${token.slice(0, -4)}AAAA` })).rejects.toMatchObject({ code: 'unauthenticated' });
    await expect(append(await w.as())).rejects.toMatchObject({ code: 'unauthenticated' });
    expect(await listed()).toEqual({ seqs: [], end: false });
  });

  test('is stored once, in order, and a batch on its way holds back what is behind it', async () => {
    const append = async (...seqs: number[]) =>
      w.runtime.scheduler.appendOutput({ events: seqs.map((seq) => event(seq)) }, await asDispatch());
    expect((await append(1, 2)).lastSeq).toBe(2n);
    expect((await append(1, 2)).lastSeq).toBe(2n);
    await append(5, 6);
    expect(await listed()).toEqual({ seqs: [1, 2], end: false });
    await append(3, 4);
    expect(await listed()).toEqual({ seqs: [1, 2, 3, 4, 5, 6], end: false });
    expect(await listed(2, 2)).toEqual({ seqs: [3, 4], end: false });
    await expect(w.runtime.scheduler.appendOutput({ events: [] }, await asDispatch())).rejects.toMatchObject({
      reason: 'scheduler.output_invalid',
    });
  });

  test('comes in pages that a slow reader can hold, of one event at least', async () => {
    const other = await w.api.createRun({ role: 'writer', start: aTask() }, await w.as());
    const run = await untilRun(w, other.run?.id ?? '', inState(RunState.RUNNING));
    const size = Math.ceil(maxBytes * 0.6);
    const large = (seq: number, bytes: number) => ({
      ...event(seq, { run: run.id, dispatch: run.dispatch }),
      body: { case: 'output' as const, value: { stream: Stream.STDOUT, data: new Uint8Array(bytes) } },
    });
    const sizes = [size, size, 4 * maxBytes, 1, 1];
    const events = sizes.map((bytes, index) => large(index + 1, bytes));
    await w.runtime.scheduler.appendOutput({ events }, await asDispatch({ txn: run.id, dispatch: run.dispatch }));
    const pages: number[][] = [];
    for (let after = 0; after < sizes.length; after = pages.at(-1)?.at(-1) ?? after) {
      const page = await w.api.listOutput({ run: run.id, afterSeq: BigInt(after) }, await w.as());
      pages.push(page.events.map(({ seq }) => Number(seq)));
    }
    expect(pages).toEqual([[1], [2], [3], [4, 5]]);
  });

  test('keeps binary bytes as they are and ends with the run', async () => {
    await w.runtime.end(dispatch, StopReason.COMPLETED);
    await untilRun(w, id, inState(RunState.COMPLETED));
    expect(await listed(0, 4)).toEqual({ seqs: [1, 2, 3, 4], end: false });
    expect(await listed(4, 4)).toEqual({ seqs: [5, 6], end: true });
    expect(await listed(6)).toEqual({ seqs: [], end: true });
    const { events } = await w.api.listOutput({ run: id }, await w.as());
    expect(events[0]?.body).toMatchObject({ case: 'output', value: { data: Uint8Array.from([0, 255, 1]) } });
  });

  test('of a run that nobody has is not found', async () => {
    await expect(w.api.listOutput({ run: 'run_none' }, await w.as())).rejects.toMatchObject({
      code: 'not_found',
      reason: 'scheduler.run_not_found',
    });
  });
});
