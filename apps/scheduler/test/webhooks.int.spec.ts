import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { RunState } from '@sallyport/contracts/schedule/v1/schedule';
import { FiringOutcome } from '@sallyport/contracts/schedule/v1/trigger';
import { Webhook as Sender } from 'standardwebhooks';
import { aRole, aTask, inState, quick, until, untilDecided, untilRun, type World, world } from './world.ts';

let w: World;
const folder = mkdtempSync(join(tmpdir(), 'sally-webhooks-'));
let names = 0;
const fresh = (): string => `w${++names}`;

beforeAll(async () => {
  const kek = join(folder, 'kek');
  writeFileSync(kek, randomBytes(32), { mode: 0o600 });
  w = await world({ ...quick, SALLY_SCHEDULER_KEK_FILE: kek });
  w.runtime.onStart = (id) => w.runtime.runThrough(id);
  await w.runtime.register(50);
  await w.api.applyRole({ role: aRole }, await w.as());
});

afterAll(async () => {
  await w.close();
  rmSync(folder, { recursive: true, force: true });
});

const make = async (name: string, change: object = {}, claims: Parameters<World['as']>[0] = {}) =>
  w.triggers.applyWebhook({ webhook: { name, ...change } }, await w.as(claims));

/** A request as the reference library of the specification signs it. */
const signed = (secret: string, name: string, given: { id?: string; at?: Date; body?: string } = {}) => {
  const { id = `msg_${fresh()}`, at = new Date(), body = '{"type":"push","ref":"main"}' } = given;
  return {
    org: 'acme',
    environment: 'main',
    name,
    id,
    timestamp: String(Math.floor(at.getTime() / 1000)),
    signature: new Sender(secret).sign(id, at, body),
    body: Buffer.from(body) as Uint8Array,
    contentType: 'application/json',
  };
};

const eventsNow = async (): Promise<number> => {
  const [row] = await w.database.store.system((db) => db.query<{ n: string }>('SELECT count(*) AS n FROM event'));
  return Number(row?.n);
};

describe('a signed request', () => {
  test('is an event that starts a run, and the same id again is the same event', async () => {
    const name = fresh();
    const { secret } = await make(name);
    const subscription = {
      name,
      types: ['push'],
      source: `/webhooks/${name}`,
      run: { role: 'writer', start: aTask() },
    };
    await w.triggers.applySubscription({ subscription, consent: true }, await w.as());
    const request = signed(secret, name);
    const first = await w.triggers.receiveWebhook(request);
    const again = await w.triggers.receiveWebhook(request);
    const resigned = await w.triggers.receiveWebhook(signed(secret, name, { id: request.id, body: '{"other":1}' }));
    expect([first.replayed, again, resigned]).toMatchObject([
      false,
      { event: first.event, replayed: true },
      { event: first.event, replayed: true },
    ]);
    const event = await untilDecided(w, first.event);
    expect(event).toMatchObject({ type: 'push', source: `/webhooks/${name}`, sourceId: request.id });
    expect(event.producer).toMatch(/^whk_/);
    expect(event.firings).toMatchObject([{ outcome: FiringOutcome.STARTED }]);
    await untilRun(w, event.firings[0]!.run, inState(RunState.COMPLETED));
  });

  test('has the source and the type of its webhook where it states none', async () => {
    const { secret } = await make(fresh(), { source: 'https://ci.example.org', type: 'ci' });
    const name = `w${names}`;
    for (const body of ['plain text', '{"type":7}', `{"type":"${'x'.repeat(300)}"}`, '[]', 'null', '']) {
      const { event: id } = await w.triggers.receiveWebhook(signed(secret, name, { body }));
      const { event } = await w.triggers.getEvent({ id }, await w.as());
      expect(event).toMatchObject({ source: 'https://ci.example.org', type: 'ci' });
      expect(Buffer.from(event!.data).toString()).toBe(body);
    }
  });
});

describe('a request that is not as signed', () => {
  const bad = { code: 'unauthenticated', reason: 'scheduler.webhook_unverified' };

  test('is refused, says the same whatever is wrong with it, and starts nothing', async () => {
    const [name, other] = [fresh(), fresh()];
    const { secret } = await make(name);
    const { secret: others } = await make(other);
    const { secret: rivals } = await make(name, {}, { org: 'rival' });
    const { secret: elsewhere } = await make(name, {}, { env: 'other' });
    const good = signed(secret, name);
    const pretty = Buffer.from(JSON.stringify(JSON.parse(Buffer.from(good.body).toString()), null, 1));
    const cases: Record<string, object> = {
      'no signature': { ...good, signature: '' },
      'a signature of nothing': { ...good, signature: `v1,${'A'.repeat(43)}=` },
      'one flipped character': {
        ...good,
        signature: good.signature.replace(/^v1,./, (each) => `${each.slice(0, -1)}${each.endsWith('A') ? 'B' : 'A'}`),
      },
      'another version': { ...good, signature: good.signature.replace('v1,', 'v2,') },
      'the body written anew': { ...good, body: pretty },
      'a byte more': { ...good, body: Buffer.concat([good.body, Buffer.from(' ')]) },
      'bytes that read as the same text': {
        ...signed(secret, name, { body: '"\ufffd"' }),
        body: Buffer.from([0x22, 0xff, 0x22]),
      },
      'another id': { ...good, id: `${good.id}x` },
      'another time': { ...good, timestamp: String(Number(good.timestamp) + 1) },
      'a time in other words': { ...good, timestamp: `+${good.timestamp}` },
      'the end of the id moved': { ...signed(secret, name, { id: 'a.1' }), id: 'a.1' },
      'another webhook’s secret': signed(others, name),
      'another org’s secret': signed(rivals, name),
      'another environment’s secret': signed(elsewhere, name),
      'another org': { ...good, org: 'rival' },
      'another webhook': { ...good, name: other },
      'a webhook that is not there': { ...good, name: 'nobody' },
      'an org that is not there': { ...good, org: 'nobody' },
      'names that are none': { ...good, org: '*', environment: '../main' },
    };
    const before = await eventsNow();
    for (const [what, request] of Object.entries(cases)) {
      const fault = await w.triggers.receiveWebhook(request).then(
        () => ({ what, code: 'accepted' }),
        ({ code, reason, message, detail }) => ({ what, code, reason, message, detail }),
      );
      expect(fault).toMatchObject({ what, ...bad });
    }
    expect(await eventsNow()).toBe(before);
    expect(await w.triggers.receiveWebhook(good)).toMatchObject({ replayed: false });
    await until(() => w.audited.some(({ kind, org }) => kind === 'event.refused' && org === 'acme'));
    await until(() => w.audited.some(({ kind, org }) => kind === 'event.refused' && org === 'deployment'));
  });

  test.each([-301, -86_400, 301])('is refused when it is %i seconds off', async (seconds) => {
    const name = fresh();
    const { secret } = await make(name);
    const before = await eventsNow();
    // A second of leeway: the clock goes on between signing and judging.
    const at = new Date(Date.now() + (seconds > 0 ? seconds + 60 : seconds) * 1000);
    await expect(w.triggers.receiveWebhook(signed(secret, name, { at }))).rejects.toMatchObject({
      code: 'unauthenticated',
      reason: 'scheduler.webhook_stale',
    });
    await expect(
      w.triggers.receiveWebhook({ ...signed(secret, name, { at }), signature: 'v1,AAAA' }),
    ).rejects.toMatchObject(bad);
    expect(await eventsNow()).toBe(before);
  });

  test('is taken in when one of its signatures is right', async () => {
    const name = fresh();
    const { secret } = await make(name);
    const good = signed(secret, name);
    const signature = `v1,${'A'.repeat(43)}= ${good.signature} v1a,zzz`;
    expect(await w.triggers.receiveWebhook({ ...good, signature })).toMatchObject({ replayed: false });
  });
});

describe('a secret', () => {
  test('is shown when it is made and never again, and kept sealed', async () => {
    const name = fresh();
    const made = await make(name);
    expect(made.secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    const changed = await make(name, { type: 'x' });
    expect(changed).toMatchObject({ secret: '', webhook: { id: made.webhook?.id, type: 'x', version: 2n } });
    expect(await w.triggers.receiveWebhook(signed(made.secret, name))).toMatchObject({ replayed: false });
    const raw = Buffer.from(made.secret.slice('whsec_'.length), 'base64');
    const rows = await w.database.store.system((db) => db.query<{ secret: Buffer }>('SELECT secret FROM webhook'));
    expect(rows.length).toBeGreaterThan(0);
    expect(rows.some(({ secret }) => secret.includes(raw))).toBe(false);
  });

  test('stays good for an hour after the next one, and the one before that does not', async () => {
    const name = fresh();
    const { secret: first } = await make(name);
    const second = await w.triggers.rotateWebhook({ name }, await w.as());
    expect(second.secret).not.toBe(first);
    const until = Number(second.webhook?.previousUntil?.seconds) * 1000;
    expect(Math.abs(until - Date.now() - 3_600_000)).toBeLessThan(60_000);
    for (const secret of [first, second.secret]) await w.triggers.receiveWebhook(signed(secret, name));
    const { secret: third } = await w.triggers.rotateWebhook({ name }, await w.as());
    for (const secret of [second.secret, third]) await w.triggers.receiveWebhook(signed(secret, name));
    const refused = { reason: 'scheduler.webhook_unverified' };
    await expect(w.triggers.receiveWebhook(signed(first, name))).rejects.toMatchObject(refused);
    await w.database.store.system((db) => db.query('UPDATE webhook SET previous_until = $1', [Date.now() - 1]));
    await expect(w.triggers.receiveWebhook(signed(second.secret, name))).rejects.toMatchObject(refused);
    await w.triggers.receiveWebhook(signed(third, name));
  });

  test('does not open in another row', async () => {
    const [one, other] = [fresh(), fresh()];
    const { secret } = await make(one);
    await make(other);
    await w.database.store.system((db) =>
      db.query('UPDATE webhook SET secret = (SELECT secret FROM webhook WHERE name = $1) WHERE name = $2', [
        one,
        other,
      ]),
    );
    await expect(w.triggers.receiveWebhook(signed(secret, other))).rejects.toMatchObject({ reason: 'store.data_key' });
  });
});

describe('webhooks', () => {
  test('are listed by name without secrets, and end at once when they are removed', async () => {
    const name = `zz-${fresh()}`;
    const { secret } = await make(name);
    const options = await w.as();
    const { webhooks } = await w.triggers.listWebhooks({}, options);
    expect(webhooks.map((each) => each.name)).toContain(name);
    await w.triggers.deleteWebhook({ name }, options);
    await expect(w.triggers.receiveWebhook(signed(secret, name))).rejects.toMatchObject({
      reason: 'scheduler.webhook_unverified',
    });
    for (const change of ['deleteWebhook', 'rotateWebhook'] as const)
      await expect(w.triggers[change]({ name }, options)).rejects.toMatchObject({
        code: 'not_found',
        reason: 'scheduler.webhook_not_found',
      });
    await until(
      () => w.audited.filter(({ kind, resource }) => kind === 'admin.webhook' && resource.endsWith(name)).length === 2,
    );
  });

  test.each<[string, object, string]>([
    ['a name that is none', { name: 'No Name' }, 'scheduler.name_invalid'],
    ['a source with a space', { source: 'a b' }, 'scheduler.text_invalid'],
    ['a type that is too long', { type: 'x'.repeat(257) }, 'scheduler.text_invalid'],
    ['the source of another webhook', { source: '/webhooks/other' }, 'scheduler.source_reserved'],
  ])('are refused with %s', async (_, change, reason) => {
    await expect(make(fresh(), change)).rejects.toMatchObject({ reason });
  });

  test('need the scope', async () => {
    await expect(make(fresh(), {}, { scope: ['schedule:write'] })).rejects.toMatchObject({ reason: 'token.scope' });
  });
});
