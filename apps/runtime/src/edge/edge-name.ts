/** Name of this edge, as the scheduler and the tokens know it; a class so that it can be injected. */
export class EdgeName {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}
