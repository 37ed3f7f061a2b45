/** A platform team for tests: its account, and connections as its two users. */

import { connectTeam, newTeamKey } from '@sallyport/bus/team-connection';
import { type Team, type TeamAccount } from '@sallyport/bus/teams';

type Connecting = ReturnType<typeof connectTeam>;

export class TestTeam {
  readonly account: TeamAccount;
  readonly #user = newTeamKey();
  readonly #keeper = newTeamKey();

  constructor(team: Team) {
    this.account = { ...team, publicKey: this.#user.publicKey, keeperKey: this.#keeper.publicKey };
  }

  /** As the team. */
  connect(url: string): Connecting {
    return connectTeam(url, this.#user.seed);
  }

  /** As the keeper of its stream. */
  connectKeeper(url: string): Connecting {
    return connectTeam(url, this.#keeper.seed);
  }
}
