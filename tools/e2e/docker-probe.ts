/** What an agent in a container finds of its walls: a script for it, which prints one line of JSON. */
export const dockerProbe = `
import net from 'node:net'; import http from 'node:http'; import { execFileSync } from 'node:child_process';
const sh = (c) => { try { return execFileSync('sh', ['-c', c], { stdio: ['ignore', 'pipe', 'pipe'] }).toString().trim(); } catch (e) { return 'failed: ' + (e.stderr?.toString().trim().split('\\n').pop() ?? ''); } };
const tcp = (host, port) => new Promise((resolve) => { let text = ''; const s = net.connect({ host, port, timeout: 120000 }); s.on('connect', () => s.write('GET / HTTP/1.1\\r\\nhost: ' + (host.includes(':') ? '[' + host + ']' : host) + '\\r\\nconnection: close\\r\\n\\r\\n')); s.on('data', (d) => { text += d; }); s.on('close', () => resolve(text.split('\\r\\n')[0])); s.on('timeout', () => { s.destroy(); resolve('hang'); }); s.on('error', (e) => resolve(e.code)); });
const out = {};
for (const host of ['169.254.169.254', '172.17.0.1', '1.1.1.1', 'fd00:ec2::254']) out['http ' + host] = await tcp(host, 80);
out.name = await new Promise((resolve) => http.get('http://exfil.example.com/secret', (r) => { let b = ''; r.on('data', (d) => b += d); r.on('end', () => resolve(r.statusCode + ' ' + b)); }).on('error', (e) => resolve(e.code)));
out.model = await new Promise((resolve) => http.request('http://model.sallyport.internal/v1/messages', { method: 'HEAD' }, (r) => resolve(r.statusCode)).on('error', (e) => resolve(e.code)).end());
out.links = sh('tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d " "');
out.caps = sh('grep -E "^Cap(Inh|Prm|Eff|Bnd|Amb)" /proc/self/status | cut -f2 | sort -u');
out.nnp = sh('grep NoNewPrivs /proc/self/status | cut -f2');
out.seccomp = sh('grep "^Seccomp:" /proc/self/status | cut -f2');
out.uid = sh('id -u'); out.gid = sh('id -G');
out.setuid = sh('find / -xdev -perm /6000 -type f 2>/dev/null | wc -l');
for (const path of ['/x', '/etc/x', '/usr/x', '/opt/runners/x', '/run/sally/x', '/run/sallyport/x', '/sys/x', '/proc/sys/kernel/hostname']) out['write ' + path] = sh('echo x > ' + path);
out.sys = sh('ls /sys | wc -l'); out.kcore = sh('head -c 1 /proc/kcore | wc -c');
out.tmp = sh('stat -f -c "%b %S" /tmp'); out.shm = sh('stat -f -c "%b %S" /dev/shm');
out.files = sh('ulimit -Hn'); out.core = sh('ulimit -Hc');
out.mount = sh('mount -t tmpfs none /mnt'); out.userns = sh('unshare -Ur true'); out.route = sh('ip route del local default dev lo');
out.devices = sh('find /dev -type b | wc -l'); out.sockets = sh('find / -xdev -name "docker.sock" -o -xdev -name "containerd.sock" 2>/dev/null | wc -l');
out.processes = sh('ls /proc | grep -c "^[0-9]"'); out.env = Object.keys(process.env).sort();
console.log('PROBE ' + JSON.stringify(out)); process.exit(0);
`;
