/** Server-sent events out of bytes, as the WHATWG standard reads them; ids and retry times mean nothing here and are dropped. */

export interface ServerSentEvent {
  /** `message` unless the server named it. */
  readonly type: string;
  readonly data: string;
}

/** Longest line that is read; a provider has no business beyond it. */
const maxLine = 8 * 1024 * 1024;

export class SseParser {
  private readonly decoder = new TextDecoder('utf-8');
  private rest = '';
  private type = '';
  private data: string[] = [];

  /** Events that are whole with this chunk. Throws a RangeError on a line that never ends. */
  push(chunk: Uint8Array): ServerSentEvent[] {
    this.rest += this.decoder.decode(chunk, { stream: true });
    const events: ServerSentEvent[] = [];
    for (;;) {
      const at = this.rest.search(/[\r\n]/);
      // A CR at the very end may be half of a CRLF.
      if (at < 0 || (this.rest[at] === '\r' && at === this.rest.length - 1)) break;
      const line = this.rest.slice(0, at);
      this.rest = this.rest.slice(at + (this.rest.startsWith('\r\n', at) ? 2 : 1));
      const event = this.line(line);
      if (event !== undefined) events.push(event);
    }
    if (this.rest.length > maxLine) throw new RangeError('a line of the stream is longer than 8 MiB');
    return events;
  }

  private line(line: string): ServerSentEvent | undefined {
    if (line === '') return this.dispatch();
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') this.type = value;
    if (field === 'data') this.data.push(value);
    return undefined;
  }

  private dispatch(): ServerSentEvent | undefined {
    const event = this.data.length === 0 ? undefined : { type: this.type || 'message', data: this.data.join('\n') };
    this.type = '';
    this.data = [];
    return event;
  }
}
