import { afterEach, describe, expect, test } from '@jest/globals';
import { EpochKind } from '@sallyport/contracts/identity/v1/identity';
import { type Run, RunState } from '@sallyport/contracts/schedule/v1/schedule';
import { Live } from '../src/live.ts';
import { Asker } from '../src/session/asker.ts';
import { Sessions } from '../src/session/sessions.ts';
import { whileEntitled } from '../src/while-entitled.ts';
import { adaKey, eveKey } from './fakes/fake-identity.ts';
import { FakeStack } from './fakes/fake-stack.ts';

/** An interval that no test sees the end of: the word of a revocation is all there is. */
const never = { SALLY_API_RECHECK_MS: '86400000' };
const refusal = /event: problem\ndata: .*identity\.key_invalid/;

let stack: FakeStack;
let talk: NodeJS.Timeout | undefined;

afterEach(async () => {
  clearInterval(talk);
  await stack.stop();
});

const open = (path: string): Promise<Response> => stack.fetch(path, { headers: { accept: 'text/event-stream' } });

const say = (run: Run, text = 'more'): void => {
  stack.scheduler.say(run.id, { case: 'messageCompleted', value: { text } });
};

/** Reads until the server ends the stream; calls back once when `word` was read. */
async function read(response: Response, word: string, onWord: () => void): Promise<string> {
  let text = '';
  let heard = false;
  for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += chunk;
    if (heard || !text.includes(word)) continue;
    heard = true;
    onWord();
  }
  return text;
}

describe('the stream of a run that never falls silent', () => {
  async function openBusy(env: Readonly<Record<string, string>>): Promise<Response> {
    stack = await FakeStack.start(env);
    const run = stack.scheduler.accept('acme');
    const response = await open(`/v1/runs/${run.id}/events`);
    talk = setInterval(() => say(run), 20);
    return response;
  }

  test('ends at once when the key behind it is revoked', async () => {
    const response = await openBusy(never);
    expect(await read(response, 'more', () => stack.identity.revoke(adaKey))).toMatch(refusal);
  });

  test('ends by its own check when nobody was told of the revocation', async () => {
    const response = await openBusy({ SALLY_API_RECHECK_MS: '200' });
    const text = await read(response, 'more', () => {
      stack.identity.revoked.add(adaKey);
      stack.scheduler.lockedOut = true;
    });
    expect(text).toMatch(refusal);
  });
});

describe('a stream', () => {
  test('of the audit log ends at once when the key behind it is revoked', async () => {
    stack = await FakeStack.start(never);
    stack.audit.append({ kind: 'run.accepted', run: 'run_1' });
    const response = await open('/v1/audit/tail?from=0');
    expect(await read(response, 'event: audit', () => stack.identity.revoke(adaKey))).toMatch(refusal);
  });

  test('gives nothing more of what waits for a slow reader whose key is revoked', async () => {
    stack = await FakeStack.start(never);
    const asker = new Asker(stack.provider(Sessions), adaKey, 'trace');
    const reader = { live: stack.provider(Live), asker, signal: new AbortController().signal };
    const waiting = Array.from({ length: 1_000_000 }, (_, index) => index);
    const batches = whileEntitled(reader, async function* () {
      yield waiting;
    });
    const { value: batch = [] } = await batches.next();
    let given = 0;
    for (const _ of batch) {
      if (given === 0) stack.identity.revoke(adaKey);
      given += 1;
      await new Promise((turn) => setImmediate(turn));
    }
    expect(given).toBeLessThan(waiting.length);
    await expect(batches.next()).rejects.toMatchObject({ reason: 'identity.key_invalid' });
  });

  test('goes on after a revocation that leaves its reader the right, and asks nobody for one that is not of its reader', async () => {
    stack = await FakeStack.start(never);
    const run = stack.scheduler.accept('acme');
    const response = await open(`/v1/runs/${run.id}/events`);
    let asked = 0;
    const text = await read(response, 'run.transition', () => {
      asked = stack.identity.service.count('OpenSession');
      stack.identity.revoke(eveKey);
      stack.identity.tell(EpochKind.SUBJECT, 'usr_eve');
      stack.identity.tell(EpochKind.ORG, 'evil');
      stack.identity.tell(EpochKind.RUN, run.id);
      // Heard after all of the others, in the order in which they were told.
      stack.identity.tell(EpochKind.SUBJECT, 'usr_ada');
      talk = setInterval(() => {
        if (stack.identity.service.count('OpenSession') === asked) return;
        clearInterval(talk);
        say(run);
        stack.scheduler.end(run.id, RunState.COMPLETED);
      }, 10);
    });
    expect(text).toMatch(/id: 1\n[^]*event: end\n/);
    expect(stack.identity.service.count('OpenSession') - asked).toBe(1);
  });
});
