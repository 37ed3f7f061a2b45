/** A real S3 server of a spec's own: versitygw over a fresh directory, whose files a spec may alter behind its back. */

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { freePort } from '@sallyport/bus/free-port';
import type { S3Settings } from '@sallyport/store/s3-client';
import { need } from '@sallyport/testkit/wide';

const accessKey = 'wide-access';
const secretKey = 'wide-secret-wide-secret';

export class S3Server {
  readonly endpoint: string;
  readonly #home: string;
  readonly #child: ChildProcess;

  private constructor(endpoint: string, home: string, child: ChildProcess) {
    this.endpoint = endpoint;
    this.#home = home;
    this.#child = child;
  }

  /** Starts on a free port over a fresh directory. */
  static async start(): Promise<S3Server> {
    const { program } = await need('s3');
    const home = mkdtempSync(join(tmpdir(), 'sally-s3-'));
    for (const name of ['objects', 'scratch']) mkdirSync(join(home, name));
    writeFileSync(join(home, 'access.key'), `${accessKey}\n`, { mode: 0o600 });
    writeFileSync(join(home, 'secret.key'), `${secretKey}\n`, { mode: 0o600 });
    const port = await freePort();
    const child = spawn(program, ['--port', `127.0.0.1:${port}`, '--quiet', 'posix', join(home, 'objects')], {
      stdio: ['ignore', 'ignore', 'inherit'],
      cwd: home,
      env: { PATH: process.env['PATH'] ?? '', ROOT_ACCESS_KEY: accessKey, ROOT_SECRET_KEY: secretKey },
    });
    const server = new S3Server(`http://127.0.0.1:${port}`, home, child);
    await server.#answering();
    return server;
  }

  /** The files of a bucket, for a test that alters or removes one behind the server's back. */
  filesOf(bucket: string): string {
    return join(this.#home, 'objects', bucket);
  }

  /** Makes a bucket; answers what opens it. */
  async bucket(name: string): Promise<S3Settings> {
    const client = this.client();
    await client.send(new CreateBucketCommand({ Bucket: name }));
    client.destroy();
    return this.settings(name);
  }

  settings(bucket: string, endpoint = this.endpoint): S3Settings {
    const [accessKeyFile, secretKeyFile] = [join(this.#home, 'access.key'), join(this.#home, 'secret.key')];
    return { endpoint, region: 'us-east-1', bucket, accessKeyFile, secretKeyFile };
  }

  /** A client of its own, to look at what the product left. */
  client(): S3Client {
    return new S3Client({
      endpoint: this.endpoint,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: { accessKeyId: accessKey, secretAccessKey: secretKey },
    });
  }

  /** Ends it and its files; again is no error. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGTERM');
    await ended;
    rmSync(this.#home, { recursive: true, force: true });
  }

  async #answering(): Promise<void> {
    for (;;) {
      if (this.#child.exitCode !== null) throw new Error(`versitygw ended with ${this.#child.exitCode}`);
      const answered = await fetch(this.endpoint).then(
        () => true,
        () => false,
      );
      if (answered) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
