/** Which events a subscription wants, as far as patterns say it. Pure; expressions are judged by `filter-judge.ts`. */

import type { Subscription } from '@sallyport/contracts/schedule/v1/trigger';
import type { CloudEvent } from '@sallyport/core/cloud-event';

export type Patterns = Pick<Subscription, 'types' | 'source' | 'subject'>;

/** Whether a text is what a pattern names; a trailing `*` stands for any ending, an empty pattern for everything. */
const fits = (pattern: string, text: string): boolean =>
  pattern === '' || (pattern.endsWith('*') ? text.startsWith(pattern.slice(0, -1)) : text === pattern);

/** Whether every pattern that is set holds. */
export const fitsPatterns = (
  { types, source, subject }: Patterns,
  event: Pick<CloudEvent, 'type' | 'source' | 'subject'>,
): boolean =>
  (types.length === 0 || types.some((type) => fits(type, event.type))) &&
  fits(source, event.source) &&
  fits(subject, event.subject);
