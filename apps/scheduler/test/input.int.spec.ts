import { equals } from '@bufbuild/protobuf';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { answer } from '@sallyport/bus/ask';
import type { CallOptions } from '@sallyport/bus/handlers';
import { StopReason, WorkloadState } from '@sallyport/contracts/runtime/v1/runtime';
import { type Run, RunState } from '@sallyport/contracts/schedule/v1/schedule';
import { Verdict } from '@sallyport/contracts/unit/v1/event';
import { type Input, InputReceiptSchema, InputSchema } from '@sallyport/contracts/unit/v1/input';
import { newId } from '@sallyport/core/ids';
import { aRole, aTask, inState, until, untilRun, type World, world } from './world.ts';

let w: World;
/** What reached the edge, in order, each once: what an edge was slow to answer for is carried again. */
const received: Input[] = [];
/** Answers of the edge: refused reasons, `mute` for none. */
let reply: (input: Input) => string;

beforeAll(async () => {
  w = await world();
  await w.runtime.register();
  await w.api.applyRole({ role: aRole }, await w.as());
  w.runtime.onStart = async (started) => {
    await w.runtime.report(started, WorkloadState.STARTING);
    await w.runtime.report(started, WorkloadState.RUNNING);
  };
  answer(await w.bus.connect('runtime'), 'unit.v1.acme.*.in', InputSchema, InputReceiptSchema, (input) => {
    if (!received.some((each) => equals(InputSchema, each, input))) received.push(input);
    const refused = reply(input);
    return refused === 'mute' ? undefined : { input: input.id, refused };
  });
});

beforeEach(() => {
  reply = () => '';
});

afterAll(() => w.close());

const aRun = async (stay = true): Promise<Run> => {
  const { run } = await w.api.createRun({ role: 'writer', start: aTask(), stay }, await w.as());
  return untilRun(w, run?.id ?? '', inState(RunState.RUNNING));
};

const say = async (run: string, text: string, id = '') =>
  w.api.sendInput({ run, input: { id, body: { case: 'text', value: text } } }, await w.as());

const heardBy = (run = '') => received.filter((input) => input.run === run);

const texts = (run = '') => heardBy(run).map(({ body }) => (body.case === 'text' ? body.value : body.case));

async function asDispatch({ id, dispatch }: Run): Promise<CallOptions> {
  const base = w.issuer.dispatchClaims('');
  const tctx = { ...base.tctx, dsp: { ...base.tctx.dsp, id: dispatch }, lease: { edge: 'local', epoch: 1 } };
  const { token, key } = await w.issuer.dispatch({ org: 'acme', txn: id, tctx });
  return { token, prove: async (target) => key.prove(target, token, Date.now()) };
}

/** The dispatch's output tells that inputs were taken or ended. */
async function tell(run: Run, seq: number, kind: 'inputTaken' | 'inputEnded', input: string): Promise<void> {
  const value = kind === 'inputTaken' ? { input } : { input, verdict: Verdict.SUCCEEDED, reply: '' };
  const at = { seconds: BigInt(1_800_000_000 + seq), nanos: 0 };
  const event = { id: `evt_${run.id}_${seq}`, org: 'acme', run: run.id, dispatch: run.dispatch, seq: BigInt(seq), at };
  await w.runtime.scheduler.appendOutput(
    { events: [{ ...event, body: { case: kind, value } as never }] },
    await asDispatch(run),
  );
}

describe('an input', () => {
  test('reaches the edge once, with the run, the dispatch and whoever said it', async () => {
    const run = await aRun();
    const { input, replayed } = await say(run.id, 'go on');
    expect(replayed).toBe(false);
    await until(() => heardBy(run.id).length > 0);
    expect(heardBy(run.id)).toMatchObject([
      {
        id: input?.id,
        org: 'acme',
        run: run.id,
        dispatch: run.dispatch,
        principal: 'usr_test',
        body: { value: 'go on' },
      },
    ]);
    await until(() => w.audited.some(({ kind, run: of }) => kind === 'run.input' && of === run.id));
    const audited = w.audited.find(({ kind, run: of }) => kind === 'run.input' && of === run.id);
    expect(audited?.facts).toMatchObject({ input: input?.id, kind: 'text', bytes: '5' });
    expect(JSON.stringify(audited?.facts)).not.toContain('go on');
  });

  test('is carried in the order it was said, also when its edge answers late', async () => {
    const run = await aRun();
    let answers = 0;
    reply = () => (answers++ < 3 ? 'mute' : '');
    for (const text of ['a', 'b', 'c']) await say(run.id, text);
    await until(() => texts(run.id).includes('c'));
    expect(texts(run.id)).toEqual(['a', 'b', 'c']);
  });

  test('is the same input when its id comes again, and refused when it says something else', async () => {
    const run = await aRun();
    const id = newId('input', Date.now());
    await say(run.id, 'once', id);
    const again = await say(run.id, 'once', id);
    expect(again).toMatchObject({ replayed: true, input: { id } });
    await expect(say(run.id, 'other', id)).rejects.toMatchObject({
      code: 'already_exists',
      reason: 'scheduler.input_conflict',
    });
    await say(run.id, 'next');
    await until(() => texts(run.id).includes('next'));
    expect(texts(run.id)).toEqual(['once', 'next']);
  });

  test('waits for its dispatch to be started', async () => {
    const started = Promise.withResolvers<void>();
    const { onStart } = w.runtime;
    w.runtime.onStart = async (id) => {
      await started.promise;
      await onStart(id);
    };
    const { run } = await w.api.createRun({ role: 'writer', start: aTask(), stay: true }, await w.as());
    w.runtime.onStart = onStart;
    await say(run?.id ?? '', 'early');
    started.resolve();
    await until(() => texts(run?.id).includes('early'));
    expect(heardBy(run?.id)[0]?.dispatch).toBe(run?.dispatch);
  });

  test('that the edge refuses for good lets the next one pass', async () => {
    const run = await aRun();
    reply = ({ body }) => (body.value === 'too much' ? 'inputs_exhausted' : '');
    await say(run.id, 'too much');
    await say(run.id, 'fits');
    await until(() => texts(run.id).includes('fits'));
    expect(texts(run.id)).toEqual(['too much', 'fits']);
  });

  test('says by the output of its dispatch that the run waits, and since when', async () => {
    const run = await aRun();
    await tell(run, 1, 'inputTaken', run.dispatch);
    expect((await untilRun(w, run.id, () => true)).reason).toBe('running');
    await tell(run, 2, 'inputEnded', run.dispatch);
    expect(await untilRun(w, run.id, () => true)).toMatchObject({
      state: RunState.RUNNING,
      reason: 'waiting_for_input',
      since: { seconds: 1_800_000_002n },
      stay: true,
      session: run.id,
    });
    // A batch that was late changes nothing that a later one told.
    await tell(run, 4, 'inputTaken', 'inp_x');
    await tell(run, 3, 'inputEnded', run.dispatch);
    expect(await untilRun(w, run.id, () => true)).toMatchObject({
      reason: 'running',
      since: { seconds: 1_800_000_004n },
    });
  });

  test('may be a cancel of a run that does not stay', async () => {
    const run = await aRun(false);
    const input = { body: { case: 'cancel' as const, value: '' } };
    await w.api.sendInput({ run: run.id, input }, await w.as());
    await until(() => heardBy(run.id).length > 0);
    expect(heardBy(run.id)[0]?.body).toEqual({ case: 'cancel', value: '' });
  });
});

describe('an input is refused', () => {
  const text = { body: { case: 'text' as const, value: 'x' } };
  const leave = { body: { case: 'leave' as const, value: {} } };
  const refused = async (run: string, input: object | undefined, code: string, reason: string, as = {}) =>
    expect(w.api.sendInput({ run, ...(input && { input }) }, await w.as(as))).rejects.toMatchObject({ code, reason });

  test.each<[string, object | undefined, string]>([
    ['without content', undefined, 'scheduler.input_invalid'],
    ['without a body', {}, 'scheduler.input_invalid'],
    ['with an empty text', { body: { case: 'text', value: ' \n' } }, 'scheduler.input_invalid'],
    ['with an id of another kind', { ...text, id: 'run_1' }, 'scheduler.input_invalid'],
    ['cancelling no id', { body: { case: 'cancel', value: '../x' } }, 'scheduler.input_invalid'],
    ['over 256 KiB', { body: { case: 'text', value: 'x'.repeat(256 * 1024 + 1) } }, 'scheduler.input_too_large'],
  ])('%s', async (_what, input, reason) => {
    const run = await aRun();
    await refused(run.id, input, 'invalid_argument', reason);
    expect(heardBy(run.id)).toEqual([]);
  });

  test.each([
    ['a run nobody created', async () => 'run_00000000000000000000000000', {}],
    ['a run of another org', async () => (await aRun()).id, { org: 'globex' }],
    ['a run of another environment', async () => (await aRun()).id, { env: 'staging' }],
  ])('for %s as one that does not exist', async (_what, run, as) => {
    await refused(await run(), text, 'not_found', 'scheduler.run_not_found', as);
  });

  test('for a run that does not stay', async () => {
    const run = await aRun(false);
    await refused(run.id, text, 'failed_precondition', 'scheduler.run_not_staying');
    await refused(run.id, leave, 'failed_precondition', 'scheduler.run_not_staying');
  });

  test('for a run that is being stopped, and one that is over', async () => {
    const run = await aRun();
    reply = () => 'mute';
    await say(run.id, 'never taken');
    w.runtime.mute = false;
    await w.api.cancelRun({ id: run.id }, await w.as());
    await expect(say(run.id, 'x')).rejects.toMatchObject({
      reason: expect.stringMatching(/^scheduler\.run_(ending|ended)$/),
    });
    await untilRun(w, run.id, inState(RunState.CANCELLED));
    await refused(run.id, text, 'failed_precondition', 'scheduler.run_ended');
    await until(() => w.audited.some(({ kind, reason }) => kind === 'run.refused' && reason === 'scheduler.run_ended'));
  });

  test('beyond a hundred that wait, where a cancel still finds room', async () => {
    const run = await aRun();
    reply = () => 'mute';
    for (let index = 0; index < 100; index += 1) await say(run.id, `${index}`);
    await refused(run.id, text, 'resource_exhausted', 'scheduler.inputs_full');
    await w.api.sendInput({ run: run.id, input: { body: { case: 'cancel', value: '' } } }, await w.as());
    await w.runtime.end(run.dispatch, StopReason.COMPLETED, { verdict: Verdict.SUCCEEDED, exitCode: 0 });
  });

  test('without the scope to steer', async () => {
    const run = await aRun();
    await refused(run.id, text, 'permission_denied', 'token.scope', { scope: ['run:read', 'run:create'] });
  });

  test('to stay, by a runner that runs once', async () => {
    const create = w.api.createRun({ runner: 'exec', argv: ['true'], stay: true }, await w.as());
    await expect(create).rejects.toMatchObject({ code: 'invalid_argument', reason: 'scheduler.stay_unfit' });
  });
});
