import { KEYSTONE_URL, PASSWORD } from '../../lab/config/identity.ts';
import { boot, deleteGuest, type Guest, hostOf } from '../../lab/guests.ts';
import type { Lab } from '../../lab/lab.ts';
import { PORTS } from '../../lab/plan.ts';
import { waitFor } from '../../lab/processes.ts';
import { guestImage } from '../../lab/resources.ts';
import type { Values } from './request.ts';

const NOBODY = '00000000-0000-4000-8000-000000000000';
const SUSPENDED_WITHIN_MS = 60_000;

/** What the requests name: a running server and a suspended one, which Nova does not migrate, and callers with fewer rights. */
export class Scene {
  readonly values: Values;
  readonly #lab: Lab;
  readonly #guests: Guest[];

  private constructor(lab: Lab, guests: Guest[], values: Values) {
    this.#lab = lab;
    this.#guests = guests;
    this.values = values;
  }

  static async set(lab: Lab): Promise<Scene> {
    const [guest, asleep] = await Promise.all([
      boot(lab, { name: 'differential-runs', flavor: 'm128' }),
      boot(lab, { name: 'differential-sleeps', flavor: 'm128' }),
    ]);
    await lab.mustNova('POST', `/servers/${asleep.id}/action`, { suspend: null });
    await waitFor('the suspension of a guest', SUSPENDED_WITHIN_MS, 'the log of nova-compute', async () => {
      return (await lab.mustNova('GET', `/servers/${asleep.id}`)).json.server.status === 'SUSPENDED';
    });
    const here = await hostOf(lab, guest);
    const server = (await lab.mustNova('GET', `/servers/${guest.id}`)).json.server;
    const stranger = await project(lab, 'differential');
    return new Scene(lab, [guest, asleep], {
      HOST: `${lab.controlAddress}:${PORTS.nova}`,
      TOKEN: await lab.rest.token(),
      MEMBER_TOKEN: await member(lab, 'differential-member', server.tenant_id),
      STRANGER_TOKEN: await member(lab, 'differential-stranger', stranger),
      GUEST: guest.id,
      SUSPENDED: asleep.id,
      NOBODY,
      HERE: here,
      OTHER: lab.otherHost(here).name,
      PROJECT: server.tenant_id,
      USER: server.user_id,
      IMAGE: await guestImage(lab.rest),
    });
  }

  async strike(): Promise<void> {
    await Promise.allSettled(this.#guests.map((guest) => deleteGuest(this.#lab, guest)));
  }
}

async function project(lab: Lab, name: string): Promise<string> {
  const url = `${KEYSTONE_URL}/projects`;
  const found = (await lab.rest.must('GET', `${url}?name=${name}`)).json.projects[0];
  const made = found ?? (await lab.rest.must('POST', url, { body: { project: { name } } })).json.project;
  return made.id;
}

/** A token of a user who is a plain member of the project. */
async function member(lab: Lab, name: string, projectId: string): Promise<string> {
  const url = `${KEYSTONE_URL}/users`;
  const found = (await lab.rest.must('GET', `${url}?name=${name}`)).json.users[0];
  const user = found ?? (await lab.rest.must('POST', url, { body: { user: { name, password: PASSWORD } } })).json.user;
  const [role] = (await lab.rest.must('GET', `${KEYSTONE_URL}/roles?name=member`)).json.roles;
  await lab.rest.must('PUT', `${KEYSTONE_URL}/projects/${projectId}/users/${user.id}/roles/${role.id}`);
  const login = { user: { id: user.id, password: PASSWORD } };
  const answer = await lab.rest.send('POST', `${KEYSTONE_URL}/auth/tokens`, {
    body: { auth: { identity: { methods: ['password'], password: login }, scope: { project: { id: projectId } } } },
  });
  const token = answer.headers['x-subject-token'];
  if (typeof token !== 'string') throw new Error(`no token for ${name}: ${answer.status} ${answer.body}`);
  return token;
}
