import { describe, expect, test } from '@jest/globals';
import { fitsPatterns, type Patterns } from './filter.ts';

const event = { type: 'order.created', source: '/shop/eu', subject: 'order/7' };
const all: Patterns = { types: [], source: '', subject: '' };

describe('a pattern', () => {
  test.each<[string, Partial<Patterns>, boolean]>([
    ['nothing', {}, true],
    ['the type', { types: ['order.created'] }, true],
    ['one of the types', { types: ['item.*', 'order.created'] }, true],
    ['the start of the type', { types: ['order.*'] }, true],
    ['every type', { types: ['*'] }, true],
    ['the start of the type without a star', { types: ['order'] }, false],
    ['a longer type', { types: ['order.created.now'] }, false],
    ['another case', { types: ['Order.created'] }, false],
    ['the source', { source: '/shop/eu' }, true],
    ['the start of the source', { source: '/shop*' }, true],
    ['another source', { source: '/shop' }, false],
    ['the start of the subject', { subject: 'order/*' }, true],
    ['another subject', { subject: 'item/*' }, false],
    ['letters with a meaning elsewhere', { types: ['order.create.'] }, false],
    ['all but one', { types: ['order.*'], source: '/shop*', subject: 'item/7' }, false],
  ])('of %s fits: %s', (_, patterns, fits) => {
    expect(fitsPatterns({ ...all, ...patterns }, event)).toBe(fits);
  });

  test('of a subject does not fit an event without one', () => {
    expect(fitsPatterns({ ...all, subject: 'order/*' }, { ...event, subject: '' })).toBe(false);
  });
});
