import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { connect } from 'node:tls';
import { describe, expect, test } from '@jest/globals';
import { isWhole, serverName } from './tls-hello.ts';

/** The first bytes of a real client. */
async function aHello(servername: string): Promise<Buffer> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = connect({ port, host: '127.0.0.1', ...(servername !== '' && { servername }) });
  client.on('error', () => undefined);
  const [socket] = (await once(server, 'connection')) as [Socket];
  const [bytes] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  client.destroy();
  server.close();
  return bytes;
}

describe('the server name', () => {
  test('of a real client is read', async () => {
    const hello = await aHello('exfil.example.com');
    expect(isWhole(hello)).toBe(true);
    expect(serverName(hello)).toBe('exfil.example.com');
  });

  test('is absent when the client sends none', async () => {
    expect(serverName(await aHello(''))).toBeUndefined();
  });

  test('is absent from every truncation that loses it, and nothing throws', async () => {
    const hello = await aHello('exfil.example.com');
    const end = hello.indexOf('exfil.example.com') + 'exfil.example.com'.length;
    for (let length = 0; length < end; length += 1) expect(serverName(hello.subarray(0, length))).toBeUndefined();
  });

  test('never throws on noise', () => {
    for (let round = 0; round < 2000; round += 1) {
      const noise = randomBytes(round % 300);
      if (noise.length > 6) noise.set([22, 3, 1, 0, noise.length - 5, 1]);
      expect(() => serverName(noise)).not.toThrow();
    }
  });
});
