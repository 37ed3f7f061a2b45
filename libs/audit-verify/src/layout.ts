/** Where everything stands in a bundle, and in which order. */

import { tilePath, tilePlaces } from './tile.ts';

/** Files with a fixed name. */
export const fixed = {
  checkpoint: 'checkpoint',
  key: 'keys/log.vkey',
  policy: 'policy.txt',
  manifest: 'manifest.json',
  manifestNote: 'manifest.note',
} as const;

/** Path of a historical checkpoint. */
export const checkpointPath = (size: number): string => `checkpoints/${String(size).padStart(16, '0')}`;

/** Every path the manifest names, in the order of the archive. */
export function* listedPaths(size: number, checkpoints: readonly number[]): Generator<string> {
  yield fixed.checkpoint;
  for (const at of checkpoints) yield checkpointPath(at);
  yield fixed.key;
  yield fixed.policy;
  for (const place of tilePlaces(size)) yield tilePath(place);
}

/** `policy.txt`: what a reader of the bundle may rely on. */
export const policyText = (origin: string): string =>
  [
    `log ${origin}`,
    'leaf sha256(0x00 || RFC 8785 form of audit.v1.Event)',
    'node sha256(0x01 || left || right)',
    'tiles C2SP tlog-tiles, height 8',
    'checkpoint C2SP signed note, Ed25519, at most 1 s or 256 events after the newest event',
    'witness none: trust in the operator of the log, or in an older checkpoint given to the verifier',
    '',
  ].join('\n');
