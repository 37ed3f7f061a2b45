/**
 * A stream for as long as its reader has the right to it, however much there is to read.
 *
 * When its key, principal or org is revoked a stream asks identity anew, also one whose reader is slow: of what waits for it nothing more is
 * given once the right is gone. A revocation that the bus lost is found by the stream's own checks.
 */

import { type Epoch, EpochKind } from '@sallyport/contracts/identity/v1/identity';
import type { Live } from './live.ts';
import type { Asker } from './session/asker.ts';
import type { Session } from './session/sessions.ts';

/** What `make` yields, until its end or the signal; throws the refusal once the reader may read no more. */
export async function* whileEntitled<T>(
  reader: { readonly live: Live; readonly asker: Asker; readonly signal: AbortSignal },
  make: (signal: AbortSignal) => AsyncGenerator<readonly T[]>,
): AsyncGenerator<Iterable<T>> {
  const lost = new AbortController();
  const { live, asker } = reader;
  const session = await asker.session('api');
  const prove = prover(asker, lost);
  const revocations = live.onRevocation((epoch) => concerns(epoch, session) && prove());
  try {
    // Heard before the first read: what is revoked later is told here, what was revoked earlier is refused there.
    await revocations.ready;
    for await (const batch of make(AbortSignal.any([reader.signal, lost.signal]))) {
      lost.signal.throwIfAborted();
      yield until(lost.signal, batch);
    }
    lost.signal.throwIfAborted();
  } finally {
    revocations.stop();
  }
}

/** Proves the right in the background, as often as it is called but never twice at a time. */
function prover(asker: Asker, lost: AbortController): () => void {
  let proving = false;
  let again = false;
  const prove = async (): Promise<void> => {
    again = true;
    if (proving) return;
    proving = true;
    try {
      while (again && !lost.signal.aborted) {
        again = false;
        await proveNow(asker);
      }
    } catch (error) {
      lost.abort(error);
    } finally {
      proving = false;
    }
  };
  return () => void prove();
}

async function proveNow(asker: Asker): Promise<void> {
  // Readers share a question that is under way, and that one may be older than the revocation: it is waited for, and another one put.
  await asker.session('api');
  await asker.vouched();
}

function concerns({ kind, id }: Epoch, session: Session): boolean {
  if (kind === EpochKind.ORG) return id === session.org;
  if (kind === EpochKind.SUBJECT) return id === session.principal;
  return kind === EpochKind.KEY && id === (keyIn(session.token) ?? id);
}

/** Id of the key that a session came from. Nothing is granted for it: it spares identity the questions of everybody else's readers. */
function keyIn(token: string): string | undefined {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
    if (typeof claims !== 'object' || claims === null || !('key' in claims)) return undefined;
    return typeof claims.key === 'string' ? claims.key : undefined;
  } catch {
    return undefined;
  }
}

function* until<T>(signal: AbortSignal, batch: readonly T[]): Iterable<T> {
  for (const item of batch) {
    if (signal.aborted) return;
    yield item;
  }
}
