/**
 * What specs of the wide circle need beyond this repository: a Docker engine, an S3 server, coding agents.
 *
 * The run provides each on first demand and ends it with the run; `tools/wide` knows how. A spec asks by name and waits. What
 * cannot be had fails the spec with the command a person must run.
 */

import { request } from 'node:http';

/** A Docker engine of the run's own, and what was built into it. */
export interface DockerEngine {
  /** `unix://` URL of its API. */
  readonly host: string;
  /** Id of the sandbox image, `sha256:...`. */
  readonly image: string;
  /** Process id of the engine; another one after `restart`. */
  readonly pid: number;
}

/** An S3 server that a spec starts as its own. */
export interface S3Program {
  /** Path of versitygw. */
  readonly program: string;
}

/** Coding agents as npm installs them. */
export interface CodingAgents {
  /** Folder that holds `node_modules`. */
  readonly directory: string;
}

/** Everything the wide circle can be asked for, by name. */
export interface WideThings {
  readonly docker: DockerEngine;
  readonly s3: S3Program;
  readonly 'coding-agents': CodingAgents;
}

/** Variable that tells specs where the run answers. */
export const wideVariable = 'SALLY_TEST_WIDE_SOCKET';

/** Asks for a thing; the first to ask waits until it is there. */
export const need = <K extends keyof WideThings>(name: K): Promise<WideThings[K]> =>
  ask(name, 'provide') as Promise<WideThings[K]>;

/** Asks a thing to do something it offers, as `docker` its `restart`; answers what the thing says. */
export const askOf = (name: keyof WideThings, action: string, body: unknown = {}): Promise<unknown> =>
  ask(name, action, body);

function ask(name: string, action: string, body: unknown = {}): Promise<unknown> {
  const socketPath = process.env[wideVariable];
  if (socketPath === undefined)
    return Promise.reject(new Error('wide specs run under: npm run test:wide -- <path of the spec>'));
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, method: 'POST', path: `/${name}/${action}` }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => {
        if (response.statusCode === 200) resolve(JSON.parse(text));
        else reject(new Error(text));
      });
      response.on('error', reject);
    });
    call.on('error', reject);
    call.end(JSON.stringify(body));
  });
}
