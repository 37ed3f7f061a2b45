/**
 * One configuration for the whole repository. `SALLY_TESTS=wide` runs the wide circle, which installs what it needs; otherwise the
 * circle that any clone can run.
 */
const wide = process.env.SALLY_TESTS === 'wide';

export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/contracts', '<rootDir>/libs', '<rootDir>/apps', '<rootDir>/tools'],
  testMatch: [wide ? '**/*.wide.spec.ts' : '**/*.spec.ts'],
  testPathIgnorePatterns: ['/node_modules/', ...(wide ? [] : ['\\.wide\\.spec\\.ts$'])],
  modulePathIgnorePatterns: ['<rootDir>/dist/'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: {
          target: 'es2024',
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true },
        },
        module: { type: 'es6' },
        sourceMaps: 'inline',
      },
    ],
  },
  globalSetup: wide ? '<rootDir>/tools/wide/global-setup.ts' : '<rootDir>/libs/testkit/src/global-setup.ts',
  globalTeardown: wide ? '<rootDir>/tools/wide/global-teardown.ts' : '<rootDir>/libs/testkit/src/global-teardown.ts',
  // Ends what hangs, and judges no speed: a machine that is ten times slower passes too. In the wide circle the first spec that asks
  // for a thing waits until it is installed, built and started; one after the other.
  testTimeout: wide ? 900000 : 300000,
  ...(wide && { maxWorkers: 1 }),
  forceExit: false,
};
