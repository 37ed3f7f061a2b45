/**
 * Evaluates the expressions of subscriptions, in a process of its own that is ended when it takes too long or too much memory.
 *
 * Expressions are written by people, data by strangers. Regular expressions are RE2's, so their time is linear; everything else is bounded
 * by whoever started this process, and the text and bytes an expression makes by an allowance.
 */

import { type CelInput, celEnv, isCelError, parse, plan } from '@bufbuild/cel';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { isJsonType, jsonOf } from '@sallyport/core/cloud-event';
import { allowance, boundedFunctions, isOverAllowance, renewAllowance } from './filter-allowance.ts';
import { type Ask, type Judged, type Told, type Verdict, variables } from './filter-words.ts';

type Expression = ReturnType<typeof parse>['expr'];
type Plan = (bindings: Record<string, CelInput>) => unknown;

const maxPlans = 500;
const env = celEnv({ funcs: boundedFunctions });
const plans = new Map<string, Plan | undefined>();

/** The plan of an expression; undefined when it does not parse. */
function planOf(expression: string): Plan | undefined {
  if (plans.has(expression)) return plans.get(expression);
  let made: Plan | undefined;
  try {
    made = plan(env, parse(expression)) as Plan;
  } catch {
    made = undefined;
  }
  if (plans.size >= maxPlans) plans.clear();
  plans.set(expression, made);
  return made;
}

const bindingsOf = ({ type, source, subject, time, ...event }: Judged): Record<string, CelInput> => ({
  type,
  source,
  subject,
  time: timestampFromMs(time),
  data: dataOf(event),
});

/** JSON as what it is, other text as a string, anything else as bytes. */
function dataOf({ data, dataContentType }: Pick<Judged, 'data' | 'dataContentType'>): CelInput {
  const json = isJsonType(dataContentType) ? jsonOf(data) : undefined;
  if (json !== undefined) return json as CelInput;
  if (data.byteLength === 0) return null;
  return /^text\//i.test(dataContentType) ? new TextDecoder().decode(data) : data;
}

function judge(expression: string, bindings: Record<string, CelInput>): Verdict {
  renewAllowance();
  try {
    const answer = planOf(expression)?.(bindings);
    if (isOverAllowance()) return 'costly';
    return answer === true ? 'yes' : 'no';
  } catch {
    // A missing field, a stack that is too deep: the expression does not apply to this event.
    return isOverAllowance() ? 'costly' : 'no';
  }
}

/** What is wrong with an expression; empty when nothing is. */
function check(expression: string): string {
  renewAllowance();
  try {
    const parsed = parse(expression);
    const stranger = strangers(parsed.expr, new Set(variables)).next().value;
    if (stranger !== undefined) return `it names ${stranger}; there are ${variables.join(', ')}`;
    const answer = (plan(env, parsed) as Plan)(
      bindingsOf({ type: '', source: '', subject: '', time: 0, dataContentType: '', data: Buffer.from('{}') }),
    );
    if (isOverAllowance()) return `it makes more than ${allowance} characters or bytes`;
    const error = isCelError(answer) ? answer.message : '';
    return error.startsWith('unbound function') ? error : '';
  } catch (error) {
    if (error instanceof RangeError) return 'it is nested too deeply';
    return error instanceof Error ? error.message.slice(0, 200) : 'it does not parse';
  }
}

/** Names an expression uses that nothing gives a value. */
function* strangers(expression: Expression | undefined, known: ReadonlySet<string>): Generator<string, undefined> {
  const kind = expression?.exprKind;
  switch (kind?.case) {
    case 'identExpr':
      if (!known.has(kind.value.name)) yield kind.value.name;
      return;
    case 'selectExpr':
      return yield* strangers(kind.value.operand as Expression, known);
    case 'callExpr':
      for (const part of [kind.value.target, ...kind.value.args]) yield* strangers(part as Expression, known);
      return;
    case 'listExpr':
      for (const part of kind.value.elements) yield* strangers(part as Expression, known);
      return;
    case 'structExpr':
      for (const { keyKind, value } of kind.value.entries) {
        if (keyKind.case === 'mapKey') yield* strangers(keyKind.value as Expression, known);
        yield* strangers(value as Expression, known);
      }
      return;
    case 'comprehensionExpr': {
      const { iterVar, iterVar2, accuVar, iterRange, accuInit, loopCondition, loopStep, result } = kind.value;
      const inner = new Set([...known, iterVar, iterVar2, accuVar]);
      for (const part of [iterRange, accuInit]) yield* strangers(part as Expression, known);
      for (const part of [loopCondition, loopStep, result]) yield* strangers(part as Expression, inner);
      return;
    }
    default:
      return;
  }
}

const tell = (told: Told): void => {
  // Nobody listens any more: the end of the channel is what ends this process.
  process.send?.(told, undefined, {}, () => undefined);
};

process.on('message', (ask: Ask) => {
  const bindings = ask.kind === 'judge' ? bindingsOf(ask.event) : undefined;
  ask.expressions.forEach((expression, index) => {
    tell({ index, said: bindings === undefined ? check(expression) : judge(expression, bindings) });
  });
});

process.on('disconnect', () => process.exit());
// What is sent to the whole group is for the scheduler to hear: it ends this process once it wants no more answers.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);

// The code is loaded; what comes from here on is evaluation.
tell({ index: -1, said: 'ready' });
