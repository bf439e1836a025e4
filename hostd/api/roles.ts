/** What a client may do, by the common name of its certificate. The handshake has verified the certificate before. */
import { HostdError } from '../errors.ts';

/** `reserve` may read too. */
export type Role = 'read' | 'reserve';
export type Clients = Readonly<Record<string, Role>>;

/** The subject of a certificate as Node gives it: an attribute that occurs several times is a list. */
export type Subject = Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * The client's common name, character for character: no case is folded and nothing is trimmed.
 * @throws HostdError `forbidden` where there is none or more than one: a certificate stands for one client.
 */
export function clientName(subject: Subject | undefined): string {
  const name = subject?.CN;
  if (typeof name === 'string' && name !== '') return name;
  const fault = Array.isArray(name) ? `${name.length} common names` : 'no common name';
  throw new HostdError(
    'forbidden',
    `The client certificate has ${fault}. Issue one whose subject has exactly one, and name it under "clients" in hostd's configuration.`,
  );
}

/** @throws HostdError `forbidden` that says what to add to the configuration. */
export function authorise(clients: Clients, name: string, wanted: Role): void {
  // Own entries only: a client may be called `constructor`.
  const role = Object.hasOwn(clients, name) ? clients[name] : undefined;
  if (role === 'reserve' || (role !== undefined && role === wanted)) return;
  const quoted = JSON.stringify(name);
  throw new HostdError(
    'forbidden',
    role === undefined
      ? `The client ${quoted} is not known here. Add ${quoted}: ${wanted} under "clients" in hostd's configuration and reload hostd.`
      : `The client ${quoted} may only read. Set ${quoted}: reserve under "clients" in hostd's configuration and reload hostd.`,
  );
}
