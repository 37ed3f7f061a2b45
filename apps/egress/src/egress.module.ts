/** All wiring of egress. */

import { Module } from '@nestjs/common';
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

@Module({
  controllers: [EgressRpc],
  providers: [
    DecisionStore,
    Decisions,
    PruneDecisions,
    Tunnels,
    Pace,
    RefusedTokens,
    { provide: Dialer, useFactory: () => new Dialer() },
    Forwarder,
    HttpGate,
    Denials,
    Gatekeeper,
    SocketGate,
  ],
})
export class EgressModule {}
