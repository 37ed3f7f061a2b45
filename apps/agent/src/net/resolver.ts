/** Answers one DNS query of the sandbox by asking the tether; the same bytes over UDP and TCP. */

import { encodeAnswer, parseQuery, type Question, type ResponseCode, recordTypes } from './dns-message.ts';
import type { Names } from './names.ts';

/** Asks outside; the tether's own Resolve. */
export type Ask = (name: string, type: 'A' | 'AAAA') => Promise<{ addresses: string[]; ttl: number }>;

interface Answer {
  readonly code: ResponseCode;
  readonly addresses: readonly string[];
  readonly ttl: number;
}

const nothing = (code: ResponseCode): Answer => ({ code, addresses: [], ttl: 0 });

const isLocal = (name: string): boolean => name === 'localhost' || name.endsWith('.localhost');

export class Resolver {
  private readonly ask: Ask;
  private readonly names: Names;

  constructor(ask: Ask, names: Names) {
    this.ask = ask;
    this.names = names;
  }

  /** The answer to a packet, or undefined when it deserves none. Never rejects. */
  async answer(packet: Buffer): Promise<Buffer | undefined> {
    const parsed = parseQuery(packet);
    if (parsed.kind === 'drop') return undefined;
    if (parsed.kind === 'error') return encodeAnswer(packet, parsed.end, parsed.code, [], 0);
    const { code, addresses, ttl } = await this.find(parsed.question).catch(() => nothing('failed'));
    return encodeAnswer(packet, parsed.end, code, addresses, ttl);
  }

  private async find({ name, type, isInternet }: Question): Promise<Answer> {
    if (!isInternet) return nothing('refused');
    if (name === undefined) return nothing('noSuchName');
    if (type !== recordTypes.A && type !== recordTypes.AAAA) return nothing('ok');
    const family = type === recordTypes.A ? 'A' : 'AAAA';
    if (isLocal(name)) return { code: 'ok', addresses: [family === 'A' ? '127.0.0.1' : '::1'], ttl: 3600 };
    const { addresses, ttl } = await this.ask(name, family);
    // A name without an IPv6 address exists all the same.
    if (addresses.length === 0) return nothing(family === 'A' ? 'noSuchName' : 'ok');
    return { code: 'ok', addresses: addresses.map((address) => this.names.assign(name, address)), ttl };
  }
}
