import { describe } from '@jest/globals';
import { need } from '@sallyport/testkit/wide';
import Docker from 'dockerode';
import type { DockerHandle } from '../src/backends/backend.ts';
import { TestGround } from './backend.builder.ts';
import { endsSuite } from './backend-ends.suite.ts';
import { isolationSuite } from './backend-isolation.suite.ts';
import { limitsSuite } from './backend-limits.suite.ts';

const open = async (): Promise<TestGround> => new TestGround({ kind: 'docker', ...(await need('docker')) }).open();

describe('isolation under Docker', () => isolationSuite(open));
describe('limits under Docker', () => limitsSuite(open));
describe('ends under Docker', () =>
  endsSuite(open, async (handle) => {
    const { host } = await need('docker');
    const docker = new Docker({ socketPath: host.slice('unix://'.length) });
    await docker.getContainer((handle as DockerHandle).container).remove({ force: true });
  }));
