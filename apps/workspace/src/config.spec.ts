import { describe, expect, test } from '@jest/globals';
import { parseEnv } from '@sallyport/service/config';
import { bucketOf, workspaceEnv } from './config.ts';

const rest = { SALLY_ROOT_KEY_FILE: '/keys/root', SALLY_WORKSPACE_DIR: '/work' };
const s3 = { SALLY_S3_BUCKET: 'sallyport', SALLY_S3_ACCESS_KEY_FILE: '/keys/a', SALLY_S3_SECRET_KEY_FILE: '/keys/s' };

describe('the bucket of the workspace service', () => {
  test('is a directory', () => {
    const config = parseEnv(workspaceEnv, { ...rest, SALLY_BUCKET_DIR: '/bucket' });
    expect(bucketOf(config)).toEqual({ kind: 'directory', path: '/bucket' });
  });

  test('is of an S3 server', () => {
    const config = parseEnv(workspaceEnv, { ...rest, ...s3, SALLY_S3_ENDPOINT: 'https://s3.example:9000' });
    expect(bucketOf(config)).toMatchObject({
      kind: 's3',
      s3: { bucket: 'sallyport', endpoint: 'https://s3.example:9000', region: 'us-east-1', accessKeyFile: '/keys/a' },
    });
  });

  test.each([
    ['none', {}, 'SALLY_BUCKET_DIR'],
    ['two', { ...s3, SALLY_BUCKET_DIR: '/bucket' }, 'SALLY_BUCKET_DIR'],
    ['a relative directory', { SALLY_BUCKET_DIR: 'bucket' }, 'SALLY_BUCKET_DIR'],
    ['no access key', { ...s3, SALLY_S3_ACCESS_KEY_FILE: undefined }, 'SALLY_S3_ACCESS_KEY_FILE'],
    ['no secret key', { ...s3, SALLY_S3_SECRET_KEY_FILE: undefined }, 'SALLY_S3_SECRET_KEY_FILE'],
    ['an address that is none', { ...s3, SALLY_S3_ENDPOINT: 'localhost:9000' }, 'SALLY_S3_ENDPOINT'],
    ['an address of another kind', { ...s3, SALLY_S3_ENDPOINT: 'file:///bucket' }, 'SALLY_S3_ENDPOINT'],
  ])('is refused, naming the variable: %s', (_, env, variables) => {
    expect(() => parseEnv(workspaceEnv, { ...rest, ...env })).toThrow(
      expect.objectContaining({ reason: 'service.config', detail: { variables } }),
    );
  });
});
