import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import { canListen, freePort } from '../src/free-port.ts';

const [outgoing = 0] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split('\t').map(Number);

describe('a free port', () => {
  test('can be listened on, with those after it, and is none of an outgoing connection', async () => {
    const port = await freePort(3);
    const servers = [port, port + 1, port + 2].map((each) => createServer().listen(each, '127.0.0.1'));
    await Promise.all(servers.map((server) => once(server, 'listening')));
    expect(port + 2).toBeLessThan(outgoing);
    expect(await canListen(port)).toBe(false);
    for (const server of servers) server.close();
  });

  test('is not the port that stands for none', async () => {
    expect(await canListen(0)).toBe(false);
  });
});
