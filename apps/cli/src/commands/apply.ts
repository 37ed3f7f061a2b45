/** `apply`: bring what a file says into being. Documents say their kind. */

import type { Context } from '../context.ts';
import { usage } from '../failure.ts';
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
    applied.push({ ...(await api.send<Applied>('PUT', url, { ...body, ...consent })), kind });
  }
  if (printer.format !== 'table') await printer.list(applied, { name, columns: [] });
  for (const each of printer.format === 'table' ? applied : []) {
    const asks = each.consent_needed === true ? '; it fires nothing until somebody consents' : '';
    const secret = each.secret === undefined ? '' : `; its secret, shown this once: ${visibleLine(each.secret)}`;
    printer.line(`${name(each)} is applied as version ${each.version}${asks}${secret}`);
  }
  return undefined;
}

const name = (applied: Applied): string => `${applied.kind.toLowerCase()}/${visibleLine(applied.name)}`;

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
