/** Where the database is, and how to get in. */
export type DatabaseAddress = { kind: 'sqlite'; file: string } | MariadbAddress;
export type DatabaseKind = DatabaseAddress['kind'];

export interface MariadbAddress {
  kind: 'mariadb';
  user: string;
  password: string;
  /** Name of the database on that server; it must be there. */
  database: string;
  /** A unix socket, or host and port. */
  at: { socketPath: string } | { host: string; port: number };
  /** PEM of the CA that signed the server's certificate; null: no TLS. */
  ca: string | null;
}

/** As an operator would write it, without the password. */
export function describeDatabase(address: DatabaseAddress): string {
  if (address.kind === 'sqlite') return address.file;
  const { user, at, database } = address;
  const place = 'host' in at ? `${at.host}:${at.port}/${database}` : `localhost/${database}?socket=${at.socketPath}`;
  return `mysql://${user}@${place}`;
}
