/** A refusal as OpenAI words it in both of its dialects; clients decide by type and code whether to try again. */

const codes: Readonly<Record<number, string>> = { 401: 'invalid_api_key', 429: 'rate_limit_exceeded' };

export function openaiError(status: number, message: string): object {
  const type = status === 429 ? 'rate_limit_exceeded' : status >= 500 ? 'server_error' : 'invalid_request_error';
  return { error: { message, type, code: codes[status] ?? null, param: null } };
}
