/** Whether a runner can speak to a provider. Pure. */

import { type Dialect, DialectSchema, type Provider } from '@sallyport/contracts/unit/v1/unit';
import { codingAgentOf } from '@sallyport/core/coding-agents';
import { providerMissing, providerUnfit } from '../faults.ts';

/** Name of a dialect as people write it, `anthropic_messages`. */
const word = (name: string): string => name.replace(/^DIALECT_/, '').toLowerCase();

const nameOf = (dialect: Dialect): string => DialectSchema.value[dialect]?.name ?? 'DIALECT_UNSPECIFIED';

/** Runners that do nothing without a model. */
const callsModel = (runner: string): boolean => runner === 'native' || codingAgentOf(runner) !== undefined;

/** Refuses a runner without the model it calls, and one whose program cannot speak to it. */
export function checkProviderOf(runner: string, provider: Provider | undefined, pointer: string): void {
  if (!callsModel(runner)) return;
  if (provider === undefined) throw providerMissing(runner);
  const agent = codingAgentOf(runner);
  const given = nameOf(provider.dialect);
  if (agent !== undefined && !agent.dialects.includes(given)) {
    throw providerUnfit(pointer, runner, agent.dialects.map(word), word(given));
  }
}
