/** Fields of a line that may have any shape: a wrong one counts as absent, since programs change what they print. */

import type { Line } from './adapter.ts';

export const record = (value: unknown): Line =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Line) : {};

export const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

export const text = (value: unknown): string => (typeof value === 'string' ? value : '');

export const texts = (value: unknown): string[] => list(value).filter((item) => typeof item === 'string');

/** A count as the contract spells a 64-bit integer. */
export const count = (value: unknown): string =>
  typeof value === 'number' && Number.isFinite(value) && value > 0 ? String(Math.trunc(value)) : '0';

/** A value that may be text or structure, as text. */
export const shown = (value: unknown): string =>
  typeof value === 'string' ? value : value === undefined ? '' : JSON.stringify(value);
