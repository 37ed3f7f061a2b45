import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { freePort } from '@sallyport/bus/free-port';
import { encodeAnswer, parseQuery } from '../src/net/dns-message.ts';
import { serveDnsOverTcp, serveDnsOverUdp } from '../src/net/dns-server.ts';
import { Listeners } from '../src/net/listeners.ts';
import { Names } from '../src/net/names.ts';
import { Resolver } from '../src/net/resolver.ts';
import { openTunnel } from '../src/tether/tunnel.ts';
import { TetherServer } from './tether-server.ts';

let runtime: TetherServer;
let listeners: Listeners;
let names: Names;
let port: number;

beforeEach(async () => {
  runtime = await TetherServer.start();
  names = new Names();
  const resolver = new Resolver(() => Promise.resolve({ addresses: [], ttl: 0 }), names);
  listeners = new Listeners((host, to) => openTunnel(runtime.path, host, to), names, resolver);
  port = await freePort();
  expect(await listeners.listen([port])).toEqual([]);
});

afterEach(async () => {
  for (const socket of dialled.splice(0)) socket.destroy();
  listeners.close();
  await runtime.close();
});

const dialled: Socket[] = [];

function dial(host: string): Socket {
  const socket = connect({ host, port, allowHalfOpen: true });
  dialled.push(socket);
  return socket;
}

const drain = async (socket: Socket): Promise<string> => {
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  return text;
};

describe('a connection of the sandbox', () => {
  test.each([
    ['127.8.9.10', '127.8.9.10'],
    ['::1', '[::1]'],
  ])('to %s leaves as a tunnel to that destination', async (host, target) => {
    runtime.onConnect = ({ socket }) => socket.end('HTTP/1.1 200 OK\r\n\r\nhello');
    expect(await drain(dial(host))).toBe('hello');
    expect(runtime.targets).toEqual([`${target}:${port}`]);
  });

  test('keeps each half open on its own', async () => {
    runtime.onConnect = ({ socket }) => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      let heard = '';
      socket.on('data', (chunk) => {
        heard += String(chunk);
      });
      socket.on('end', () => socket.end(`heard ${heard}`));
    };
    const socket = dial('127.0.0.1');
    socket.end('question');
    expect(await drain(socket)).toBe('heard question');
  });

  test('gets the refusal of its tunnel when it speaks HTTP', async () => {
    runtime.onConnect = ({ socket }) =>
      socket.end('HTTP/1.1 403 Refused\r\nSally-Deny-Reason: run_not_active\r\nConnection: close\r\n\r\n');
    const socket = dial('127.0.0.1');
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(await drain(socket)).toContain('Sally-Deny-Reason: run_not_active');
  });

  test('is reset when its tunnel is refused and it speaks something else', async () => {
    runtime.onConnect = ({ socket }) => socket.end('HTTP/1.1 403 Refused\r\nConnection: close\r\n\r\n');
    const socket = dial('127.0.0.1');
    socket.write(Buffer.from([22, 3, 1]));
    await expect(drain(socket)).rejects.toMatchObject({ code: 'ECONNRESET' });
  });

  test('ends when the other end breaks off', async () => {
    runtime.onConnect = ({ socket }) => {
      socket.write('HTTP/1.1 200 OK\r\n\r\nhalf');
      setImmediate(() => socket.destroy());
    };
    const socket = dial('127.0.0.1');
    expect(await drain(socket)).toBe('half');
  });

  test('to a port that is taken is reported and hurts no other', async () => {
    expect(await listeners.listen([port])).toEqual([{ port, code: 'EADDRINUSE' }]);
  });
});

/** A query as a stub resolver sends it. */
function aQuery(name: string, type: number, over: { flags?: number; count?: number } = {}): Buffer {
  const labels = name
    .split('.')
    .map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label, 'latin1')]));
  const question = Buffer.concat([...labels, Buffer.from([0, 0, type, 0, 1])]);
  const header = Buffer.from([0xab, 0xcd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  header.writeUInt16BE(over.flags ?? 0x0100, 2);
  header.writeUInt16BE(over.count ?? 1, 4);
  return Buffer.concat([header, question]);
}

const asked: string[] = [];

function aResolver(): Resolver {
  asked.length = 0;
  return new Resolver((name, type) => {
    asked.push(`${name} ${type}`);
    if (name === 'broken.example') return Promise.reject(new Error('away'));
    const known = name.startsWith('known') && type === 'A';
    return Promise.resolve({ addresses: known ? ['198.18.7.7'] : [], ttl: 60 });
  }, new Names());
}

const code = (answer: Buffer | undefined): number => (answer?.readUInt16BE(2) ?? 0) & 0xf;

describe('the name service', () => {
  test.each([
    ['known.example', 1, 0, 1, ['known.example A']],
    ['KNOWN.example', 1, 0, 1, ['known.example A']],
    ['known.example', 28, 0, 0, ['known.example AAAA']],
    ['unknown.example', 1, 3, 0, ['unknown.example A']],
    ['known.example', 16, 0, 0, []],
    ['localhost', 1, 0, 1, []],
    ['bad name.example', 1, 3, 0, []],
    ['broken.example', 1, 2, 0, ['broken.example A']],
  ])('answers %s type %d with code %d and %d records', async (name, type, rcode, records, questions) => {
    const answer = await aResolver().answer(aQuery(name, type));
    expect([code(answer), answer?.readUInt16BE(6)]).toEqual([rcode, records]);
    expect(answer?.readUInt16BE(0)).toBe(0xabcd);
    expect(asked).toEqual(questions);
  });

  test('gives two names that would share an address one each', async () => {
    const resolver = aResolver();
    const last = async (name: string) => (await resolver.answer(aQuery(name, 1)))?.subarray(-4).join('.');
    expect(await last('known-a.example')).toBe('198.18.7.7');
    expect(await last('known-b.example')).toBe('198.18.7.8');
    expect(await last('known-a.example')).toBe('198.18.7.7');
  });

  test.each([
    ['a response', aQuery('known.example', 1, { flags: 0x8180 })],
    ['a stub of a packet', Buffer.from([1, 2, 3])],
  ])('drops %s', async (_name, packet) => {
    expect(await aResolver().answer(packet)).toBeUndefined();
  });

  test.each([
    ['another opcode', aQuery('known.example', 1, { flags: 0x2900 }), 4],
    ['two questions', aQuery('known.example', 1, { count: 2 }), 1],
    [
      'a pointer in the name',
      Buffer.concat([aQuery('a', 1).subarray(0, 12), Buffer.from([0xc0, 0x0c, 0, 1, 0, 1])]),
      1,
    ],
    ['a cut question', aQuery('known.example', 1).subarray(0, 20), 1],
  ])('says what is wrong with %s', async (_name, packet, rcode) => {
    expect(code(await aResolver().answer(packet))).toBe(rcode);
    expect(asked).toEqual([]);
  });

  test('survives noise', async () => {
    const resolver = aResolver();
    for (let round = 0; round < 3000; round += 1) {
      const noise = Buffer.from(
        Array.from({ length: round % 80 }, (_, at) => (at * 31 + round * 17 + (round % 7) * at) & 255),
      );
      await expect(resolver.answer(noise)).resolves.not.toThrow();
      const parsed = parseQuery(noise);
      if (parsed.kind === 'question')
        expect(encodeAnswer(noise, parsed.end, 'ok', ['1.2.3.4', '::1', 'x'], 1).length).toBeGreaterThan(12);
    }
  });

  test('is served over UDP and, framed and in pieces, over TCP', async () => {
    const udpPort = await freePort();
    const server: UdpSocket = await serveDnsOverUdp(aResolver(), udpPort);
    const client = createSocket('udp4');
    client.send(Buffer.from([0]), udpPort, '127.0.0.1');
    client.send(aQuery('known.example', 1), udpPort, '127.0.0.1');
    const [datagram] = (await once(client, 'message')) as [Buffer];
    expect(datagram.subarray(-4).join('.')).toBe('198.18.7.7');
    client.close();
    server.close();

    const tcp: Server = createServer(
      { allowHalfOpen: true, pauseOnConnect: true },
      (socket) => void serveDnsOverTcp(aResolver(), socket),
    ).listen(0);
    await once(tcp, 'listening');
    const socket = connect({ port: (tcp.address() as AddressInfo).port, allowHalfOpen: true });
    const query = aQuery('known.example', 1);
    const framed = Buffer.concat([Buffer.from([0, query.length]), query]);
    socket.write(framed.subarray(0, 5));
    socket.end(Buffer.concat([framed.subarray(5), framed]));
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    const answers = Buffer.concat(chunks);
    expect(answers.readUInt16BE(0) * 2 + 4).toBe(answers.length);
    tcp.close();
  });
});
