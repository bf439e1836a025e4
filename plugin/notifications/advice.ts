/** What the operator should do about an error of these; `exchange` and `broker` as configured. */
export function adviceOn(error: unknown, { exchange, broker }: { exchange: string; broker: URL }): string {
  const text = error instanceof Error ? error.message : String(error);
  const { host } = broker;
  const user = decodeURIComponent(broker.username);
  if (/Login was refused/i.test(text)) {
    return `${host} does not let ${user} in: mend notifications.url or passwordFile`;
  }
  // The library does not hand on the broker's words for it.
  if (/ConnectionOpenOk; got <ConnectionClose/i.test(text)) {
    return `${host}: ${user} may not use this vhost, or there is none: rabbitmqctl list_permissions --vhost VHOST`;
  }
  if (/ACCESS.REFUSED/i.test(text)) {
    const grant = `rabbitmqctl set_permissions ${user} '^drover\\.' '^drover\\.' '^(drover\\..*|${exchange})$'`;
    return `${host}: ${user} may not declare its queue or bind it to ${exchange}: ${grant}`;
  }
  if (/NOT.FOUND/i.test(text)) {
    return `${host} has no exchange ${exchange}: set notifications.exchange to Nova's control_exchange, in Nova's vhost`;
  }
  return `${host}: ${text}`;
}
