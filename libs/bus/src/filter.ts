/** Lets Faults through Nest's exception layer as they are. */

import { Catch, type ExceptionFilter } from '@nestjs/common';
import { type Observable, throwError } from 'rxjs';

class PassThroughFilter implements ExceptionFilter<unknown> {
  catch(thrown: unknown): Observable<never> {
    return throwError(() => thrown);
  }
}
Catch()(PassThroughFilter);

/** Nest would turn what it does not know into text; the transport encodes Faults itself. */
export const passThroughFilter: ExceptionFilter<unknown> = new PassThroughFilter();
