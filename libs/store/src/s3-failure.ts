/** What an S3 server's answers mean, and what a person can do about each. */

import type { Fault } from '@sallyport/core/fault';
import { bucketFailed } from './object-store.ts';

interface Answer {
  readonly name: string;
  readonly code: string;
  readonly status: number;
  readonly message: string;
}

/** The parts of a thrown value that say something; never its request, which carries a signature. */
function answerOf(error: unknown): Answer {
  const said = (typeof error === 'object' && error !== null ? error : {}) as {
    readonly name?: string;
    readonly code?: string;
    readonly message?: string;
    readonly $metadata?: { readonly httpStatusCode?: number };
  };
  return {
    name: said.name ?? 'Error',
    code: said.code ?? '',
    status: said.$metadata?.httpStatusCode ?? 0,
    message: (said.message ?? String(error)).slice(0, 300),
  };
}

/** The condition of a write did not hold: 412, and 404 where `If-Match` finds no object. */
export function isRefusedCondition(error: unknown, ifMatch: boolean): boolean {
  const { name, status } = answerOf(error);
  return status === 412 || name === 'PreconditionFailed' || (ifMatch && name === 'NoSuchKey');
}

/** Two conditional writes met; S3 asks for the write to be sent again. */
export const isConflict = (error: unknown): boolean => answerOf(error).name === 'ConditionalRequestConflict';

/** The upload is over: finished by a request whose answer was lost, or aborted. */
export const isUploadGone = (error: unknown): boolean => answerOf(error).name === 'NoSuchUpload';

/** There is no such object; a bare 404 (of `HEAD`) also when there is no such bucket. */
export const isMissing = (error: unknown): boolean => ['NoSuchKey', 'NotFound'].includes(answerOf(error).name);

/** The range begins at or after the end of the object. */
export const isPastEnd = (error: unknown): boolean => answerOf(error).status === 416;

/** The body that came is not the one whose checksum the server keeps. */
export const isChecksumMismatch = (error: unknown): boolean => answerOf(error).message.startsWith('Checksum mismatch');

const damagedOnTheWay: ReadonlySet<string> = new Set([
  'BadDigest',
  'InvalidDigest',
  'IncompleteBody',
  'RequestTimeout',
  'XAmzContentChecksumMismatch',
  'XAmzContentSHA256Mismatch',
]);

/** The server refused a body because it is not the one that was signed and summed: it changed on its way. */
export const isDamagedOnTheWay = (error: unknown): boolean => damagedOnTheWay.has(answerOf(error).name);

const unreachable: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EPIPE',
  'ETIMEDOUT',
]);

const remedies: readonly (readonly [(answer: Answer) => boolean, string])[] = [
  [
    ({ name }) => ['NoSuchBucket', 'InvalidBucketName', 'NotFound'].includes(name),
    'there is no such bucket; create it, or name another with SALLY_S3_BUCKET',
  ],
  [
    ({ name }) =>
      ['InvalidAccessKeyId', 'SignatureDoesNotMatch', 'ExpiredToken', 'InvalidToken', 'TokenRefreshRequired'].includes(
        name,
      ),
    'it does not know the credentials; see that SALLY_S3_ACCESS_KEY_FILE and SALLY_S3_SECRET_KEY_FILE hold its keys and start again',
  ],
  [
    ({ name }) =>
      [
        'PermanentRedirect',
        'TemporaryRedirect',
        'AuthorizationHeaderMalformed',
        'IllegalLocationConstraintException',
      ].includes(name),
    'it is in another region or at another address; set SALLY_S3_REGION and SALLY_S3_ENDPOINT',
  ],
  [
    ({ name }) => name === 'RequestTimeTooSkewed',
    'the clocks of this machine and of the server differ too much; set them',
  ],
  [
    ({ name, status }) => name === 'SlowDown' || name === 'TooManyRequests' || status === 429 || status >= 500,
    'the S3 server is overloaded or failing; try again, and look at its own health',
  ],
  [
    ({ name, status }) => name === 'AccessDenied' || status === 403,
    'the credentials may not do this; allow them to get, put, delete and list objects of the bucket and to abort uploads',
  ],
  [
    ({ name, code }) => unreachable.has(code) || name === 'TimeoutError' || name === 'AbortError',
    'the S3 server does not answer; see that it runs and that SALLY_S3_ENDPOINT is its address',
  ],
];

/** A failure of the bucket, with what helps; keeps of the cause what is fit for a log. */
export function s3Failed(doing: string, error: unknown): Fault {
  const answer = answerOf(error);
  const [, remedy] = remedies.find(([fits]) => fits(answer)) ?? [
    undefined,
    'the log has the words of the S3 server; see that it implements what is asked of it',
  ];
  const { name, code, status, message } = answer;
  return bucketFailed(doing, new Error(`${name} ${code} ${status}: ${message}`), remedy);
}
