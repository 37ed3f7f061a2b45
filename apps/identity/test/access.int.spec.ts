import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { IdentityService } from '@sallyport/contracts/identity/v1/identity';
import { type Caller, callers } from '@sallyport/core/access';
import { TestIssuer } from '@sallyport/testkit/issuer';
import { identityAccess } from '../src/access.ts';
import { IdentityStory, type Seed } from './identity-story.ts';

let story: IdentityStory;
let seed: Seed;

beforeAll(async () => {
  story = await IdentityStory.begin();
  seed = await story.seed();
});
afterAll(() => story.end());

type Method = keyof typeof identityAccess;
const methods = IdentityService.methods.map((method) => method.localName as Method);

const reasonOf = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work;
    return '';
  } catch (error) {
    return (error as { reason: string }).reason;
  }
};

/** Calls with an empty body: only the reason of the refusal matters. */
async function callAs(caller: Caller, method: Method, token?: string): Promise<string> {
  const client = await story.as(caller);
  return reasonOf((client[method] as (request: object, options: object) => Promise<unknown>)({}, { token }));
}

describe('every method to every caller', () => {
  test.each(methods)('%s answers those of its row and refuses the rest', async (method) => {
    const row = identityAccess[method];
    for (const caller of callers) {
      const reason = await callAs(caller, method);
      if (row.callers.includes(caller)) expect([caller, reason]).not.toEqual([caller, 'bus.caller']);
      else expect([caller, reason]).toEqual([caller, 'bus.caller']);
    }
  });
});

describe('every method that takes a token', () => {
  const guarded = methods.filter((method) => identityAccess[method].token !== 'none');

  test.each(guarded)('%s refuses none, junk, a foreign and a misaddressed one', async (method) => {
    const [caller] = identityAccess[method].callers as [Caller];
    const foreign = await TestIssuer.create();
    const session = await story.session(seed, 'audit');
    const dispatch = await foreign.dispatch();
    expect(await callAs(caller, method)).toBe('token.missing');
    expect(await callAs(caller, method, 'junk')).toBe('token.encoding');
    expect(['token.kid', 'token.typ']).toContain(await callAs(caller, method, await foreign.session('identity')));
    expect(['token.kid', 'token.typ']).toContain(await callAs(caller, method, dispatch.token));
    expect(['token.aud', 'token.typ']).toContain(await callAs(caller, method, session));
  });

  test('a session of another audience opens neither administration nor launches', async () => {
    const [forScheduler, forIdentity] = await Promise.all([
      story.session(seed, 'scheduler'),
      story.session(seed, 'identity'),
    ]);
    expect(await callAs('api', 'listApiKeys', forScheduler)).toBe('token.aud');
    expect(await callAs('scheduler', 'authorizeLaunch', forIdentity)).toBe('token.aud');
    expect(await callAs('api', 'listApiKeys', forIdentity)).toBe('');
  });

  test('a session without the scope is told which one it lacks', async () => {
    const poor = await story.seed('poor', ['run:read'], 'poor@example.org');
    const api = await story.as('api');
    const token = await story.session(poor, 'identity');
    await expect(api.listApiKeys({}, { token })).rejects.toMatchObject({
      code: 'permission_denied',
      reason: 'token.scope',
      detail: { required: 'key:read', granted: 'run:read' },
    });
  });
});
