import { describe } from '@jest/globals';
import { dockerEnv, removeBehind } from './docker.builder.ts';
import { lifecycleSuite } from './lifecycle.suite.ts';

describe('the life of a workload under Docker', () => lifecycleSuite({ env: dockerEnv, vanish: removeBehind }));
