import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { machineOf } from '../src/backends/process/rootfs.ts';
import { syscallNumbers } from '../src/backends/process/syscalls.ts';
import { isRoot, TestGround } from './backend.builder.ts';

/** Where the two substrates differ in what is seen inside, neither weaker for it. */
const seenInside = {
  process: {
    uid: (): number => 1000,
    map: (uid: number): RegExp => new RegExp(`^\\s*1000\\s+${uid}\\s+1$`, 'm'),
    reaperFiles: ['/dev/null', 'socket:', 'anon_inode:'],
    log: /\/sandbox\/log$/,
    // No folder of the host at all.
    absent: '/root /home /sys /var/lib /etc/shadow /etc/ssh /boot /mnt',
    sharedNamespaces: [],
    writeDenied: /Read-only file system/,
  },
  docker: {
    uid: (uid: number): number => uid,
    map: (): RegExp => /^\s*0\s+0\s+4294967295$/m,
    reaperFiles: ['/dev/null', '/run/sallyport/log', '/run/sallyport/init'],
    log: /^\/run\/sallyport\/log$/,
    // The image has such folders of its own, and none says anything of the host.
    absent: '/sys/* /root/* /home/*',
    sharedNamespaces: ['user'],
    writeDenied: /Read-only file system|Permission denied/,
  },
} as const;

export function isolationSuite(open: () => Promise<TestGround>): void {
  const inside = '/opt/sallyport/node';

  let ground: TestGround;

  beforeAll(async () => {
    ground = await open();
  });
  afterAll(() => ground.close());

  /** Calls by number from Perl, which every Debian has: a program no filter was written for. */
  async function errnoOf(calls: Readonly<Record<string, readonly [string | number, ...number[]]>>): Promise<object> {
    const machine = machineOf(process.arch);
    if (machine === undefined) throw new Error('no filter for this machine');
    const numbers = syscallNumbers(machine);
    const lines = Object.entries(calls).map(([name, [call, ...args]]) => {
      const number = typeof call === 'number' ? call : numbers.get(call);
      return `$! = 0; $r = syscall(${[number, ...args].join(',')}); printf "${name} %d\\n", $r == -1 ? $!+0 : 0;`;
    });
    const { log, exit } = await ground.run('', { argv: ['/usr/bin/perl', '-e', lines.join('\n')] });
    expect(exit).toMatchObject({ state: 'exited', code: 0 });
    return Object.fromEntries(
      log
        .trim()
        .split('\n')
        .map((line) => [line.split(' ')[0], Number(line.split(' ')[1])]),
    );
  }

  const EPERM = 1;
  const ENOSYS = 38;
  const ENOTTY = 25;
  const EPROTONOSUPPORT = 93;
  const EAFNOSUPPORT = 97;

  describe('what a program has inside', () => {
    test('no capability, no new privileges, a filter, an unprivileged uid on both sides', async () => {
      const handle = await ground.start(
        'cat /proc/self/uid_map; grep -E "^(Cap|NoNewPrivs|Seccomp|Uid|Groups)" /proc/self/status; echo told; sleep 1000',
      );
      const evidence = await ground.backend.evidence(handle);
      await ground.said(handle, 'told');
      await ground.backend.kill(handle);
      const { log } = await ground.finish(handle);
      for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
        expect(log).toContain(`${set}:\t0000000000000000`);
      expect(log).toContain('NoNewPrivs:\t1');
      expect(log).toContain('Seccomp:\t2');
      const { uid, map } = seenInside[ground.substrate.kind];
      expect(log).toMatch(new RegExp(`^Uid:(?:\\t${uid(handle.uid)}){4}$`, 'm'));
      expect(log).toMatch(map(handle.uid));
      expect(Number(evidence.uid)).toBe(handle.uid);
      if (isRoot) expect(handle.uid).toBeGreaterThan(65_535);
    });

    test('nothing to gain from the process above it: the reaper has the same filter and as little', async () => {
      const { log } = await ground.run(
        'grep -E "^(CapPrm|CapEff|CapAmb|NoNewPrivs|Seccomp)" /proc/1/status; ls -l /proc/1/fd',
      );
      for (const set of ['CapPrm', 'CapEff', 'CapAmb']) expect(log).toContain(`${set}:\t0000000000000000`);
      expect(log).toContain('NoNewPrivs:\t1');
      expect(log).toContain('Seccomp:\t2');
      const open = [...log.matchAll(/ -> (\S+)$/gm)].map(([, to]) => to?.replace(/\[.*/, ''));
      expect(new Set(open)).toEqual(new Set(seenInside[ground.substrate.kind].reaperFiles));
    });

    test('three descriptors and the environment it was given', async () => {
      const { log } = await ground.run('ls -l /proc/$$/fd; env | sort');
      const open = [...log.matchAll(/ (\d+) -> (\S+)$/gm)].map(([, number, to]) => [number, to]);
      expect(open.filter(([, to]) => to !== '/dev/null')).toEqual([
        ['1', expect.stringMatching(seenInside[ground.substrate.kind].log)],
        ['2', expect.stringMatching(seenInside[ground.substrate.kind].log)],
      ]);
      expect(log.match(/^[A-Z_]+=/gm)).toEqual(['HOME=', 'LC_ALL=', 'PATH=', 'PWD=']);
    });

    test('nothing of the host but its programs', async () => {
      const { log } = await ground.run(
        `for p in /var/run/docker.sock /run/docker.sock /run/containerd /var/lib/docker ${seenInside[ground.substrate.kind].absent}; do
          [ -e "$p" ] && echo "there $p"; done; cat /etc/resolv.conf /etc/hosts /etc/hostname; true`,
      );
      expect(log).toBe(
        'nameserver 127.0.0.1\noptions timeout:2 attempts:2\n127.0.0.1 localhost sallyport\n::1 localhost\nsallyport\n',
      );
    });

    test.each([
      ['the root', 'touch /x'],
      ['programs', 'touch /usr/x'],
      ['its /etc', 'touch /etc/x'],
      ['devices', 'touch /dev/x'],
      ['the tether folder', 'touch /run/sally/x'],
      ['the workspace folder', 'touch /workspace/x'],
    ])('may not write to %s', async (_, script) => {
      const { exit, log } = await ground.run(script);
      expect(exit).toMatchObject({ code: 1 });
      expect(log).toMatch(seenInside[ground.substrate.kind].writeDenied);
    });

    test.each([
      ['a kernel setting', 'echo x > /proc/sys/kernel/hostname'],
      ['a network setting', 'echo 1024 > /proc/sys/net/ipv4/ip_unprivileged_port_start'],
      ['the magic key', 'echo b > /proc/sysrq-trigger'],
      ['a device node', 'mknod /tmp/d b 8 0'],
      ['a mount', 'mount -t tmpfs none /tmp'],
      ['a user namespace', 'unshare -Ur true'],
      ['a network namespace', 'unshare -n true'],
      ['another root', 'chroot / true'],
      ['an address', 'ip addr add 10.0.0.1/8 dev lo'],
      ['root through a set-uid program', 'su -c true || sudo -n true'],
    ])('may not make or set %s', async (_, script) => {
      const { exit } = await ground.run(script);
      expect(exit).toMatchObject({ state: 'exited', code: expect.any(Number) });
      expect(exit).not.toMatchObject({ code: 0 });
    });

    test('a read-only mount refuses a write, a writable one takes it', async () => {
      const id = ground.nextId();
      const company = await ground.aMount(id, 'company', 'ro');
      const demo = await ground.aMount(id, 'demo');
      writeFileSync(join(company.source, 'a'), 'plan');
      const { exit, log } = await ground.run(
        'cat /workspace/company/a; echo x > /workspace/demo/b; echo x > /workspace/company/a',
        {
          id,
          mounts: [company, demo],
        },
      );
      expect(exit).toMatchObject({ code: 2 });
      expect(log).toMatch(/^plan.*Read-only file system/s);
      expect(readFileSync(join(company.source, 'a'), 'utf8')).toBe('plan');
      expect(readdirSync(demo.source)).toEqual(['b']);
    });

    test('shows the program no argument of the platform', async () => {
      const { log } = await ground.run('tr "\\0" " " < /proc/1/cmdline; ps axww 2>/dev/null; cat /proc/self/cgroup');
      expect(log).not.toContain(ground.label);
      expect(log).not.toContain(ground.directory);
    });
  });

  /** An engine's profile knows one word for no. */
  const refusedSockets = {
    process: {
      packet: EAFNOSUPPORT,
      vsock: EAFNOSUPPORT,
      alg: EAFNOSUPPORT,
      ping: EPROTONOSUPPORT,
      mptcp: EPROTONOSUPPORT,
    },
    docker: { packet: EPERM, vsock: EPERM, alg: EPERM, ping: EPERM, mptcp: EPERM },
  };

  describe('system calls', () => {
    test('of another machine are refused, or end who makes them', async () => {
      const script = '$r = syscall(0x40000000 + 39); printf "%d %d\\n", $r, $!+0;';
      const { log, exit } = await ground.run('', { argv: ['/usr/bin/perl', '-e', script] });
      if (ground.substrate.kind === 'process') expect(log).toBe(`-1 ${ENOSYS}\n`);
      else expect(exit).toMatchObject({ code: 128 + 31 });
    });

    test('answers what the table says to calls from a foreign program', async () => {
      expect(
        await errnoOf({
          unshare: ['unshare', 0x10000000],
          setns: ['setns', 0, 0],
          mount: ['mount', 0, 0, 0, 0, 0],
          bpf: ['bpf', 0, 0, 0],
          keyctl: ['keyctl', 0, 0],
          ptrace: ['ptrace', 0, 0, 0, 0],
          perf: ['perf_event_open', 0, 0, 0, 0, 0],
          uring: ['io_uring_setup', 1, 0],
          userfault: ['userfaultfd', 0],
          byhandle: ['open_by_handle_at', 0, 0, 0],
          vmread: ['process_vm_readv', 1, 0, 0, 0, 0, 0],
          kexec: ['kexec_load', 0, 0, 0, 0],
          reboot: ['reboot', 0, 0, 0],
          clonens: ['clone', 0x10000000, 0, 0, 0, 0],
          clone3: ['clone3', 0, 0],
          unknown: [4000],
          packet: ['socket', 17, 3, 0],
          vsock: ['socket', 40, 1, 0],
          alg: ['socket', 38, 5, 0],
          raw4: ['socket', 2, 3, 1],
          raw6: ['socket', 10, 3, 58],
          ping: ['socket', 2, 2, 1],
          mptcp: ['socket', 2, 1, 262],
          uevent: ['socket', 16, 3, 15],
          netlink: ['socket', 16, 3, 0],
          unix: ['socket', 1, 1, 0],
          tcp: ['socket', 2, 1, 6],
          udp6: ['socket', 10, 2, 17],
          sti: ['ioctl', 0, 0x5412, 0],
          // The kernel drops the upper half; a filter that compares it is walked around.
          stihigh: ['ioctl', 0, 2 ** 32 + 0x5412, 0],
          rawhigh: ['socket', 2 ** 32 + 2, 2 ** 32 + 3, 1],
          clonehigh: ['clone', 2 ** 32 + 0x10000000, 0, 0, 0, 0],
          ioctl: ['ioctl', 0, 0x541b, 0],
          personality: ['personality', 0x0004000],
          getpid: ['getppid'],
        }),
      ).toEqual({
        ...Object.fromEntries(
          'unshare setns mount bpf keyctl ptrace perf uring userfault byhandle vmread kexec reboot clonens raw4 raw6 uevent sti stihigh rawhigh clonehigh personality'
            .split(' ')
            .map((name) => [name, EPERM]),
        ),
        clone3: ENOSYS,
        unknown: ENOSYS,
        ...refusedSockets[ground.substrate.kind],
        ioctl: ENOTTY,
        netlink: 0,
        unix: 0,
        tcp: 0,
        udp6: 0,
        getpid: 0,
      });
    });
  });

  describe('the network', () => {
    test('is a loopback and nothing else, in a namespace of its own', async () => {
      const handle = await ground.start('tail -n +3 /proc/net/dev | cut -d: -f1; sleep 1000');
      const { namespaces } = await ground.backend.evidence(handle);
      await ground.said(handle, 'lo');
      await ground.backend.kill(handle);
      const { log } = await ground.finish(handle);
      expect(log.trim()).toBe('lo');
      const own = Object.entries(namespaces).filter(([kind, inode]) => hostNamespace(kind) === Number(inode));
      expect(own.map(([kind]) => kind)).toEqual(seenInside[ground.substrate.kind].sharedNamespaces);
    });

    test('lets nothing out: TCP, UDP and metadata addresses end inside, and a canary outside counts nothing', async () => {
      let seen = 0;
      const tcp = createServer((socket) => {
        seen += 1;
        socket.destroy();
      }).listen(0, '0.0.0.0');
      const udp = createSocket('udp4', () => {
        seen += 1;
      }).bind(0, '0.0.0.0');
      await Promise.all([once(tcp, 'listening'), once(udp, 'listening')]);
      const address = tcp.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      const targets = [
        '127.0.0.1',
        '169.254.169.254',
        '169.254.170.2',
        '192.0.2.7',
        '::1',
        'fd00:ec2::254',
        '2001:db8::7',
      ];
      for (const entry of Object.values(networkInterfaces()).flat())
        if (entry && !entry.address.startsWith('fe80:')) targets.push(entry.address);
      const program = `
      const net = require('node:net'), dgram = require('node:dgram');
      const tcp = (host) => new Promise((done) => net.connect(${port}, host).on('error', (e) => done(e.code)).on('connect', () => done('connected')));
      const udp = (host) => new Promise((done) => { const s = dgram.createSocket(host.includes(':') ? 'udp6' : 'udp4'); s.on('error', () => {}); s.send('x', ${udp.address().port}, host, () => { s.close(); done(); }); });
      (async () => { for (const host of ${JSON.stringify(targets)}) { await udp(host); console.log(host, await tcp(host)); } })();`;
      const { log } = await ground.run('', { argv: [inside, '-e', program] });
      tcp.close();
      udp.close();
      expect(log.trim().split('\n')).toEqual(targets.map((host) => `${host} ECONNREFUSED`));
      expect(seen).toBe(0);
    });

    test('lets the supervisor listen on every port there is', async () => {
      const program = `
      const { createServer } = require('node:net'), { createSocket } = require('node:dgram');
      const ports = [22, 80, 443, 8080];
      let open = 0;
      const opened = () => { open += 1; if (open === ports.length + 1) { console.log('all'); process.exit(); } };
      for (const port of ports) createServer().listen(port, '::', opened);
      createSocket('udp4').bind(53, '127.0.0.1', opened);`;
      expect((await ground.run('', { argv: [inside, '-e', program] })).log).toBe('all\n');
    });

    test('brings any address to a listener inside, which sees where it was meant to go', async () => {
      const program = `
      const net = require('node:net');
      const server = net.createServer((s) => { console.log(s.localAddress, s.localPort); s.destroy(); }).listen(8080, '::', async () => {
        for (const host of ['93.184.216.34', '2001:db8::1']) await new Promise((done) => net.connect(8080, host).on('close', done).resume());
        server.close();
      });`;
      const { log } = await ground.run('', { argv: [inside, '-e', program] });
      expect(log).toContain('::ffff:93.184.216.34 8080');
      expect(log).toContain('2001:db8::1 8080');
    });
  });

  const hostNamespace = (kind: string): number => {
    const path = `/proc/self/ns/${kind}`;
    return existsSync(path) ? Number(/\[(\d+)\]/.exec(readlinkSync(path))?.[1]) : -1;
  };
}
