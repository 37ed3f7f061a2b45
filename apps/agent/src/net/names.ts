/** Which name stands behind a synthetic address, so that a connection to the address can leave under the name. */

/** 198.18.0.0/15, RFC 2544: routed nowhere, so nothing real is hidden by it. */
const base = 0xc612_0000;
const size = 2 ** 17;
/** The first 256 are the platform's own. */
const reserved = 256;

const kept = 8192;

function toNumber(address: string): number | undefined {
  const parts = address.split('.').map(Number);
  if (parts.length !== 4 || parts.some((part) => !Number.isInteger(part) || part < 0 || part > 255)) return undefined;
  return parts.reduce((value, part) => value * 256 + part, 0);
}

const toAddress = (value: number): string => [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.');

export class Names {
  private readonly nameByOffset = new Map<number, string>();
  private readonly offsetByName = new Map<string, number>();

  /** The address to hand out for a name: the one proposed, or the next free one when another name has it. */
  assign(name: string, proposed: string): string {
    const number = toNumber(proposed);
    if (number === undefined || number < base || number >= base + size) return proposed;
    const known = this.offsetByName.get(name);
    if (known !== undefined) return toAddress(base + known);
    const offset = this.free(number - base);
    this.nameByOffset.set(offset, name);
    this.offsetByName.set(name, offset);
    this.forgetOldest();
    return toAddress(base + offset);
  }

  nameOf(address: string): string | undefined {
    const number = toNumber(address);
    return number === undefined ? undefined : this.nameByOffset.get(number - base);
  }

  private free(wanted: number): number {
    let offset = wanted;
    while (this.nameByOffset.has(offset)) offset = offset + 1 < size ? offset + 1 : reserved;
    return offset;
  }

  private forgetOldest(): void {
    if (this.nameByOffset.size <= kept) return;
    for (const [offset, name] of this.nameByOffset) {
      if (offset < reserved) continue;
      this.nameByOffset.delete(offset);
      this.offsetByName.delete(name);
      return;
    }
  }
}
