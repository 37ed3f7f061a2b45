/** Options as the commander hands them over, looked at one by one. */

import { readFileSync } from 'node:fs';
import { usage } from './failure.ts';

export type Flags = Readonly<Record<string, unknown>>;

export const textOf = (flags: Flags, name: string): string | undefined => {
  const value = flags[name];
  return typeof value === 'string' ? value : undefined;
};

export const listOf = (flags: Flags, name: string): readonly string[] => {
  const value = flags[name];
  return Array.isArray(value) ? value.map(String) : [];
};

export const isSet = (flags: Flags, name: string): boolean => flags[name] === true;

/** A whole number of an option. */
export function countOf(flags: Flags, name: string, option: string): number | undefined {
  const text = textOf(flags, name);
  if (text === undefined) return undefined;
  if (!/^\d{1,15}$/.test(text))
    throw usage(
      `${option} is not usable`,
      `${JSON.stringify(text)} is no whole number`,
      `give a number, such as ${option} 20`,
    );
  return Number(text);
}

/** A file's text, or standard input for `-`. */
export function readText(path: string): string {
  return readBytes(path).toString('utf8');
}

/** A file's bytes, or standard input for `-`. */
export function readBytes(path: string): Buffer {
  try {
    return readFileSync(path === '-' ? 0 : path);
  } catch (error) {
    throw usage(
      `${path === '-' ? 'standard input' : path} cannot be read`,
      (error as NodeJS.ErrnoException).code ?? 'unknown',
      'check the path and its mode',
    );
  }
}
