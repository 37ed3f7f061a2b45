import { describe, expect, test } from '@jest/globals';
import { answerOf, type Called, isAllowed } from './permission.ts';

describe('isAllowed', () => {
  test.each<[string, readonly string[], Called, boolean]>([
    ['anything for a role that names no tools', [], { kind: 'execute', tool: 'x' }, true],
    ['a command for a role with bash', ['bash'], { kind: 'execute', tool: '' }, true],
    ['no command for a role that reads', ['read_file'], { kind: 'execute', tool: 'execute' }, false],
    ['an edit for a role that edits', ['edit_file'], { kind: 'edit', tool: '' }, true],
    ['no edit for a role that runs commands only', ['bash'], { kind: 'edit', tool: '' }, false],
    ['a removal with bash alone', ['write_file'], { kind: 'delete', tool: '' }, false],
    ['a tool by its own name', ['web_search'], { kind: 'fetch', tool: 'web_search' }, true],
    ['a kind by its own name', ['fetch'], { kind: 'fetch', tool: 'x' }, true],
    ['nothing of what is not known', ['bash'], { kind: '', tool: '' }, false],
    ['nothing for a role whose tool has no name', [''], { kind: '', tool: '' }, false],
  ])('allows %s', (_, tools, called, allowed) => {
    expect(isAllowed(tools, called)).toBe(allowed);
  });
});

describe('answerOf', () => {
  const option = (kind: string) => ({ optionId: `id-${kind}`, name: kind, kind });
  const all = ['allow_always', 'allow_once', 'reject_always', 'reject_once'].map(option);
  const cancelled = { outcome: { outcome: 'cancelled' } };

  test.each<[string, unknown, boolean, object]>([
    ['this once rather than for good', all, true, { outcome: { outcome: 'selected', optionId: 'id-allow_once' } }],
    ['a refusal of this once', all, false, { outcome: { outcome: 'selected', optionId: 'id-reject_once' } }],
    [
      'the only yes there is',
      [option('allow_always')],
      true,
      { outcome: { outcome: 'selected', optionId: 'id-allow_always' } },
    ],
    ['no yes where only a no is offered', [option('reject_once')], true, cancelled],
    ['no yes in place of a no that is not offered', [option('allow_once')], false, cancelled],
    ['nothing to a question without options', undefined, true, cancelled],
    ['nothing by an option without an id', [{ kind: 'allow_once' }], true, cancelled],
  ])('answers %s', (_, options, allowed, answer) => {
    expect(answerOf({ options }, allowed)).toEqual(answer);
  });
});
