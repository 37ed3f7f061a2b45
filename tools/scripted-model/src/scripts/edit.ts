/**
 * Edits files as the task says, a line each: `append PATH: TEXT`, `replace PATH: OLD => NEW`, `delete PATH`. A task without such a
 * line has every file it names marked as read.
 */

import type { Script, Step } from '../script.ts';

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

const namedFile = /(?:^|[\s`"'(])((?:\/?[\w.-]+\/)*[\w-]+\.[a-z]{1,5})(?=$|[\s`"'),.:;])/gim;

const append = (path: string, text: string): Step => ({ shell: `printf '%s\\n' ${quoted(text)} >> ${quoted(path)}` });

function stepOf(line: string): Step | undefined {
  const appended = /^\s*append\s+(\S+):\s*(.*)$/.exec(line);
  if (appended?.[1] !== undefined) return append(appended[1], appended[2] ?? '');
  const replaced = /^\s*replace\s+(\S+):\s*(.*?)\s*=>\s*(.*)$/.exec(line);
  if (replaced?.[1] !== undefined) {
    return { edit: { path: replaced[1], old: replaced[2] ?? '', new: replaced[3] ?? '' } };
  }
  const deleted = /^\s*delete\s+(\S+)\s*$/.exec(line);
  return deleted?.[1] === undefined ? undefined : { shell: `rm -- ${quoted(deleted[1])}` };
}

export const edit: Script = ({ task, results }) => {
  const asked = task.split('\n').flatMap((line) => stepOf(line) ?? []);
  const named = [...new Set([...task.matchAll(namedFile)].flatMap((match) => match[1] ?? []))];
  const steps = asked.length > 0 ? asked : named.map((path) => append(path, 'Read by the scripted model.'));
  return [...steps, { text: `Edited ${Math.min(steps.length, results.length)} of ${steps.length} files.` }];
};
