/** What the system calls an error: `ENOENT`, `EADDRINUSE`, `ERR_STREAM_PREMATURE_CLOSE`; empty for an error without a code. */
export const systemCode = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
