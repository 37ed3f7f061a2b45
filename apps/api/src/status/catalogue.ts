/** The fault pages of the documentation, looked up by reason. */

import { readdirSync, readFileSync } from 'node:fs';
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
    const cells = this.row(reason);
    if (cells === undefined) return `${reason}\n\nSee docs/faults/${service}.md of the source.\n`;
    const [, code = '', when = '', remedy = ''] = cells;
    return `${reason} (${code})\n\nWhen: ${when}\nWhat to do: ${remedy}\n`;
  }

  private row(reason: string): readonly string[] | undefined {
    if (this.folder === '') return undefined;
    try {
      const pages = readdirSync(join(this.folder, 'faults')).filter((name) => name.endsWith('.md'));
      const lines = pages.flatMap((name) => readFileSync(join(this.folder, 'faults', name), 'utf8').split('\n'));
      const line = lines.find((candidate) => candidate.startsWith(`| \`${reason}\` |`));
      return line
        ?.split('|')
        .slice(1, -1)
        .map((cell) => cell.trim().replaceAll('`', ''));
    } catch {
      return undefined;
    }
  }
}
