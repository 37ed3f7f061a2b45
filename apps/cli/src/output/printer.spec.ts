import { PassThrough } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import { Failure } from '../failure.ts';
import { type Format, Printer, type View } from './printer.ts';

const hostile = { text: 'a\u009b2J\u007f\u202egpj.exe\u2028\u{e0041}\u200d zoë 🚀' };
const view: View<typeof hostile> = { columns: [{ title: 'text', of: ({ text }) => text }], name: ({ text }) => text };
const obeyed = /[\x7f-\x9f\p{Cf}\u2028\u2029]/u;

function aPrinter(format: Format, isTTY: boolean) {
  const stream = () => Object.assign(new PassThrough({ encoding: 'utf8' }), { isTTY }) as never as NodeJS.WriteStream;
  const [stdout, stderr] = [stream(), stream()];
  const read = (from: NodeJS.WriteStream): string => String((from as never as PassThrough).read() ?? '');
  const printer = new Printer(format, { stdout, stderr, env: {} });
  return { printer, out: () => read(stdout), err: () => read(stderr) };
}

const ways: readonly (readonly [string, Format, (printer: Printer) => Promise<void> | void])[] = [
  ['one thing', 'json', (printer) => printer.one(hostile, view)],
  ['one thing', 'jsonl', (printer) => printer.one(hostile, view)],
  ['a list', 'json', (printer) => printer.list([hostile], view, hostile)],
  ['a list', 'jsonl', (printer) => printer.list([hostile], view)],
  ['an event of a stream', 'jsonl', (printer) => printer.line(JSON.stringify(hostile))],
];

describe('what an agent wrote', () => {
  test.each(ways)(
    'as %s in %s is the same JSON without a character that a terminal obeys',
    async (_, format, print) => {
      const { printer, out } = aPrinter(format, true);
      await print(printer);
      const text = out();
      expect(text).not.toMatch(obeyed);
      expect(text).toContain('zoë 🚀');
      expect(JSON.parse(text)).toEqual(hostile);
    },
  );

  test.each(ways)('as %s in %s goes down a pipe as it is', async (_, format, print) => {
    const { printer, out } = aPrinter(format, false);
    await print(printer);
    expect(out()).toContain(hostile.text);
  });

  test.each(['table', 'yaml', 'name'] as const)('is visible on a terminal as %s', async (format) => {
    const { printer, out } = aPrinter(format, true);
    await printer.list([hostile], view);
    expect(out()).toContain('a\\x9b2J\\x7f\\u{202e}gpj.exe');
  });

  test.each([
    ['a terminal', true],
    ['a pipe', false],
  ])('is said in a problem as %s may have it', (_, isTTY) => {
    const { printer, err } = aPrinter('json', isTTY);
    printer.failure(Failure.of(1, 'cli.test', 'it failed', hostile.text, 'look'));
    const text = err();
    expect(obeyed.test(text)).toBe(!isTTY);
    expect(JSON.parse(text)).toMatchObject({ exit_code: 1 });
    expect(JSON.stringify(JSON.parse(text))).toContain(hostile.text);
  });
});
