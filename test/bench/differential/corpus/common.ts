import type { Request } from '../request.ts';

/** The header of an ordinary client; `version` null: it names none. */
export function ordinary(version: string | null, token = '{TOKEN}'): [string, string][] {
  return [
    ['Host', '{HOST}'],
    ['Accept', 'application/json'],
    ['User-Agent', 'python-novaclient'],
    ['X-Auth-Token', token],
    ...(version === null ? [] : ([['OpenStack-API-Version', `compute ${version}`]] as [string, string][])),
    ['Connection', 'close'],
  ];
}

export const JSON_TYPE: [string, string] = ['Content-Type', 'application/json'];

export function get(source: string, target: string, version: string | null): Request {
  const name = `GET ${target} ${version ?? 'no version'}`;
  return { source, name, method: 'GET', target, headers: ordinary(version), body: null };
}
