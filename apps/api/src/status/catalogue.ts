/** The fault pages of the documentation, looked up by reason. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const reasonForm = /^([a-z][a-z-]{0,31})\.[a-z][a-z0-9_]{0,63}$/;

export class Catalogue {
  private readonly folder: string;

  /** @param folder - Folder that holds `faults/<service>.md`; empty when the documentation is elsewhere. */
  constructor(folder: string) {
    this.folder = folder;
  }

  /** What the documentation says about a reason. */
  explain(reason: string): string {
    const service = reasonForm.exec(reason)?.[1];
    if (service === undefined) return 'This is not the form of a reason, which is <service>.<what>.\n';
    const cells = this.row(service, reason);
    if (cells === undefined) return `${reason}\n\nSee docs/faults/${service}.md of the source.\n`;
    const [, code = '', when = '', remedy = ''] = cells;
    return `${reason} (${code})\n\nWhen: ${when}\nWhat to do: ${remedy}\n`;
  }

  private row(service: string, reason: string): readonly string[] | undefined {
    if (this.folder === '') return undefined;
    try {
      const page = readFileSync(join(this.folder, 'faults', `${service}.md`), 'utf8');
      const line = page.split('\n').find((candidate) => candidate.startsWith('|') && candidate.includes(`\`${reason}\``));
      return line?.split('|').slice(1, -1).map((cell) => cell.trim().replaceAll('`', ''));
    } catch {
      return undefined;
    }
  }
}
