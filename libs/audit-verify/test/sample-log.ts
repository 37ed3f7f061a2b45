/** A small honest log, and bundles of it on disk. */

import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { EventSchema, Outcome } from '@sallyport/contracts/audit/v1/audit';
import { buildBundle, type LogSnapshot } from '../src/build-bundle.ts';
import { originOf, signCheckpoint } from '../src/checkpoint.ts';
import { canonicalEvent } from '../src/event.ts';
import { kinds } from '../src/kinds.ts';
import { Frontier, leafHash } from '../src/merkle.ts';
import { type NoteSigner, noteSigner } from '../src/note.ts';
import { type BundleFile, toTar } from '../src/tar.ts';

export type EventInit = MessageInitShape<typeof EventSchema>;

/** A fresh signer for an org's log. */
export const aSigner = (org = 'demo'): NoteSigner =>
  noteSigner(originOf(org), generateKeyPairSync('ed25519').privateKey);

/** An id of the right form. */
export const anId = (prefix: string, number: number): string => `${prefix}_${String(number).padStart(26, '0')}`;

/** An honest event; `second` is its time after noon. */
export function anEvent(kind: string, number: number, init: EventInit = {}, second = number): EventInit {
  const time = new Date(Date.UTC(2026, 10, 21, 12, 0, second)).toISOString().replace('Z', '000Z');
  return {
    id: anId('evt', number),
    time,
    org: 'demo',
    environment: 'dev',
    kind,
    producer: kinds.get(kind)?.producer ?? '',
    subject: 'usr_1',
    outcome: Outcome.ALLOW,
    ...init,
  };
}

/** The events of one run that goes well. */
export function aRun(number = 1, start = 0): EventInit[] {
  const at = { run: anId('run', number), dispatch: anId('dsp', number) };
  const event = (kind: string, step: number, init: EventInit = {}): EventInit =>
    anEvent(kind, start + step, { ...at, ...init });
  return [
    event('run.accepted', 0),
    event('launch.authorized', 1),
    event('launch.intent', 2),
    event('runtime.intent', 3, { hashes: { envelope: 'ab'.repeat(32) } }),
    event('attest.evidence', 4),
    event('exchange.dispatch', 5),
    event('workspace.mount', 6, { resource: 'workspace/demo' }),
    event('egress.allow', 7, { resource: 'host/model.sallyport.internal:80', decision: anId('dec', number) }),
    event('egress.outcome', 8, { intent: anId('evt', start + 7), facts: { bytes_out: '120', status: '200' } }),
    event('egress.deny', 9, { outcome: Outcome.DENY, reason: 'host_not_allowed', resource: 'host/example.com:443' }),
    event('workspace.commit', 10, { hashes: { commit: 'cd'.repeat(20) } }),
    event('runtime.transition', 11, { facts: { to: 'stopped' } }),
    event('run.transition', 12, { facts: { from: 'running', to: 'completed' } }),
    event('launch.ended', 13),
  ];
}

/** A log over canonical entries with a checkpoint at each of the sizes, and one at its end. */
export function snapshotOf(
  entries: readonly Uint8Array[],
  signer: NoteSigner,
  sizes: readonly number[] = [],
): LogSnapshot {
  const frontier = new Frontier();
  const checkpoints: { size: number; note: string }[] = [];
  for (const entry of entries) {
    frontier.push(leafHash(entry));
    if (sizes.includes(frontier.size) || frontier.size === entries.length) {
      checkpoints.push({ size: frontier.size, note: signCheckpoint(frontier.size, frontier.root(), signer) });
    }
  }
  return { org: 'demo', signer, checkpoints, leaves: () => entries.map(leafHash), entries: () => entries };
}

/** Canonical entries of events, numbered from 0. */
export const entriesOf = (events: readonly EventInit[]): Buffer[] =>
  events.map((event, seq) => Buffer.from(canonicalEvent(create(EventSchema, { ...event, seq: BigInt(seq) }))));

/** The files of a bundle. */
export async function filesOf(snapshot: LogSnapshot): Promise<BundleFile[]> {
  const files: BundleFile[] = [];
  for await (const file of buildBundle(snapshot)) files.push(file);
  return files;
}

/** The bytes of a bundle as an archive. */
export async function archiveOf(files: Iterable<BundleFile>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of toTar(files)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** A scratch directory for bundles. */
export class Scratch {
  readonly path = mkdtempSync(join(tmpdir(), 'sally-audit-'));
  #count = 0;

  /** Writes an archive; answers its path. */
  archive(bytes: Uint8Array): string {
    const path = join(this.path, `${this.#count++}.tar`);
    writeFileSync(path, bytes);
    return path;
  }

  /** Writes files as a directory; answers its path. */
  directory(files: readonly BundleFile[]): string {
    const root = join(this.path, String(this.#count++));
    for (const { path, bytes } of files) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), bytes);
    }
    return root;
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
