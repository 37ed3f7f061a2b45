/**
 * The spill file of one workload's output: frames of events in order, appended before anybody is told they were taken.
 *
 * A frame is a 4-byte length, the supervisor's 8-byte local number (0 for the platform's own events) and the event. Where
 * events were dropped stands one mark instead: which number was taken last and how many bytes are gone in all. A write reaches the kernel before the acknowledgement does, so it survives the death of this process; a machine that
 * loses power loses the sandbox with it. A torn last frame was never acknowledged and is cut off on opening.
 */

import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { type UnitEvent, UnitEventSchema } from '@sallyport/contracts/unit/v1/event';

const headBytes = 12;

/** Length word of a mark; its body is the count of dropped bytes. */
const markWord = 0xffff_ffff;
const markBytes = headBytes + 8;

/** No event is larger; the tether refuses bodies beyond it. */
const maxFrameBytes = 4 * 1024 * 1024;

export interface Frame {
  /** Absent in a mark. */
  readonly event: UnitEvent | undefined;
  /** Number the supervisor gave it; 0n for an event of the platform. */
  readonly local: bigint;
  /** Bytes dropped so far, told by a mark. */
  readonly dropped: number;
  /** Offset right behind the frame. */
  readonly end: number;
}

export class OutputFile {
  readonly #fd: number;
  #size: number;
  /** Offset of the mark that ends the file, when one does. */
  #mark: number | undefined;

  constructor(path: string) {
    this.#fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
    this.#size = fstatSync(this.#fd).size;
  }

  /** Bytes of whole frames. */
  get size(): number {
    return this.#size;
  }

  append(frames: readonly { readonly event: UnitEvent; readonly local: bigint }[]): void {
    const parts = frames.flatMap(({ event, local }) => {
      const body = toBinary(UnitEventSchema, event);
      const head = Buffer.alloc(headBytes);
      head.writeUInt32BE(body.length, 0);
      head.writeBigUInt64BE(local, 4);
      return [head, body];
    });
    const bytes = Buffer.concat(parts);
    this.#write(bytes, this.#size);
    this.#size += bytes.length;
    this.#mark = undefined;
  }

  /** Records that events up to a number were taken and dropped. Marks in a row share one place, so a flood takes none. */
  mark(local: bigint, dropped: number): void {
    const at = this.#mark ?? this.#size;
    const bytes = Buffer.alloc(markBytes);
    bytes.writeUInt32BE(markWord, 0);
    bytes.writeBigUInt64BE(local, 4);
    bytes.writeBigUInt64BE(BigInt(dropped), headBytes);
    this.#write(bytes, at);
    this.#mark = at;
    this.#size = at + markBytes;
  }

  /** Whole frames from an offset, at most `maxBytes` of them but at least one. */
  read(offset: number, maxBytes: number): Frame[] {
    const frames: Frame[] = [];
    let at = offset;
    while (at < this.#size) {
      const frame = this.#frameAt(at);
      if (frame === undefined || (frames.length > 0 && frame.end - offset > maxBytes)) break;
      frames.push(frame);
      at = frame.end;
    }
    return frames;
  }

  /** Every whole frame, for a restart; what follows the last one is cut off. */
  *recover(): Generator<Frame> {
    let at = 0;
    for (let frame = this.#frameAt(at); frame !== undefined; frame = this.#frameAt(at)) {
      yield frame;
      at = frame.end;
    }
    ftruncateSync(this.#fd, at);
    this.#size = at;
  }

  close(): void {
    closeSync(this.#fd);
  }

  #frameAt(offset: number): Frame | undefined {
    const head = Buffer.alloc(headBytes);
    if (readSync(this.#fd, head, 0, headBytes, offset) < headBytes) return undefined;
    const length = head.readUInt32BE(0);
    if (length === markWord) return this.#markAt(offset, head.readBigUInt64BE(4));
    if (length > maxFrameBytes) return undefined;
    const body = Buffer.alloc(length);
    if (readSync(this.#fd, body, 0, length, offset + headBytes) < length) return undefined;
    try {
      return {
        event: fromBinary(UnitEventSchema, body),
        local: head.readBigUInt64BE(4),
        dropped: 0,
        end: offset + headBytes + length,
      };
    } catch {
      return undefined;
    }
  }

  #markAt(offset: number, local: bigint): Frame | undefined {
    const body = Buffer.alloc(8);
    if (readSync(this.#fd, body, 0, 8, offset + headBytes) < 8) return undefined;
    return { event: undefined, local, dropped: Number(body.readBigUInt64BE(0)), end: offset + markBytes };
  }

  #write(bytes: Uint8Array, at: number): void {
    let written = 0;
    while (written < bytes.length) {
      written += writeSync(this.#fd, bytes, written, bytes.length - written, at + written);
    }
  }
}
