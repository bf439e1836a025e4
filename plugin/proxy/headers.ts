/** Removed on the way whatever the sender says (RFC 9110 section 7.6.1); each side of the proxy makes its own. */
const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'proxy-connection', 'te', 'upgrade']);

/**
 * Fields for every recipient of the message, which a Connection field must not name (RFC 9110 section 7.6.1). Nova
 * would see them if the client spoke to it directly, so `Connection: X-Auth-Token` must not strip the token. The
 * framing goes on as it came, so that its fields do too.
 */
const END_TO_END =
  /^(host|authorization|accept.*|cache-control|content-.*|cookie|date|expect|forwarded|trailer|transfer-encoding|vary|x-auth-.*|x-service-token|x-roles|x-forwarded-.*|openstack-api-version|x-openstack-.*|x-compute-.*)$/;

const NAMES_NO_FIELD = /^(close|keep-alive)$/i;

/** Every value of one field, in order. `rawHeaders` are names and values in turn. */
export function headerValues(rawHeaders: readonly string[], name: string): string[] {
  const values: string[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    if (rawHeaders[i]?.toLowerCase() === name) values.push(rawHeaders[i + 1] ?? '');
  }
  return values;
}

/** Tells of a field's name, in lower case, whether it stays behind; `connection` are the values of Connection. */
export function dropped(connection: readonly string[]): (name: string) => boolean {
  if (connection.every((value) => NAMES_NO_FIELD.test(value))) return isHopByHop;
  const named = new Set(
    connection
      .flatMap((value) => value.split(','))
      .map((option) => option.trim().toLowerCase())
      .filter((option) => !END_TO_END.test(option)),
  );
  return (name) => HOP_BY_HOP.has(name) || named.has(name);
}

function isHopByHop(name: string): boolean {
  return HOP_BY_HOP.has(name);
}

/** The fields to send on: order, case and repetition as they came, without those of this hop. */
export function endToEnd(rawHeaders: readonly string[]): string[] {
  const isDropped = dropped(headerValues(rawHeaders, 'connection'));
  const kept: string[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    if (!isDropped(name.toLowerCase())) kept.push(name, rawHeaders[i + 1] ?? '');
  }
  return kept;
}
