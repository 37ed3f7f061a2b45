/** The demo: reads a library, writes a report, and tries twice what it may not. */

import type { ModelRequest, Script } from '../script.ts';

const library = '/workspace/company';
const report = '/workspace/demo/report.md';
const foreign = 'http://exfil.example.com/';

const readAll = [
  `cd ${library}`,
  "find . -type f -not -path '*/.git/*' | sort | head -n 20 | while read -r file; do",
  '  echo "== $file"; head -c 4000 "$file"; echo; done',
].join('\n');

const trespass = `echo 'changed by the agent' > ${library}/intruder.txt`;

const fetchText = `fetch('${foreign}').then(async (r) => console.log(r.status, await r.text()), (e) => console.log(String(e)))`;

const exfiltrate = [
  'if command -v curl >/dev/null 2>&1; then',
  `  curl -sS -i -m 10 ${foreign}`,
  'else',
  `  node -e "${fetchText}"`,
  'fi',
].join('\n');

interface Sheet {
  readonly file: string;
  readonly rows: number;
  readonly totals: string;
}

function sheetOf(section: string): Sheet | undefined {
  const [file = '', ...body] = section.split('\n').filter((line) => line.trim() !== '');
  if (file === '') return undefined;
  const [heading = '', ...rows] = body;
  if (!file.endsWith('.csv')) return { file, rows: body.length, totals: '' };
  const totals = heading.split(',').flatMap((name, column) => {
    const cells = rows.map((row) => Number(row.split(',')[column]));
    if (cells.length === 0 || cells.some((cell) => Number.isNaN(cell))) return [];
    return [`${name.trim()} ${Math.round(cells.reduce((sum, cell) => sum + cell, 0) * 100) / 100}`];
  });
  return { file, rows: rows.length, totals: totals.join(', ') };
}

/** The report over what was read: a line per file, with the totals of every numeric column of a CSV. */
export function reportOf(read: string, task = ''): string {
  const sheets = read
    .split(/^== /m)
    .slice(1)
    .flatMap((section) => sheetOf(section) ?? []);
  const lines = sheets.map((sheet) => `| ${sheet.file.replace(/^\.\//, '')} | ${sheet.rows} | ${sheet.totals} |`);
  return [
    '# What the company library holds',
    '',
    ...(task === '' ? [] : [`> ${(task.split('\n')[0] ?? '').slice(0, 200)}`, '']),
    `${sheets.length} files were read from \`${library}\`, which this agent may read and not change.`,
    '',
    '| file | rows | totals |',
    '|---|---:|---|',
    ...lines,
    '',
  ].join('\n');
}

const lineWith = (text: string, words: RegExp): string =>
  text
    .split('\n')
    .map((line) => line.trim())
    .find((line) => words.test(line)) ?? '';

function summary({ results }: ModelRequest): string {
  const refusedWrite = lineWith(results[2] ?? '', /read-only|denied|permitted/i);
  const answer = results[3] ?? '';
  const status = lineWith(answer, /^HTTP\/|^\d{3} /) || lineWith(answer, /error|refused|failed/i);
  const reason = /"reason"\s*:\s*"([a-z_.]+)"/.exec(answer)?.[1] ?? 'no reason was given';
  return [
    `I read the library \`company\` and wrote \`report.md\` in \`demo\`.`,
    `Writing into \`company\` was refused: ${refusedWrite === '' ? 'see the tool output' : refusedWrite}.`,
    `Reaching ${foreign} was refused: ${status === '' ? 'see the tool output' : status} (${reason}).`,
  ].join(' ');
}

export const demo: Script = (request) => [
  { text: 'I will look at what the company library holds.', shell: readAll },
  { text: 'Next, the report.', write: { path: report, content: reportOf(request.results[0] ?? '', request.task) } },
  { text: 'I will try to change the library itself.', shell: trespass },
  { text: 'And to reach a host of my own.', shell: exfiltrate },
  { text: summary(request) },
];
