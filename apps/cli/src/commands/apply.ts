/** `apply`: bring what a file says into being. Documents say their kind. */

import type { Context } from '../context.ts';
import { Failure, usage } from '../failure.ts';
import { type Flags, isSet, textOf } from '../flags.ts';
import { visibleLine } from '../output/visible.ts';
import { type Document, documentsOf } from './documents.ts';

/** Where each kind of document goes, and whether people consent to it. */
const kinds: Readonly<Record<string, { readonly path: string; readonly consents: boolean }>> = {
  Role: { path: '/v1/roles', consents: false },
  Schedule: { path: '/v1/schedules', consents: true },
  Subscription: { path: '/v1/subscriptions', consents: true },
  Webhook: { path: '/v1/webhooks', consents: false },
};

/** What every applied thing answers. */
interface Applied {
  readonly kind: string;
  readonly name: string;
  readonly version: number;
  readonly consent_needed?: boolean;
  /** Of a webhook that is new; it is shown nowhere again. */
  readonly secret?: string;
}

export async function applyFile(
  { api, printer }: Context,
  [argument]: readonly (string | undefined)[],
  flags: Flags,
): Promise<undefined> {
  const file = argument ?? textOf(flags, 'file');
  if (file === undefined)
    throw usage('nothing was given to apply', 'neither a file nor - was named', 'use `sally apply -f FILE`');
  const documents = await documentsOf(file, 'document');
  // Every kind is looked at before anything changes.
  const wanted = documents.map((document) => ({ document, ...kindOf(file, document) }));
  const applied: Applied[] = [];
  for (const { document, kind, path, consents } of wanted) {
    const { kind: _kind, ...body } = document;
    const consent = consents && isSet(flags, 'consent') ? { consent: true } : {};
    const url = `${path}/${encodeURIComponent(document.name)}`;
    try {
      const done = { ...(await api.send<Applied>('PUT', url, { ...body, ...consent })), kind };
      applied.push(done);
      // What is there stays there whatever comes of the rest, a secret that is shown once too.
      if (!printer.isData) printer.line(told(done));
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      const before = applied.map(name);
      const next = before.length === 0 ? error.next : `${error.next}; ${before.join(', ')} before it stay applied`;
      const problem = { ...error.problem, document: name({ kind, name: document.name }), applied: before };
      throw new Failure(error.exitCode, problem, `${problem.document}: ${error.why}`, next);
    }
  }
  if (printer.isData) await printer.list(applied, { name, columns: [] });
  return undefined;
}

function told(applied: Applied): string {
  const asks =
    applied.consent_needed === true
      ? `; it fires nothing until somebody consents: sally ${applied.kind.toLowerCase()} consent ${visibleLine(applied.name)}`
      : '';
  const secret = applied.secret === undefined ? '' : `; its secret, shown this once: ${visibleLine(applied.secret)}`;
  return `${name(applied)} is applied as version ${applied.version}${asks}${secret}`;
}

const name = (applied: Pick<Applied, 'kind' | 'name'>): string =>
  `${applied.kind.toLowerCase()}/${visibleLine(applied.name)}`;

function kindOf(file: string, document: Document): { kind: string; path: string; consents: boolean } {
  const kind = typeof document['kind'] === 'string' ? document['kind'] : '';
  const found = kinds[kind];
  if (found !== undefined) return { kind, ...found };
  throw usage(
    `${file} is not usable`,
    `${visibleLine(document.name)} says ${kind === '' ? 'no kind' : `kind ${visibleLine(kind)}`}`,
    `start each document with kind: ${Object.keys(kinds).join(', ')}`,
  );
}
