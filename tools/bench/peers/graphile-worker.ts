/** graphile-worker with its defaults in a process of its own: says when each job starts. Argument: URL of its database. */

import { run } from 'graphile-worker';

/** Milliseconds since the epoch, with fractions. */
const now = (): number => performance.timeOrigin + performance.now();

const runner = await run({
  connectionString: process.argv[2] ?? '',
  noHandleSignals: true,
  taskList: {
    bench: (payload) => {
      process.send?.({ started: (payload as { id: string }).id, at: now() });
    },
  },
});
process.send?.({ ready: true });
process.once('disconnect', () => void runner.stop().then(() => process.exit(0)));
