/** Which names this server answers as: a page of another origin cannot reach it through a name of its own (DNS rebinding). */

const loopback: ReadonlySet<string> = new Set(['127.0.0.1', 'localhost', '[::1]']);

/** Whether a Host header names this server; the port does not matter. */
export function isServedHost(header: string | undefined, configured: readonly string[]): boolean {
  if (header === undefined) return false;
  const name = header.replace(/:\d{1,5}$/, '').toLowerCase();
  return loopback.has(name) || configured.includes(name);
}
