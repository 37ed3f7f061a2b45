/**
 * A small exact assembler for the classic BPF programs the kernel takes as a seccomp filter.
 *
 * Source: linux/filter.h, linux/bpf_common.h, linux/seccomp.h. An instruction is eight bytes: code, two jump offsets counted
 * from the next instruction, and a constant.
 */

export interface Instruction {
  readonly code: number;
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

/** An instruction whose jumps name a label; an absent one falls through. */
export type Line =
  | { readonly label: string }
  | { readonly code: number; readonly k: number; readonly yes?: string; readonly no?: string };

const code = { load: 0x20, ja: 0x05, jeq: 0x15, jge: 0x35, jset: 0x45, ret: 0x06, and: 0x54 } as const;

/** Offsets into `struct seccomp_data`; arguments are read by their low half, which is all the kernel uses of an int. */
export const field = { number: 0, machine: 4, argument: (index: number): number => 16 + 8 * index } as const;

export const verdict = {
  allow: 0x7fff0000,
  killProcess: 0x80000000,
  errno: (number: number): number => 0x00050000 | number,
} as const;

export const label = (name: string): Line => ({ label: name });
export const load = (offset: number): Line => ({ code: code.load, k: offset });
export const and = (mask: number): Line => ({ code: code.and, k: mask });
export const ret = (value: number): Line => ({ code: code.ret, k: value });
export const ifEqual = (value: number, yes: string): Line => ({ code: code.jeq, k: value, yes });
export const unlessEqual = (value: number, no: string): Line => ({ code: code.jeq, k: value, no });
export const ifAny = (bits: number, yes: string): Line => ({ code: code.jset, k: bits, yes });

/** Resolves labels. Throws a plain Error for a label that is missing, behind, or too far: a bug of the caller. */
export function assemble(lines: readonly Line[]): Instruction[] {
  const places = new Map<string, number>();
  let place = 0;
  for (const line of lines) {
    if ('label' in line) places.set(line.label, place);
    else place += 1;
  }
  const instructions: Instruction[] = [];
  const distance = (to: string | undefined): number => {
    if (to === undefined) return 0;
    const offset = (places.get(to) ?? -1) - instructions.length - 1;
    if (offset < 0 || offset > 255) throw new Error(`no way to jump to ${to}`);
    return offset;
  };
  for (const line of lines) {
    if ('label' in line) continue;
    instructions.push({ code: line.code, jt: distance(line.yes), jf: distance(line.no), k: line.k });
  }
  return instructions;
}

/** A run of system call numbers, from `first` up to the next run, that are answered by one block ending in a verdict. */
export interface Run {
  readonly first: number;
  readonly block: readonly Instruction[];
}

/** A balanced decision tree over the loaded number: seven comparisons for a hundred runs, and cacheable by the kernel. */
export function decisionTree(runs: readonly Run[]): Instruction[] {
  const [only] = runs;
  if (only === undefined) throw new Error('a decision needs at least one run');
  if (runs.length === 1) return [...only.block];
  const middle = runs.length >> 1;
  const below = decisionTree(runs.slice(0, middle));
  const above = decisionTree(runs.slice(middle));
  const k = runs[middle]?.first ?? 0;
  if (below.length <= 255) return [{ code: code.jge, jt: below.length, jf: 0, k }, ...below, ...above];
  const far: Instruction = { code: code.ja, jt: 0, jf: 0, k: below.length };
  return [{ code: code.jge, jt: 0, jf: 1, k }, far, ...below, ...above];
}

/** The bytes bubblewrap reads from `--seccomp`: an array of `struct sock_filter`, little-endian. */
export function encode(instructions: readonly Instruction[]): Uint8Array {
  if (instructions.length > 4096) throw new Error('the kernel takes at most 4096 instructions');
  const bytes = new Uint8Array(instructions.length * 8);
  const view = new DataView(bytes.buffer);
  for (const [index, { code: operation, jt, jf, k }] of instructions.entries()) {
    view.setUint16(index * 8, operation, true);
    view.setUint8(index * 8 + 2, jt);
    view.setUint8(index * 8 + 3, jf);
    view.setUint32(index * 8 + 4, k >>> 0, true);
  }
  return bytes;
}
