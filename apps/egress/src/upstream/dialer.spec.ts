import { describe, expect, test } from '@jest/globals';
import { isDiallable, isSpecial } from '../hosts/address.ts';
import { AddressForbidden, checkedLookup, type Lookup } from './dialer.ts';

const answering =
  (...addresses: string[]): Lookup =>
  (_name, done) =>
    done(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );

const look = (lookup: Lookup) =>
  new Promise((resolve, reject) => {
    checkedLookup(lookup)('provider.example', { all: true }, (error, found) =>
      error ? reject(error) : resolve(found),
    );
  });

describe('the lookup of a provider', () => {
  test('answers exactly the addresses it looked at', async () => {
    await expect(look(answering('93.184.216.34', '10.0.0.7'))).resolves.toEqual([
      { address: '93.184.216.34', family: 4 },
      { address: '10.0.0.7', family: 4 },
    ]);
  });

  test.each([
    '169.254.169.254',
    '::ffff:169.254.169.254',
    'fd00:ec2::254',
    '0.0.0.0',
    '224.0.0.1',
    '64:ff9b::a9fe:a9fe',
    '2002:a9fe:a9fe::',
    '::7f00:1',
  ])('refuses the whole name when one of its addresses is %s', async (address) => {
    await expect(look(answering('93.184.216.34', address))).rejects.toBeInstanceOf(AddressForbidden);
  });

  test('asks once per connection, so that a second answer is never dialled', async () => {
    let asked = 0;
    const turning: Lookup = (name, done) =>
      answering((asked += 1) === 1 ? '93.184.216.34' : '169.254.169.254')(name, done);
    await expect(look(turning)).resolves.toHaveLength(1);
    expect(asked).toBe(1);
  });

  test('passes on that there is no such name', async () => {
    await expect(look((_name, done) => done(new Error('ENOTFOUND'), []))).rejects.toThrow();
    await expect(look(answering())).rejects.toThrow();
  });
});

test.each([
  ['127.0.0.1', true, true],
  ['192.168.0.4', true, true],
  ['100.64.1.1', true, true],
  ['8.8.8.8', true, false],
  ['2606:2800:220:1::1', true, false],
  ['100.100.100.200', false, true],
  ['168.63.129.16', false, true],
  ['198.18.0.1', false, true],
  ['not an address', false, true],
])('%s: diallable for an operator %p, special for an agent %p', (address, diallable, special) => {
  expect([isDiallable(address), isSpecial(address)]).toEqual([diallable, special]);
});
