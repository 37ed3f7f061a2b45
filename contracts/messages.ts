/** Every message and service of the contracts, found through the generated files. */

import type { DescFile, DescMessage, DescService } from '@bufbuild/protobuf';
import { file_audit_v1_audit } from './gen/audit/v1/audit_pb.ts';
import { file_egress_v1_egress } from './gen/egress/v1/egress_pb.ts';
import { file_fault_v1_fault } from './gen/fault/v1/fault_pb.ts';
import { file_identity_v1_grant } from './gen/identity/v1/grant_pb.ts';
import { file_identity_v1_identity } from './gen/identity/v1/identity_pb.ts';
import { file_runner_v1_tether } from './gen/runner/v1/tether_pb.ts';
import { file_runtime_v1_evidence } from './gen/runtime/v1/evidence_pb.ts';
import { file_runtime_v1_runtime } from './gen/runtime/v1/runtime_pb.ts';
import { file_schedule_v1_schedule } from './gen/schedule/v1/schedule_pb.ts';
import { file_schedule_v1_trigger } from './gen/schedule/v1/trigger_pb.ts';
import { file_unit_v1_event } from './gen/unit/v1/event_pb.ts';
import { file_unit_v1_input } from './gen/unit/v1/input_pb.ts';
import { file_unit_v1_unit } from './gen/unit/v1/unit_pb.ts';
import { file_workspace_v1_workspace } from './gen/workspace/v1/workspace_pb.ts';

/** Every file of the contracts; a spec compares the list with the folder. */
export const files: readonly DescFile[] = [
  file_audit_v1_audit,
  file_egress_v1_egress,
  file_fault_v1_fault,
  file_identity_v1_grant,
  file_identity_v1_identity,
  file_runner_v1_tether,
  file_runtime_v1_evidence,
  file_runtime_v1_runtime,
  file_schedule_v1_schedule,
  file_schedule_v1_trigger,
  file_unit_v1_event,
  file_unit_v1_input,
  file_unit_v1_unit,
  file_workspace_v1_workspace,
];

/** Every message, in order of file. */
export const messages = (): readonly DescMessage[] => files.flatMap((file) => file.messages);

export const services = (): readonly DescService[] => files.flatMap((file) => file.services);
