import type { Config } from '../../config.ts';
import { type Finding, fail, ok, warn } from '../finding.ts';

/** Who may do what: names are compared with the certificates' common names character for character. */
export function judgeClients(clients: Config['clients']): Finding {
  const names = Object.keys(clients);
  const odd = names.filter((name) => name !== name.trim());
  if (names.length === 0) {
    return fail(
      'config.clients',
      'no client is named: every call is refused',
      'Name the plugin under "clients", by the common name of its certificate: plugin: reserve',
    );
  }
  if (odd.length > 0) {
    const quoted = odd.map((name) => JSON.stringify(name)).join(', ');
    return warn('config.clients', `${quoted} begins or ends with white space`, 'Write the common name as it is.');
  }
  if (!names.some((name) => clients[name] === 'reserve')) {
    return warn(
      'config.clients',
      `${names.length} may read, none may reserve: no bandwidth will be kept`,
      'Give the plugin the role "reserve".',
    );
  }
  const reserve = names.filter((name) => clients[name] === 'reserve');
  return ok('config.clients', `${reserve.map((name) => JSON.stringify(name)).join(', ')} may reserve`);
}
