import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { oneAtATime } from './one-at-a-time.ts';

const ask = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';

let server: Server;
let begun: number;
let floods: number;
let answer: RequestListener;

beforeEach(async () => {
  begun = 0;
  floods = 0;
  answer = (_request, response) => void response.end('ok');
  server = createServer(
    oneAtATime(
      (request, response) => {
        begun += 1;
        answer(request, response);
      },
      () => {
        floods += 1;
      },
    ),
  ).listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

async function dial(): Promise<Socket> {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** `once` would reject on the reset that may come first. */
const closed = (socket: Socket): Promise<unknown> => new Promise((resolve) => socket.once('close', resolve));

describe('a connection', () => {
  test('may ask again once it was answered', async () => {
    const socket = await dial();
    for (let asked = 0; asked < 50; asked += 1) {
      socket.write(ask);
      const [bytes] = (await once(socket, 'data')) as [Buffer];
      expect(bytes.toString()).toContain('200 OK');
    }
    expect([begun, floods]).toEqual([50, 0]);
    socket.destroy();
  });

  test('ends, having begun one request, when it asks before it was answered', async () => {
    answer = () => undefined;
    const socket = await dial();
    socket.resume().write(ask.repeat(10_000));
    await closed(socket);
    expect([begun, floods]).toEqual([1, 1]);
  });

  test('is not held to what another one does', async () => {
    answer = () => undefined;
    const flood = await dial();
    flood.resume().write(ask.repeat(3));
    await closed(flood);
    answer = (_request, response) => void response.end('ok');
    const socket = await dial();
    socket.write(ask);
    const [bytes] = (await once(socket, 'data')) as [Buffer];
    expect(bytes.toString()).toContain('200 OK');
    socket.destroy();
  });
});
