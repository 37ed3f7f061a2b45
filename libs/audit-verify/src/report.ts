/** A report for people. */

import type { Finding } from './finding.ts';
import type { Report } from './verify-bundle.ts';

const words = {
  ok: 'the log is intact',
  tamper: 'the bundle was changed',
  incomplete: 'a part of the bundle is missing',
  policy: 'the log is intact, but it records what must not happen',
  untrusted_key: 'the bundle is signed by a key you do not trust',
} as const;

/** Text from a hostile bundle, fit for a terminal. */
const plain = (text: string): string => text.replace(/[^\x20-\x7e]/gu, '?').slice(0, 300);

function line(finding: Finding): string {
  const where = finding.index === undefined ? finding.file : `${finding.file} at event ${finding.index}`;
  return plain(`  ${finding.what}: ${where}${finding.detail === undefined ? '' : ` (${finding.detail})`}`);
}

/** Lines to print, without a final line feed. */
export function describe(report: Report): string {
  const lines = [`${report.verdict}: ${words[report.verdict]}`];
  lines.push(...report.findings.slice(0, 20).map(line));
  if (report.findings.length > 20) lines.push(`  and ${report.findings.length - 20} more`);
  if (report.root !== undefined && report.key !== undefined) {
    lines.push(
      `  ${report.origin ?? ''}: ${report.size} events, ${report.checkpoints} checkpoints, root ${report.root}`,
    );
    lines.push(
      report.key.from === 'reader'
        ? '  signed by the key you gave'
        : `  signed by the bundle's own key; compare it with one you have: ${report.key.vkey}`,
    );
    const { orphans, openRuns, pending, late } = report.notes;
    if (orphans.length > 0)
      lines.push(`  ${orphans.length} allowed connections without an outcome: ${orphans.slice(0, 5).join(' ')}`);
    if (openRuns.length > 0) lines.push(`  ${openRuns.length} runs have not ended: ${openRuns.slice(0, 5).join(' ')}`);
    if (pending.length > 0)
      lines.push(`  ${pending.length} events wait for one that precedes them: ${pending.slice(0, 5).join(' ')}`);
    if (late.count > 0) lines.push(`  ${late.count} events arrived late, the first at event ${late.firstIndex}`);
  }
  return lines.join('\n');
}
