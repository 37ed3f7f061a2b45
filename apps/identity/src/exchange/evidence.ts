/** Evidence as identity judges it. Pure: what must be there, what must stay the same, how strong it is. */

import { toJson } from '@bufbuild/protobuf';
import { type Evidence, EvidenceSchema } from '@sallyport/contracts/runtime/v1/evidence';
import { canonicalHash, canonicalJson } from '@sallyport/core/canonical';
import { argumentInvalid, evidenceInvalid } from '../faults.ts';

/** How much a format proves, `att.lvl`: what the host's kernel says, what a container engine says, what a cluster says. */
const levels: Readonly<Record<string, number>> = { process: 1, docker: 1, k8s: 2 };

const requiredNamespaces = ['mnt', 'net', 'pid', 'ipc', 'uts', 'user'];
const sha256Form = /^[0-9a-f]{64}$/;

export type EvidenceJson = Readonly<Record<string, unknown>>;

export interface JudgedEvidence {
  readonly format: string;
  readonly level: number;
  /** SHA-256 over RFC 8785 JSON: the `att.ev` claim. */
  readonly hash: string;
  /** Names one process over all machines and boots. */
  readonly process: string;
  readonly json: EvidenceJson;
}

/** Throws `identity.evidence_invalid` with the first field that is missing or impossible. */
export function judgeEvidence(evidence: Evidence | undefined): JudgedEvidence {
  if (evidence === undefined) throw argumentInvalid('evidence', 'present');
  const level = levels[evidence.format];
  if (level === undefined) throw evidenceInvalid('format');
  // Pid 1 is the init of the machine or of the runtime's own container, never a sandbox.
  if (evidence.pid <= 1n) throw evidenceInvalid('pid');
  if (evidence.startTime <= 0n) throw evidenceInvalid('start_time');
  for (const kind of requiredNamespaces) {
    if ((evidence.namespaces[kind] ?? 0n) <= 0n) throw evidenceInvalid(`namespaces.${kind}`);
  }
  if (!sha256Form.test(evidence.rootfsHash)) throw evidenceInvalid('rootfs_hash');
  if (!sha256Form.test(evidence.mountsHash)) throw evidenceInvalid('mounts_hash');
  if (evidence.boot === '') throw evidenceInvalid('boot');
  if (evidence.uid < 0n) throw evidenceInvalid('uid');
  if (evidence.format !== 'process' && evidence.image === '') throw evidenceInvalid('image');
  const json = toJson(EvidenceSchema, evidence) as EvidenceJson;
  const process = `${evidence.boot}/${evidence.pid}/${evidence.startTime}`;
  return { format: evidence.format, level, hash: canonicalHash(json), process, json };
}

/** Names of the fields in which two pieces of evidence differ. */
export function changedFields(before: EvidenceJson, after: EvidenceJson): string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  const text = (value: unknown): string => (value === undefined ? '' : canonicalJson(value));
  return names.filter((name) => text(before[name]) !== text(after[name]));
}
