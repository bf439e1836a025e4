import { headerValues } from '../headers.ts';

/** The part of a request's path before `/servers` or `/os-migrations`: `/v2.1`, `/compute/v2.1/PROJECT`. */
export function basePath(rawTarget: string): string {
  const path = rawTarget.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, '').replace(/[?#].*$/s, '');
  return path.replace(/\/+(servers|os-migrations)(\/.*)?$/s, '');
}

/**
 * What Nova's links begin with: as in its own answer where that has one (`[api]compute_link_prefix`, a proxy before
 * it), else as Nova makes it, from the request.
 */
export function linkBase(rawTarget: string, rawHeaders: readonly string[], document: unknown): string {
  const [, fromAnswer] = /"(https?:\/\/[^"?]+?)\/(?:servers\/[^"?]+\/migrations\/|os-migrations\?)/.exec(
    // The first link of each entry is `self`; bookmarks have no version.
    JSON.stringify(document),
  ) ?? [null, null];
  if (fromAnswer) return fromAnswer;
  const scheme = headerValues(rawHeaders, 'x-forwarded-proto')[0]?.split(',')[0]?.trim() || 'http';
  return `${scheme}://${headerValues(rawHeaders, 'host')[0] ?? ''}${basePath(rawTarget)}`;
}

/** Nova's link to the page after the entry with this uuid: its parameters in the order of their names. */
export function nextLink(
  base: string,
  parameters: ReadonlyMap<string, string>,
  uuid: string,
  collection = 'os-migrations',
): string {
  const sorted = [...parameters].filter(([name]) => name !== 'marker').sort(([a], [b]) => (a < b ? -1 : 1));
  return `${base}/${collection}?${new URLSearchParams([...sorted, ['marker', uuid]])}`;
}
