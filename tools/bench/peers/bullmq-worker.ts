/** A BullMQ worker in a process of its own: keeps how late each job started, says them when asked. Argument: port of its Redis. */

import { Worker } from 'bullmq';

const lateness: number[] = [];
const worker = new Worker<{ dueAt: number }>(
  'bench',
  async ({ data }) => {
    lateness.push(Date.now() - data.dueAt);
  },
  { connection: { host: '127.0.0.1', port: Number(process.argv[2]) }, concurrency: 64 },
);
await worker.waitUntilReady();
process.send?.({ ready: true });
process.on('message', () => process.send?.({ lateness: lateness.splice(0) }));
process.once('disconnect', () => void worker.close().then(() => process.exit(0)));
