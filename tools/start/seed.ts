/** What a new installation starts with: org, environment, a person, an API key, two workspaces, three roles. Made once. */

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { busClient } from '@sallyport/bus/client';
import { Bus } from '@sallyport/bus/connection';
import { IdentityService, PrincipalKind } from '@sallyport/contracts/identity/v1/identity';
import { Rest } from './rest.ts';
import { companyFiles, demoFiles, type SeededRole, scriptedProvider, seededRoles } from './seed-content.ts';
import type { Stack } from './stack.ts';

export const org = 'acme';
export const environment = 'main';

/** Seeds what is missing and answers a client that may do everything in the environment. */
export async function seed(stack: Stack, profile: string): Promise<Rest> {
  const token = existsSync(stack.layout.token) ? readFileSync(stack.layout.token, 'utf8').trim() : await makeKey(stack);
  const rest = new Rest(stack.url, token);
  await ensureWorkspace(rest, 'company', companyFiles);
  await ensureWorkspace(rest, 'demo', demoFiles);
  for (const role of seededRoles(stack.modelUrl, profile)) await ensureRole(rest, role);
  writeFileSync(
    stack.layout.cliConfig,
    JSON.stringify({ url: stack.url, tokenFile: stack.layout.token, runners: stack.layout.runners }),
    {
      mode: 0o600,
    },
  );
  return rest;
}

async function makeKey(stack: Stack): Promise<string> {
  const bus = await Bus.connect({ url: stack.natsUrl, caller: 'operator', seed: stack.secrets.seeds.operator });
  try {
    const identity = busClient(bus, 'identity', IdentityService);
    await identity.ensureOrg({ org, environments: [environment] });
    const { principal } = await identity.ensurePrincipal({
      org,
      kind: PrincipalKind.USER,
      name: 'Local Admin',
      email: 'admin@localhost',
    });
    const { secret } = await identity.createApiKey({
      org,
      environment,
      principal: principal?.id ?? '',
      name: 'first key',
      scopes: ['*'],
    });
    writeFileSync(stack.layout.token, secret, { mode: 0o600 });
    return secret;
  } finally {
    await bus.close();
  }
}

async function ensureWorkspace(rest: Rest, name: string, files: Readonly<Record<string, string>>): Promise<void> {
  if (await rest.exists(`/v1/workspaces/${name}`)) return;
  await rest.post('/v1/workspaces', { name, files });
}

/** What a person made of a role stays. Only where the scripted model answers, and what this machine can limit, are brought up to date. */
async function ensureRole(rest: Rest, seeded: SeededRole): Promise<void> {
  const path = `/v1/roles/${seeded.name}`;
  if (!(await rest.exists(path))) {
    await rest.put(path, seeded);
    return;
  }
  const kept = await rest.get<SeededRole>(path);
  const { base_url } = seeded.provider;
  const isCurrent = kept.provider.base_url === base_url && kept.profile === seeded.profile;
  if (kept.provider.name !== scriptedProvider || isCurrent) return;
  await rest.put(path, { ...kept, profile: seeded.profile, provider: { ...kept.provider, base_url } });
}
