/** Removed on the way whatever the sender says (RFC 9110 section 7.6.1); each side of the proxy makes its own. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
  // Answered here: this proxy says 100 Continue itself.
  'expect',
]);

/**
 * Fields for every recipient of the message, which a Connection field must not name (RFC 9110 section 7.6.1). Nova
 * would see them if the client spoke to it directly, so `Connection: X-Auth-Token` must not strip the token.
 */
const END_TO_END =
  /^(host|authorization|accept.*|cache-control|content-.*|cookie|date|vary|x-auth-token|x-service-token|x-roles|openstack-api-version|x-openstack-.*|x-compute-.*)$/;

/** Every value of one field, in order. `rawHeaders` are names and values in turn. */
export function headerValues(rawHeaders: readonly string[], name: string): string[] {
  const values: string[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    if (rawHeaders[i]?.toLowerCase() === name) values.push(rawHeaders[i + 1] ?? '');
  }
  return values;
}

/** The fields to send on: order, case and repetition as they came, without those of this hop. */
export function endToEnd(rawHeaders: readonly string[]): string[] {
  const named = new Set(
    headerValues(rawHeaders, 'connection')
      .flatMap((value) => value.split(','))
      .map((option) => option.trim().toLowerCase())
      .filter((option) => !END_TO_END.test(option)),
  );
  const kept: string[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    const lower = name.toLowerCase();
    if (!HOP_BY_HOP.has(lower) && !named.has(lower)) kept.push(name, rawHeaders[i + 1] ?? '');
  }
  return kept;
}

/** Whether a request announces a body. */
export function announcesBody(rawHeaders: readonly string[]): boolean {
  return headerValues(rawHeaders, 'content-length').length > 0 || isChunked(rawHeaders);
}

export function isChunked(rawHeaders: readonly string[]): boolean {
  return headerValues(rawHeaders, 'transfer-encoding').length > 0;
}
