import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { openCheckpoint } from '@sallyport/audit-verify/checkpoint';
import { parseVkey } from '@sallyport/audit-verify/note';
import { verifyBundle } from '@sallyport/audit-verify/verify-bundle';
import { AuditService } from '@sallyport/contracts/audit/v1/audit';
import { TestIssuer } from '@sallyport/testkit/issuer';
import { GetCheckpoint } from '../src/reads/get-checkpoint.ts';
import { type AuditCaller, anEvent, exported, World } from './world.ts';

let world: World;
let egress: AuditCaller;
let api: AuditCaller;
let token: string;

beforeAll(async () => {
  world = await World.make();
  egress = await world.as('egress');
  api = await world.as('api');
  token = await world.issuer.session('audit');
  await egress.append({
    events: [
      anEvent('egress.deny', { run: 'run_1' }),
      anEvent('egress.allow', { run: 'run_2' }),
      anEvent('egress.deny', { run: 'run_1', environment: 'other' }),
      anEvent('egress.deny', { run: 'run_1', environment: '' }),
      anEvent('egress.deny', { org: 'foreign', run: 'run_1' }),
    ],
  });
});
afterAll(() => world.close());

const reads = AuditService.methods.filter((method) => method.localName !== 'append').map((method) => method.localName);

describe('who may read', () => {
  const forged: Record<string, () => Promise<string | undefined>> = {
    'no token': () => Promise.resolve(undefined),
    'a token of another issuer': async () => (await TestIssuer.create()).session('audit'),
    'a token for another service': () => world.issuer.session('workspace'),
    'a dispatch token': async () => (await world.issuer.dispatch()).token,
    'a token with a changed claim': async () => {
      const [head, , signature] = token.split('.');
      const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as object;
      return [head, Buffer.from(JSON.stringify({ ...claims, org: 'foreign' })).toString('base64url'), signature].join(
        '.',
      );
    },
  };
  const cases = reads.flatMap((method) => Object.keys(forged).map((what) => [method, what] as const));

  test.each(cases)('%s refuses %s', async (method, what) => {
    const bad = await forged[what]!();
    const call = api[method as 'query']({}, { token: bad });
    await expect(call).rejects.toMatchObject({ code: 'unauthenticated' });
  });

  test.each(reads)('%s refuses a session without its scope', async (method) => {
    const narrow = await world.issuer.session('audit', { scope: ['run:read'] });
    await expect(api[method as 'query']({}, { token: narrow })).rejects.toMatchObject({ code: 'permission_denied' });
  });

  test.each(reads)('%s refuses a service that is not the api', async (method) => {
    await expect(egress[method as 'query']({}, { token })).rejects.toMatchObject({ reason: 'bus.caller' });
  });
});

describe('query', () => {
  test.each([
    ['everything of the environment and of none', {}, [0n, 1n, 3n]],
    ['one run', { run: 'run_1' }, [0n, 3n]],
    ['kinds', { kinds: ['egress.allow'] }, [1n]],
    ['one environment', { environment: 'main' }, [0n, 1n]],
    ['from a place on', { fromSeq: 2n }, [3n]],
    ['a run that is not there', { run: 'run_9' }, []],
  ])('finds %s', async (_, request, seqs) => {
    const page = await api.query(request, { token });
    expect({ seqs: page.events.map((event) => event.seq), end: page.end }).toEqual({ seqs, end: true });
  });

  test('goes on where a page ended', async () => {
    const first = await api.query({ pageSize: 2 }, { token });
    expect(first).toMatchObject({ nextSeq: 2n, end: false });
    expect(await api.query({ pageSize: 2, fromSeq: first.nextSeq }, { token })).toMatchObject({
      nextSeq: 4n,
      end: true,
    });
  });

  test('ends a page before it outgrows a message', async () => {
    const org = 'wide';
    const facts = Object.fromEntries(Array.from({ length: 32 }, (_, at) => [`f${at}`, 'x'.repeat(250)]));
    for (let at = 0; at < 4; at += 1) {
      await egress.append({ events: Array.from({ length: 50 }, () => anEvent('egress.deny', { org, facts })) });
    }
    const wide = await world.issuer.session('audit', { org });
    const page = await api.query({ pageSize: 1000 }, { token: wide });
    expect(page.end).toBe(false);
    expect(page.events.length).toBeGreaterThan(10);
    const rest: number[] = [page.events.length];
    for (let next = page.nextSeq, end = false; !end; ) {
      const more = await api.query({ pageSize: 1000, fromSeq: next }, { token: wide });
      rest.push(more.events.length);
      [next, end] = [more.nextSeq, more.end];
    }
    expect(rest.reduce((sum, count) => sum + count)).toBe(200);
  });

  test("does not show another org's events", async () => {
    const foreign = await world.issuer.session('audit', { org: 'nobody' });
    expect((await api.query({ run: 'run_1' }, { token: foreign })).events).toEqual([]);
  });

  test('refuses the environment of another key', async () => {
    const call = api.query({ environment: 'other' }, { token });
    await expect(call).rejects.toMatchObject({ code: 'permission_denied', reason: 'audit.foreign_environment' });
  });

  test.each([{ pageSize: -1 }, { pageSize: 1001 }, { fromSeq: 2n ** 63n }])('refuses %j', async (request) => {
    await expect(api.query(request, { token })).rejects.toMatchObject({ reason: 'audit.malformed_query' });
  });
});

describe('getCheckpoint', () => {
  test('signs at once what it is asked for', async () => {
    const { checkpoint, verifierKey } = await api.getCheckpoint({ minSize: 4n }, { token });
    const key = parseVkey(verifierKey);
    expect(key && openCheckpoint(checkpoint?.note ?? '', key)).toMatchObject({
      origin: 'sallyport.local/audit/acme',
      size: 4,
      root: Buffer.from(checkpoint?.root ?? '', 'hex'),
    });
  });

  test('waits for events that are still to come', async () => {
    const wait = async (): ReturnType<typeof api.getCheckpoint> => {
      const from = performance.now();
      try {
        return await api.getCheckpoint({ minSize: 5n }, { token });
      } catch (error) {
        // It has its bound, which a machine that stands still for so long reaches.
        expect(error).toMatchObject({ reason: 'audit.checkpoint_behind' });
        expect(performance.now() - from).toBeGreaterThan(4_500);
        return wait();
      }
    };
    const waiting = wait();
    await egress.append({ events: [anEvent('egress.deny')] });
    expect((await waiting).checkpoint?.size).toBeGreaterThanOrEqual(5n);
  });

  test('gives up within the time the caller waits', async () => {
    const refused: string[] = [];
    // Asked by no client, whose own timer would be due in the same moment.
    const ask = async (name: string, ms: number): Promise<never> =>
      world
        .get(GetCheckpoint)
        .execute('acme', 1_000_000n, Date.now() + ms)
        .catch((error: unknown) => {
          refused.push(name);
          throw error;
        }) as Promise<never>;
    const patient = ask('patient', 60_000);
    const behind = { code: 'deadline_exceeded', reason: 'audit.checkpoint_behind' };
    await Promise.all([
      expect(patient).rejects.toMatchObject(behind),
      expect(ask('hasty', 1_000)).rejects.toMatchObject(behind),
    ]);
    expect(refused).toEqual(['hasty', 'patient']);
  });

  test('answers for a log that has no event yet', async () => {
    const fresh = await world.issuer.session('audit', { org: 'fresh' });
    expect((await api.getCheckpoint({}, { token: fresh })).checkpoint).toMatchObject({ size: 0n });
  });
});

describe('export', () => {
  test('verifies offline, holds its own record, and names one flipped byte', async () => {
    await egress.append({ events: Array.from({ length: 300 }, () => anEvent('egress.deny', { org: 'big' })) });
    const big = await world.issuer.session('audit', { org: 'big' });
    const { verifierKey } = await api.getCheckpoint({}, { token: big });
    const archive = await exported(api, big);
    const path = join(world.directory, 'big.tar');
    writeFileSync(path, archive);
    expect(verifyBundle(path, { logKey: verifierKey })).toMatchObject({ exit: 0, size: 301, findings: [] });
    expect(archive.includes('"kind":"log.export"')).toBe(true);
    const at = archive.lastIndexOf('egress.deny');
    archive[at]! ^= 1;
    writeFileSync(path, archive);
    expect(verifyBundle(path, { logKey: verifierKey })).toMatchObject({
      exit: 2,
      findings: [{ file: 'tile/entries/001.p/45', index: 299 }],
    });
  });

  test('is larger than one answer and comes in order', async () => {
    const org = 'chunky';
    const facts = Object.fromEntries(Array.from({ length: 32 }, (_, at) => [`f${at}`, 'x'.repeat(200)]));
    for (let at = 0; at < 4; at += 1) {
      await egress.append({ events: Array.from({ length: 50 }, () => anEvent('egress.deny', { org, facts })) });
    }
    const archive = await exported(api, await world.issuer.session('audit', { org }));
    expect(archive.length).toBeGreaterThan(2 * 512 * 1024);
    mkdirSync(join(world.directory, 'x'), { recursive: true });
    writeFileSync(join(world.directory, 'x', 'chunky.tar'), archive);
    expect(verifyBundle(join(world.directory, 'x', 'chunky.tar')).exit).toBe(0);
  });

  test('cannot be read by another org, nor after its end', async () => {
    const { export: id } = await api.openExport({}, { token });
    const foreign = await world.issuer.session('audit', { org: 'foreign' });
    const peek = api.readExport({ export: id }, { token: foreign });
    await expect(peek).rejects.toMatchObject({ code: 'not_found', reason: 'audit.no_such_export' });
    while (!(await api.readExport({ export: id }, { token })).end) {}
    await expect(api.readExport({ export: id }, { token })).rejects.toMatchObject({ reason: 'audit.no_such_export' });
  });

  test('is open at most four times at once', async () => {
    const greedy = await world.issuer.session('audit', { org: 'greedy' });
    for (let at = 0; at < 4; at += 1) await api.openExport({}, { token: greedy });
    await expect(api.openExport({}, { token: greedy })).rejects.toMatchObject({
      code: 'resource_exhausted',
      reason: 'audit.too_many_exports',
    });
  });
});
