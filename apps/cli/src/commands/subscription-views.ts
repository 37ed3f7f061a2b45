/** How subscriptions look. */

import type { Subscription } from '../client/resources.ts';
import type { View } from '../output/printer.ts';
import { visibleLine } from '../output/visible.ts';
import { stateOf, templateRows } from './schedule-views.ts';

/** Every filter that is set, in words. */
const wants = ({ types, source, subject, expression }: Subscription): string => {
  const parts = [
    types.length === 0 ? '' : `type ${types.join(' or ')}`,
    source === '' ? '' : `source ${source}`,
    subject === '' ? '' : `subject ${subject}`,
    expression,
  ].filter((part) => part !== '');
  return parts.length === 0 ? 'everything' : parts.join(', ');
};

export const subscriptionView: View<Subscription> = {
  name: (subscription) => subscription.name,
  kind: 'Subscription',
  empty: 'no subscriptions; make one: sally subscription create NAME --type TYPE --role ROLE --task TEXT',
  columns: [
    { title: 'name', of: (subscription) => subscription.name },
    { title: 'state', of: stateOf },
    { title: 'wants', of: wants, most: 60 },
    { title: 'runs', of: ({ run }) => run?.role || `(${run?.runner ?? ''})` },
    { title: 'overlap', of: (subscription) => subscription.overlap },
  ],
};

/** Everything a person should know before they consent. */
export function describeSubscription(subscription: Subscription): string[] {
  const rows: readonly (readonly [string, string | undefined])[] = [
    ['name', subscription.name],
    ['id', subscription.id],
    ['state', stateOf(subscription)],
    ['wants', wants(subscription)],
    ...templateRows(subscription.run ?? {}),
    ['overlap', subscription.overlap],
    ['grant', subscription.grant],
    ['to consent', subscription.consent_needed ? `sally subscription consent ${subscription.name}` : ''],
    ['spec hash', subscription.spec_hash],
    ['version', String(subscription.version)],
    ['created', `${subscription.created_at ?? ''} by ${subscription.created_by}`],
  ];
  return rows.flatMap(([name, value = '']) => (value === '' ? [] : [`${name.padEnd(10)} ${visibleLine(value)}`]));
}
