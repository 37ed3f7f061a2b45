/** Starts the scripted model: `node main.ts [--host 127.0.0.1] [--port 0] [--require-key KEY]`; prints its address as one line of JSON when it listens. */

import { parseArgs } from 'node:util';
import { scriptedModel } from './server.ts';

const { values } = parseArgs({
  options: {
    host: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '0' },
    'require-key': { type: 'string' },
  },
});

const { server } = scriptedModel({ requireKey: values['require-key'] });
server.once('error', (error) => {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
});
server.listen(Number(values.port), values.host, () => {
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  process.stdout.write(`${JSON.stringify({ event: 'listening', host: values.host, port })}\n`);
  process.send?.({ ready: `${values.host}:${port}` });
});

const stop = (): void => {
  server.close(() => process.exit(0));
  server.closeAllConnections();
};
process.once('SIGTERM', stop);
process.once('SIGINT', stop);
// A launcher that was killed takes its children along.
process.once('disconnect', stop);
