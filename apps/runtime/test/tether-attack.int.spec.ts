import { randomBytes } from 'node:crypto';
import { chmodSync, closeSync, mkdirSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { maxBodyBytes, maxConnections, type TetherCall, TetherServer } from '../src/tether/tether-server.ts';

const prefix = '/runner.v1.TetherService/';

let directory: string;
let server: TetherServer;
let malformed: string[];
let tunnels: string[];
let calls: number;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sally-tether-'));
  chmodSync(directory, 0o700);
  malformed = [];
  tunnels = [];
  const echo: TetherCall = async (body) => body;
  calls = 0;
  const forever: TetherCall = () => {
    calls += 1;
    return new Promise(() => undefined);
  };
  server = new TetherServer({
    directory,
    uid: process.getuid?.() ?? 0,
    calls: { Emit: echo, AwaitControl: forever },
    tunnel: (target, socket) => {
      tunnels.push(target);
      socket.end('HTTP/1.1 200 OK\r\n\r\n');
    },
    onMalformed: (what) => malformed.push(what),
  });
  await server.listen();
});

afterEach(async () => {
  await server.close();
  rmSync(directory, { recursive: true, force: true });
});

function dial(): Socket {
  const socket = connect(join(directory, 'tether.sock'));
  socket.on('error', () => undefined);
  return socket;
}

/** Everything the server says until it closes. */
function closing(socket: Socket): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  let said = '';
  socket.on('data', (bytes) => {
    said += bytes.toString('latin1');
  });
  socket.on('close', () => resolve(said));
  return promise;
}

/** The status line of the answer to some bytes. */
async function statusOf(bytes: string | Buffer): Promise<string> {
  const socket = dial();
  const { promise, resolve } = Promise.withResolvers<string>();
  let said = '';
  socket.on('data', (chunk) => {
    said += chunk.toString('latin1');
    if (said.includes('\r\n')) resolve(said.split('\r\n')[0] ?? '');
  });
  socket.on('close', () => resolve(said.split('\r\n')[0] ?? ''));
  socket.write(bytes);
  const status = await promise;
  socket.destroy();
  return status;
}

const post = (method: string, body: string, headers = ''): string =>
  `POST ${prefix}${method} HTTP/1.1\r\nHost: x\r\n${headers}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

/** Honest work goes on whatever the rest of the test did. */
async function stillServes(): Promise<void> {
  expect(await statusOf(post('Emit', '{}'))).toBe('HTTP/1.1 200 OK');
}

describe('the tether under attack', () => {
  test.each([
    ['an unknown method', post('Revoke', '{}')],
    ['a name of every object', post('constructor', '{}')],
    ['a prototype', post('__proto__', '{}')],
    [
      'another service',
      'POST /runtime.v1.RuntimeService/CreateWorkload HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}',
    ],
    ['a GET', `GET ${prefix}Emit HTTP/1.1\r\nHost: x\r\n\r\n`],
    [
      'a body announced too large',
      `POST ${prefix}Emit HTTP/1.1\r\nHost: x\r\nContent-Length: ${maxBodyBytes + 1}\r\n\r\n`,
    ],
    ['two lengths', `POST ${prefix}Emit HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}`],
    [
      'a length and chunks',
      `POST ${prefix}Emit HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    ['a tunnel without a port', 'CONNECT example.com HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['a tunnel to a path', 'CONNECT /etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['a tunnel to a very long name', `CONNECT ${'a'.repeat(400)}:80 HTTP/1.1\r\nHost: x\r\n\r\n`],
    ['a tunnel to bytes', 'CONNECT \u00ff\u00fe:80 HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['no HTTP', '\u0016\u0003\u0001\u0002\u0000\r\n\r\n'],
    ['NUL in a header', `POST ${prefix}Emit HTTP/1.1\r\nHost: x\r\nA: \u0000\r\n\r\n`],
  ])('answers 400 to %s, tells of it, and goes on', async (_, bytes) => {
    expect(await statusOf(Buffer.from(bytes, 'latin1'))).toMatch(/^HTTP\/1\.1 400/);
    expect(malformed.length).toBeGreaterThan(0);
    expect(tunnels).toEqual([]);
    await stillServes();
  });

  test('closes on a head that is too large', async () => {
    const socket = dial();
    const closed = closing(socket);
    socket.write(`POST ${prefix}Emit HTTP/1.1\r\nHost: x\r\nA: ${'a'.repeat(100_000)}\r\n\r\n`);
    expect(await closed).toMatch(/^HTTP\/1\.1 4/);
    await stillServes();
  });

  test('stops reading a body without an end', async () => {
    const socket = dial();
    const closed = closing(socket);
    socket.write(`POST ${prefix}Emit HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`);
    const chunk = Buffer.concat([Buffer.from('10000\r\n'), Buffer.alloc(0x10000, 0x20), Buffer.from('\r\n')]);
    for (let sent = 0; sent < 64; sent += 1) socket.write(chunk);
    expect(await closed).toMatch(/^HTTP\/1\.1 400/);
    await stillServes();
  });

  test('closes on a head that never comes to its end', async () => {
    const socket = dial();
    const closed = closing(socket);
    socket.write('POST /runner.v1.TetherService/Emit HTTP/1.1\r\nHost: x\r\n');
    const drip = setInterval(() => socket.write('A: b\r\n'), 200);
    await closed;
    clearInterval(drip);
    await stillServes();
  });

  test('survives ten thousand connections and a thousand bursts of rubbish', async () => {
    const sockets: Socket[] = [];
    for (let opened = 0; opened < 10_000; opened += 1) {
      const socket = dial();
      sockets.push(socket);
      if (opened % 10 === 0) socket.write(randomBytes(200));
      if (opened % 500 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    for (const socket of sockets) socket.destroy();
    await Promise.all(sockets.filter((socket) => !socket.closed).map(closing));
    let status = '';
    while (status !== 'HTTP/1.1 200 OK') status = await statusOf(post('Emit', '{}'));
    expect(malformed.length).toBeGreaterThan(0);
  });

  test('lets nobody hold more connections than its bound', async () => {
    const held = Array.from({ length: maxConnections }, () => dial());
    await Promise.all(held.map((socket) => new Promise((resolve) => socket.once('connect', resolve))));
    for (const socket of held) socket.write(post('AwaitControl', '{}'));
    const over = dial();
    await closing(over);
    const freed = closing(held[0] as Socket);
    held[0]?.destroy();
    await freed;
    let status = '';
    while (status !== 'HTTP/1.1 200 OK') status = await statusOf(post('Emit', '{}'));
    for (const socket of held) socket.destroy();
  });

  test('listens in a folder whose path is longer than a socket’s may be', async () => {
    const deep = join(directory, 'a'.repeat(100), 'b'.repeat(100));
    mkdirSync(deep, { recursive: true });
    const uid = process.getuid?.() ?? 0;
    const far = new TetherServer({
      directory: deep,
      uid,
      calls: {},
      tunnel: () => undefined,
      onMalformed: () => undefined,
    });
    await far.listen();
    const folder = openSync(deep, 'r');
    const socket = connect(`/proc/self/fd/${folder}/tether.sock`);
    await new Promise((resolve) => socket.once('connect', resolve));
    socket.destroy();
    closeSync(folder);
    await far.close();
  });

  test('ends a connection that calls again before it was answered, however often it does', async () => {
    const socket = dial();
    const closed = closing(socket);
    for (let burst = 0; burst < 100; burst += 1) socket.write(post('AwaitControl', '{}').repeat(1_000));
    await closed;
    expect(calls).toBe(1);
    expect(malformed).toEqual(['pipeline']);
    await stillServes();
  });
});
