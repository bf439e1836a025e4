import { headerValues } from './headers.ts';

/** Nova's default where a request names no version. */
const BASE_VERSION = '2.1';
const LATEST = 'latest';

/**
 * The compute API version that a request asks for: `2.93`, `latest`, or `2.1` where it names none; null where Nova
 * would not understand it. The standard header counts before the old one; of several values the last counts
 * (microversion_parse.get_version, nova/api/openstack/wsgi.py set_api_version_request).
 */
export function requestedMicroversion(rawHeaders: readonly string[]): string | null {
  const standard = listed(rawHeaders, 'openstack-api-version')
    .map((value) => /^(\S+)\s+(\S.*)$/.exec(value))
    .findLast((match) => match?.[1]?.toLowerCase() === 'compute')?.[2];
  const asked = standard ?? listed(rawHeaders, 'x-openstack-nova-api-version').at(-1);
  if (asked === undefined) return BASE_VERSION;
  return asked === LATEST || /^[1-9]\d{0,5}\.(0|[1-9]\d{0,5})$/.test(asked) ? asked : null;
}

/** True if `version` is `minimum` or newer; `latest` is newer than all. */
export function isAtLeast(version: string, minimum: string): boolean {
  if (version === LATEST) return true;
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [wantedMajor = 0, wantedMinor = 0] = minimum.split('.').map(Number);
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}

function listed(rawHeaders: readonly string[], name: string): string[] {
  return headerValues(rawHeaders, name)
    .flatMap((value) => value.split(','))
    .map((value) => value.trim());
}
