/** A webhook as the scheduler keeps it, and what a request to it is as an event. Pure. */

import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type Webhook as WebhookMessage, WebhookSchema } from '@sallyport/contracts/schedule/v1/trigger';
import { type CloudEvent, checkCloudEvent, jsonOf } from '@sallyport/core/cloud-event';
import { isSlug } from '@sallyport/core/ids';
import { webhookSources } from '../events/event.ts';
import { nameInvalid, sourceReserved, textInvalid } from '../faults.ts';
import { isPrintable } from '../runs/check-fields.ts';
import { type SignedRequest, signedAt } from './verify-signature.ts';

export interface Webhook {
  /** `whk_...` */
  readonly id: string;
  readonly org: string;
  readonly environment: string;
  readonly name: string;
  readonly version: number;
  /** Empty means `/webhooks/<name>`. */
  readonly source: string;
  /** Empty means `webhook`. */
  readonly type: string;
  readonly secret: Uint8Array;
  readonly previous: Uint8Array | undefined;
  readonly previousUntil: number | undefined;
  readonly createdAt: number;
}

/** For how long the secret before the last one is good too. */
export const overlapMs = 60 * 60 * 1000;

const maxSource = 1024;
const maxType = 256;

/** Refuses what breaks a rule, with a pointer to the field. */
export function checkWebhook({ name, source, type }: Pick<WebhookMessage, 'name' | 'source' | 'type'>): void {
  if (!isSlug(name)) throw nameInvalid('/webhook/name');
  if (source !== '' && (!isPrintable(source, maxSource) || /\s/.test(source)))
    throw textInvalid('/webhook/source', maxSource);
  if (source.startsWith(webhookSources) && source !== `${webhookSources}${name}`) throw sourceReserved(webhookSources);
  if (type !== '' && !isPrintable(type, maxType)) throw textInvalid('/webhook/type', maxType);
}

/** A request whose signature was found good, as an event: its own `type` when its JSON has one. */
export function webhookEvent(webhook: Webhook, request: SignedRequest, contentType: string): CloudEvent {
  const stated = (jsonOf(request.body) as { readonly type?: unknown } | null | undefined)?.type;
  const type = typeof stated === 'string' && isPrintable(stated, maxType) ? stated : webhook.type || 'webhook';
  return checkCloudEvent({
    id: request.id,
    source: webhook.source || `${webhookSources}${webhook.name}`,
    type,
    subject: '',
    time: signedAt(request),
    dataContentType: isPrintable(contentType, maxType) ? contentType : '',
    data: request.body,
    extensions: {},
  });
}

/** The webhook as the contract shows it: never with its secret. */
export const webhookWire = ({ id, name, source, type, version, createdAt, previousUntil }: Webhook): WebhookMessage =>
  create(WebhookSchema, {
    id,
    name,
    source,
    type,
    version: BigInt(version),
    createdAt: timestampFromMs(createdAt),
    ...(previousUntil === undefined ? {} : { previousUntil: timestampFromMs(previousUntil) }),
  });
