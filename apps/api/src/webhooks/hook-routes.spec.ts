import { gzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import { Fault } from '@sallyport/core/fault';
import { Log } from '@sallyport/service/log';
import { FakeClock } from '@sallyport/testkit/clock';
import { buildApp } from '../http/app.ts';
import { Replays } from '../http/replays.ts';
import type { Router } from '../http/router.ts';
import type { Services } from '../services.ts';
import { Sessions } from '../session/sessions.ts';
import { HookRoutes } from './hook-routes.ts';

/** The scheduler: it takes what is signed `good`, and refuses with the reason that is the signature of anything else. */
class FakeTriggers {
  asked = 0;

  receiveWebhook({ signature }: { readonly signature: string }): Promise<{ event: string; replayed: boolean }> {
    this.asked += 1;
    if (signature === 'good') return Promise.resolve({ event: 'evt_1', replayed: false });
    if (signature === 'busy') return Promise.reject(new Fault('resource_exhausted', 'scheduler.webhooks_busy', ''));
    if (signature === 'full') return Promise.reject(new Fault('resource_exhausted', 'scheduler.events_waiting', ''));
    return Promise.reject(new Fault('unauthenticated', 'scheduler.webhook_unverified', ''));
  }
}

class Door {
  readonly triggers = new FakeTriggers();
  private readonly app: Router;

  constructor() {
    const clock = new FakeClock();
    const services = { triggers: this.triggers } as unknown as Services;
    this.app = buildApp({
      endpoints: new HookRoutes(services, clock).endpoints(),
      sessions: new Sessions(services, clock),
      replays: new Replays(clock),
      log: new Log('api', 'silent'),
      hosts: [],
    });
  }

  async send(remoteAddress: string, signature: string, given: RequestInit = {}): Promise<number> {
    const headers = { host: 'localhost', 'webhook-signature': signature, ...(given.headers as Record<string, string>) };
    const init = { method: 'POST', body: '{}', ...given, headers };
    return (await this.app.request('/v1/webhooks/a/b/c', init, { incoming: { socket: { remoteAddress } } })).status;
  }

  /** What many requests of one address are answered with, by how often. */
  async count(address: string, signature: string, times: number): Promise<Record<number, number>> {
    const counts: Record<number, number> = {};
    for (let sent = 0; sent < times; sent += 1) {
      const status = await this.send(address, signature);
      counts[status] = (counts[status] ?? 0) + 1;
    }
    return counts;
  }

  /** Ten hosts send as fast as they can, and nothing of it is signed. */
  async flood(): Promise<void> {
    for (let host = 0; host < 10; host += 1) await this.count(`198.51.100.${host}`, '', 101);
  }
}

describe('a webhook', () => {
  test('goes on for who signed well lately, whatever ten hosts send that is not signed', async () => {
    const door = new Door();
    expect(await door.send('192.0.2.1', 'good')).toBe(202);
    await door.flood();
    expect(await door.send('192.0.2.2', 'good')).toBe(429);
    expect(await door.count('192.0.2.1', 'good', 99)).toEqual({ 202: 99 });
  });

  test.each([
    ['forged', '', 401, 429],
    ['not judged', 'busy', 429, 202],
    ['signed well and met a limit', 'full', 429, 202],
  ])('a request of it that was %s answers %#', async (_, signature, status, afterwards) => {
    const door = new Door();
    expect(await door.send('192.0.2.1', 'good')).toBe(202);
    expect(await door.send('192.0.2.1', signature)).toBe(status);
    await door.flood();
    expect(await door.send('192.0.2.1', 'good')).toBe(afterwards);
  });

  test('too large costs the sender its good name', async () => {
    const door = new Door();
    expect(await door.send('192.0.2.1', 'good')).toBe(202);
    expect(await door.send('192.0.2.1', 'good', { body: 'x'.repeat(2 * 1024 * 1024) })).toBe(413);
    await door.flood();
    expect(await door.send('192.0.2.1', 'good')).toBe(429);
  });

  test.each(['gzip', 'x-gzip', 'br'])('is not inflated: %s is refused before anybody is asked', async (coding) => {
    const door = new Door();
    const headers = { 'content-encoding': coding };
    expect(await door.send('192.0.2.1', 'good', { body: gzipSync('{}'), headers })).toBe(415);
    expect(door.triggers.asked).toBe(0);
  });
});
