/** Colour, where it is wanted and understood. */

export type Colour = 'dim' | 'bold' | 'red' | 'green' | 'yellow' | 'cyan';

const codes: Readonly<Record<Colour, number>> = { dim: 2, bold: 1, red: 31, green: 32, yellow: 33, cyan: 36 };

export type Paint = (colour: Colour, text: string) => string;

export const plain: Paint = (_, text) => text;
export const coloured: Paint = (colour, text) => (text === '' ? '' : `\u001b[${codes[colour]}m${text}\u001b[0m`);

/** Whether a stream gets colour: NO_COLOR, CLICOLOR_FORCE, CI and TERM=dumb are obeyed in this order. */
export function wantsColour(isTerminal: boolean, env: Readonly<Record<string, string | undefined>>): boolean {
  if ((env['NO_COLOR'] ?? '') !== '') return false;
  if ((env['CLICOLOR_FORCE'] ?? '0') !== '0') return true;
  return isTerminal && env['TERM'] !== 'dumb' && (env['CI'] ?? '') === '';
}
