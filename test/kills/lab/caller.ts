import { KEYSTONE_URL, PASSWORD } from '../../lab/config/identity.ts';
import type { Lab } from '../../lab/lab.ts';

const NAME = 'kills-caller';
const DOMAIN = { id: 'default' };

/** An administrator of the lab beside the one that Drover is: Nova keeps who asked for a migration. */
export async function makeCaller({ rest }: Lab): Promise<{ token: string; serviceUserId: string }> {
  const one = async (path: string, list: string) =>
    (await rest.must('GET', `${KEYSTONE_URL}${path}`)).json[list][0]?.id;
  const user =
    (await one(`/users?name=${NAME}`, 'users')) ??
    (
      await rest.must('POST', `${KEYSTONE_URL}/users`, {
        body: { user: { name: NAME, password: PASSWORD, domain_id: 'default' } },
      })
    ).json.user.id;
  const [project, role] = [await one('/projects?name=admin', 'projects'), await one('/roles?name=admin', 'roles')];
  await rest.must('PUT', `${KEYSTONE_URL}/projects/${project}/users/${user}/roles/${role}`);
  const password = { user: { id: user, password: PASSWORD } };
  const scope = { project: { name: 'admin', domain: DOMAIN } };
  const answer = await rest.send('POST', `${KEYSTONE_URL}/auth/tokens`, {
    body: { auth: { identity: { methods: ['password'], password }, scope } },
  });
  const token = answer.headers['x-subject-token'];
  if (typeof token !== 'string') throw new Error(`no token for ${NAME}: ${answer.status} ${answer.body.slice(0, 300)}`);
  return { token, serviceUserId: await one('/users?name=admin', 'users') };
}
