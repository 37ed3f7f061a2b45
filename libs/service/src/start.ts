/** Starts a service: parts, Nest, transport, health; and ends it in the reverse order. */

import 'reflect-metadata';
import type { INestMicroservice, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Bus } from '@sallyport/bus/connection';
import { passThroughFilter } from '@sallyport/bus/filter';
import { BusServer, type CallRecord } from '@sallyport/bus/server';
import type { Caller } from '@sallyport/core/access';
import { systemClock } from '@sallyport/core/clock';
import { Store } from '@sallyport/store/store';
import { startTrust, type Trust } from '@sallyport/trust/start-trust';
import type { z } from 'zod';
import { AuditClient } from './audit.ts';
import { type BaseEnv, baseEnv, parseEnv, readSecretFile } from './config.ts';
import { GateRefusals } from './gate-refusals.ts';
import { type Check, type Health, serveHealth } from './health.ts';
import { Log } from './log.ts';
import { nestLogger } from './nest-logger.ts';
import { CONFIG, type Platform, platformModule } from './platform.ts';
import { OutboxRelay } from './relay.ts';
import { startTelemetry } from './telemetry.ts';
import { busTrustSource, onEpochPush, type TrustSource } from './trust-source.ts';

export { CONFIG };

export interface ServiceDefinition<S extends z.ZodType> {
  /** Bus user, schema and log name. */
  readonly name: Caller;
  /** Variables beyond the common ones. */
  readonly env: S;
  /** Root module of the service. */
  readonly module: Type;
  readonly needs?: { readonly store?: boolean };
  /** Tokens that a method takes although they are made out to another audience. */
  readonly methodAudiences?: Readonly<Record<string, string>>;
  /** Where keys and epochs come from, when not from identity over the bus. */
  readonly trust?: (parts: {
    readonly store: Store;
    readonly bus: Bus;
    readonly config: z.infer<S> & BaseEnv;
  }) => TrustSource | Promise<TrustSource>;
  /** Readiness of what only this service depends on. */
  readonly checks?: (app: INestMicroservice) => Readonly<Record<string, Check>>;
}

/** A running service. */
export interface Service {
  readonly app: INestMicroservice;
  readonly health: string;
  stop(): Promise<void>;
}

/** Milliseconds a shutdown may take before the process ends anyway. */
const shutdownMs = 4_000;

/** Starts a service from an environment; resolves when it takes calls. */
export async function startService<S extends z.ZodType>(
  definition: ServiceDefinition<S>,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Service> {
  const base = parseEnv(baseEnv, env);
  const config = { ...base, ...(parseEnv(definition.env, env) as object) } as z.infer<S> & BaseEnv;
  const log = new Log(definition.name, base.SALLY_LOG_LEVEL);
  const telemetry = await startTelemetry(definition.name, base.OTEL_EXPORTER_OTLP_ENDPOINT);
  const bus = await Bus.connect({
    url: base.SALLY_NATS_URL,
    caller: definition.name,
    seed: readSecretFile(base.SALLY_NATS_SEED_FILE),
  });
  const store = openStore(definition, base);
  const trust = await trustOf(definition, bus, store, config, log);
  const audit = new AuditClient(bus, systemClock);
  const relay = store === undefined ? undefined : new OutboxRelay(store, bus, audit, log);
  const platform: Platform = {
    config,
    bus,
    clock: systemClock,
    log,
    verifier: trust.verifier,
    audit,
    ...(store === undefined ? {} : { store }),
    ...(relay === undefined ? {} : { relay }),
  };
  const refusals = new GateRefusals(definition.name, audit, systemClock, log);
  const app = await startNest(definition.module, platform, (record) => refusals.see(record));
  relay?.start();
  const checks: Record<string, Check> = {
    nats: () => assertConnected(bus),
    ...(store === undefined ? {} : { postgres: () => store.ping() }),
    ...definition.checks?.(app),
  };
  const health = await serveHealth(base.SALLY_HEALTH, checks);
  log.info({ health: health.address }, 'ready');
  return { app, health: health.address, stop: stopper({ app, health, relay, trust, bus, store, telemetry }) };
}

/** Starts a service as this process: signals and a lost parent end it, a failure to start is said and exits 1. */
export async function runService<S extends z.ZodType>(
  definition: ServiceDefinition<S>,
  env: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  const log = new Log(definition.name);
  const fail = (error: unknown): void => {
    log.error({ error }, 'the service ends on a failure it did not expect');
    process.exit(1);
  };
  process.on('uncaughtException', fail);
  process.on('unhandledRejection', fail);
  try {
    const service = await startService(definition, env);
    const end = (): void => {
      setTimeout(() => process.exit(1), shutdownMs).unref();
      void service.stop().then(() => process.exit(0), fail);
    };
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, end);
    // A launcher that was killed takes its children along.
    process.once('disconnect', end);
    process.send?.({ ready: service.health });
  } catch (error) {
    fail(error);
  }
}

/** Hosts a module on ready-made parts; tests use it too. */
export async function startNest(
  module: Type,
  platform: Platform,
  onCall: (record: CallRecord) => void = () => undefined,
): Promise<INestMicroservice> {
  class RootModule {}
  const root = { module: RootModule, imports: [platformModule(platform), module] };
  const strategy = new BusServer({
    bus: platform.bus,
    gate: platform.verifier,
    clock: platform.clock,
    onCall: (record) => {
      logCall(platform.log, record);
      onCall(record);
    },
  });
  const app = await NestFactory.createMicroservice(root as unknown as Type, {
    strategy,
    logger: nestLogger(platform.log),
    abortOnError: false,
  });
  app.useGlobalFilters(passThroughFilter);
  await app.listen();
  return app;
}

function logCall(log: Log, { method, caller, trace, tookMs, fault }: CallRecord): void {
  if (fault === undefined) log.debug({ method, caller, trace, tookMs }, 'call');
  else if (fault.code === 'internal') log.error({ method, caller, trace, error: fault }, 'call failed');
  else log.info({ method, caller, trace, tookMs, code: fault.code, reason: fault.reason }, 'call refused');
}

function openStore(definition: ServiceDefinition<z.ZodType>, base: BaseEnv): Store | undefined {
  if (definition.needs?.store !== true) return undefined;
  const { SALLY_DATABASE_URL } = parseEnv(baseEnv.required({ SALLY_DATABASE_URL: true }), { ...base });
  return Store.open({ url: SALLY_DATABASE_URL ?? '', schema: definition.name });
}

async function trustOf<S extends z.ZodType>(
  definition: ServiceDefinition<S>,
  bus: Bus,
  store: Store | undefined,
  config: z.infer<S> & BaseEnv,
  log: Log,
): Promise<Trust> {
  const source =
    definition.trust === undefined || store === undefined
      ? busTrustSource(bus)
      : await definition.trust({ store, bus, config });
  return startTrust({
    audience: definition.name,
    fetchKeys: () => source.fetchKeys(),
    fetchEpochs: (after) => source.fetchEpochs(after),
    onEpochPush: (listener) => onEpochPush(bus, listener),
    clock: systemClock,
    onFailure: (what, error) => log.debug({ what, error }, 'verification data could not be refreshed'),
    ...(definition.methodAudiences === undefined ? {} : { methodAudiences: definition.methodAudiences }),
  });
}

function assertConnected(bus: Bus): void {
  if (!bus.connected || bus.nats.isClosed()) throw new Error('disconnected');
}

interface Running {
  readonly app: INestMicroservice;
  readonly health: Health;
  readonly relay: OutboxRelay | undefined;
  readonly trust: Trust;
  readonly bus: Bus;
  readonly store: Store | undefined;
  readonly telemetry: () => Promise<void>;
}

function stopper(running: Running): () => Promise<void> {
  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    await running.health.close();
    await running.app.close();
    await running.relay?.stop();
    running.trust.stop();
    await running.bus.close();
    await running.store?.close();
    await running.telemetry();
  };
  return () => {
    stopping ??= stop();
    return stopping;
  };
}
