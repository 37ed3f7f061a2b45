/** The run's Docker engine as a person with rights over it sees it, and what of the product stands in it. */

import { need } from '@sallyport/testkit/wide';
import Docker from 'dockerode';

const install = 'sh.sallyport.install';

/** Where agents run that name no substrate. */
export type Usual = 'process' | 'docker';

export class DockerGround {
  readonly docker: Docker;
  /** Variables of a stack that is told of this engine. */
  readonly env: Readonly<Record<string, string>>;
  private readonly image: string;
  private readonly before = new Set<string>();

  private constructor(host: string, image: string, usual: Usual) {
    this.docker = new Docker({ socketPath: host.slice('unix://'.length) });
    this.image = image;
    this.env = { SALLY_BACKEND: usual, SALLY_DOCKER_HOST: host, SALLY_DOCKER_IMAGE: image };
  }

  static async open(usual: Usual): Promise<DockerGround> {
    const { host, image } = await need('docker');
    const ground = new DockerGround(host, image, usual);
    for (const { Id } of await ground.ours()) ground.before.add(Id);
    return ground;
  }

  /** Containers of any install of the product, dead ones too; not those that stood here before. */
  async ours(): Promise<readonly Docker.ContainerInfo[]> {
    const found = await this.docker.listContainers({ all: true, filters: { label: [install] } });
    return found.filter(({ Id }) => !this.before.has(Id));
  }

  /** Resolves once no container of the product is left; what was ended is removed a moment later. */
  async cleared(): Promise<void> {
    while ((await this.ours()).length > 0) await new Promise((resolve) => setTimeout(resolve, 50));
  }

  /** Somebody else's container, with labels of theirs. */
  async bystander(labels: Readonly<Record<string, string>> = {}): Promise<Docker.Container> {
    const body = {
      Image: this.image,
      Cmd: ['sleep', '3600'],
      Labels: { ...labels },
      HostConfig: { NetworkMode: 'none' },
    };
    const container = await this.docker.createContainer(body);
    await container.start();
    return container;
  }

  /** Everything the engine was told of the container of a dispatch. */
  async inspect(dispatch: string): Promise<Docker.ContainerInspectInfo> {
    const filters = { label: [install, `sh.sallyport.workload=${dispatch}`] };
    const [found] = await this.docker.listContainers({ filters });
    if (found === undefined) throw new Error(`no container of ${dispatch} runs`);
    return this.docker.getContainer(found.Id).inspect();
  }
}
