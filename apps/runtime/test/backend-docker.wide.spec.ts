import { describe } from '@jest/globals';
import { need } from '@sallyport/testkit/wide';
import { TestGround } from './backend.builder.ts';
import { endsSuite } from './backend-ends.suite.ts';
import { isolationSuite } from './backend-isolation.suite.ts';
import { limitsSuite } from './backend-limits.suite.ts';
import { removeBehind } from './docker.builder.ts';

const open = async (): Promise<TestGround> => new TestGround({ kind: 'docker', ...(await need('docker')) }).open();

describe('isolation under Docker', () => isolationSuite(open));
describe('limits under Docker', () => limitsSuite(open));
describe('ends under Docker', () => endsSuite(open, removeBehind));
