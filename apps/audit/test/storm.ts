/**
 * A process that appends without end and prints the id of every event it was told is durable; it is there to be killed.
 *
 * usage: storm.ts DATABASE-URL DIRECTORY ORG
 */

import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { EventSchema, Outcome } from '@sallyport/contracts/audit/v1/audit';
import { newId } from '@sallyport/core/ids';
import { Log } from '@sallyport/service/log';
import { Store } from '@sallyport/store/store';
import { admitEvent } from '../src/events/admit-event.ts';
import { Anchor } from '../src/log/anchor.ts';
import { LogWriter } from '../src/log/log-writer.ts';
import { SigningKey } from '../src/log/signing-key.ts';

const [url = '', directory = '', org = ''] = process.argv.slice(2);
const log = new Log('audit', 'silent');
const writer = new LogWriter({
  org,
  store: Store.open({ url, schema: 'audit' }),
  signer: SigningKey.load(join(directory, 'log.key')).signerOf(org),
  anchor: new Anchor(join(directory, 'anchors'), log),
  log,
  onStored: () => undefined,
});

async function producer(): Promise<never> {
  for (;;) {
    const events = Array.from({ length: 1 + Math.floor(Math.random() * 20) }, (_, index) => {
      const time = new Date().toISOString().replace('Z', '000Z');
      const id = newId('event', Date.now());
      const said = create(EventSchema, { id, time, org, kind: 'egress.deny', outcome: Outcome.DENY });
      return admitEvent(said, 'egress', index);
    });
    try {
      await writer.append(events);
    } catch (error) {
      if (writer.state === 'halted') throw error;
      // Not acknowledged, so nothing is promised.
      await nextTurn();
      continue;
    }
    process.stdout.write(events.map(({ event }) => `${event.id}\n`).join(''));
  }
}

await Promise.all(Array.from({ length: 16 }, producer));
