/** A look at data from outside: what is missing or of another type reads as nothing. */

export class Fields {
  readonly #data: Readonly<Record<string, unknown>>;

  constructor(data: Readonly<Record<string, unknown>>) {
    this.#data = data;
  }

  text(name: string): string {
    const value = this.#data[name];
    return typeof value === 'string' ? value : '';
  }

  number(name: string): number {
    const value = this.#data[name];
    return typeof value === 'number' && Number.isFinite(value) ? value : 0;
  }

  is(name: string): boolean {
    return this.#data[name] === true;
  }

  list(name: string): string[] {
    const value = this.#data[name];
    return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
  }

  map(name: string): Readonly<Record<string, string>> {
    const value = this.#data[name];
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return {};
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, String(item)]));
  }

  /** Bytes sent as base64. */
  bytes(name: string): Buffer {
    return Buffer.from(this.text(name), 'base64');
  }
}
