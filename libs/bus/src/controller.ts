/** Makes a Nest controller out of a class that implements a contract. */

import type { DescMethod, DescService } from '@bufbuild/protobuf';
import { Controller } from '@nestjs/common';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import type { AccessRow, AccessTable } from '@sallyport/core/access';
import type { Handlers } from './handlers.ts';

/** What the transport needs beside the handler. */
export interface RpcExtras {
  readonly method: DescMethod;
  readonly row: AccessRow;
}

/** Nest's pattern of a method, `<package>.<Service>/<Method>`. */
export const patternOf = (method: DescMethod): string => `${method.parent.typeName}/${method.name}`;

/**
 * Class decorator: every method of the contract becomes a message handler under its access row.
 *
 * @throws Error at definition when a row is missing; the types say the same at compile time.
 */
export function BusController<S extends DescService>(service: S, access: AccessTable<S>) {
  return <T extends abstract new (...args: never[]) => Handlers<S>>(target: T): void => {
    const prototype = target.prototype as object;
    for (const method of service.methods) {
      const name = method.localName;
      const descriptor = Object.getOwnPropertyDescriptor(prototype, name);
      const row = access[name as keyof S['method']];
      if (descriptor === undefined || row === undefined)
        throw new Error(`${patternOf(method)} has no handler or no access row`);
      const extras: RpcExtras = { method, row };
      MessagePattern(patternOf(method), { ...extras })(prototype, name, descriptor);
      Payload()(prototype, name, 0);
      Ctx()(prototype, name, 1);
    }
    Controller()(target);
  };
}
