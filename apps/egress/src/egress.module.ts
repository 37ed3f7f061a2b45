/** All wiring of egress. */

import { readFileSync } from 'node:fs';
import { Module } from '@nestjs/common';
import { CONFIG } from '@sallyport/service/start';
import type { EgressConfig } from './config.ts';
import { Credentials } from './credentials/credentials.ts';
import { DecisionStore } from './decisions/decision.store.ts';
import { Decisions } from './decisions/decisions.ts';
import { PruneDecisions } from './decisions/prune-decisions.ts';
import { Denials } from './gate/denials.ts';
import { Gatekeeper } from './gate/gatekeeper.ts';
import { Pace } from './gate/pace.ts';
import { RefusedTokens } from './gate/refused-tokens.ts';
import { SocketGate } from './gate/socket-gate.ts';
import { Tunnels } from './gate/tunnels.ts';
import { Forwarder } from './http/forwarder.ts';
import { HttpGate } from './http/http-gate.ts';
import { EgressRpc } from './rpc/egress.rpc.ts';
import { Dialer } from './upstream/dialer.ts';

const dialer = ({ SALLY_EGRESS_CA_FILE: file }: EgressConfig): Dialer =>
  new Dialer(file === undefined ? {} : { authorities: readFileSync(file, 'utf8') });

@Module({
  controllers: [EgressRpc],
  providers: [
    DecisionStore,
    Decisions,
    PruneDecisions,
    Tunnels,
    Pace,
    RefusedTokens,
    { provide: Dialer, useFactory: dialer, inject: [CONFIG] },
    Credentials,
    Forwarder,
    HttpGate,
    Denials,
    Gatekeeper,
    SocketGate,
  ],
})
export class EgressModule {}
