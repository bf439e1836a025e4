import { execFile } from 'node:child_process';
import { access, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const DAYS = '3650';

export interface PkiOptions {
  /** Servers: their certificate is for the name and the IP address. */
  hosts: { name: string; address: string }[];
  /** Clients, by name: that of the files, and the common name unless the subject (as openssl's `-subj` takes it) says otherwise. */
  clients: (string | { name: string; subject: string })[];
}

/**
 * A certificate authority for a lab: `ca.crt`, and for every host and client `NAME.crt` and `NAME.key`, all in `dir`.
 * What is there already stays. Not for production: the CA's key lies beside the certificates, without a password.
 */
export async function makePki(dir: string, { hosts, clients }: PkiOptions): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  if (!(await exists(join(dir, 'ca.crt')))) await makeCa(dir);
  for (const { name, address } of hosts) {
    await makeCertificate(
      dir,
      name,
      `/CN=${name}`,
      `subjectAltName=DNS:${name},IP:${address}\nextendedKeyUsage=serverAuth\n`,
    );
  }
  for (const client of clients) {
    const { name, subject } = typeof client === 'string' ? { name: client, subject: `/CN=${client}` } : client;
    await makeCertificate(dir, name, subject, 'extendedKeyUsage=clientAuth\n');
  }
}

async function makeCa(dir: string): Promise<void> {
  await makeKey(join(dir, 'ca.key'));
  await openssl(
    'req',
    '-x509',
    '-new',
    '-key',
    join(dir, 'ca.key'),
    '-days',
    DAYS,
    '-subj',
    '/CN=Drover lab CA',
    '-addext',
    'keyUsage=critical,keyCertSign,cRLSign',
    '-out',
    join(dir, 'ca.crt'),
  ); // prettier-ignore
}

async function makeCertificate(dir: string, name: string, subject: string, extensions: string): Promise<void> {
  const file = (suffix: string) => join(dir, `${name}.${suffix}`);
  if (await exists(file('crt'))) return;
  await makeKey(file('key'));
  await writeFile(file('ext'), `basicConstraints=CA:FALSE\n${extensions}`);
  await openssl('req', '-new', '-key', file('key'), '-utf8', '-subj', subject, '-out', file('csr'));
  await openssl(
    'x509',
    '-req',
    '-in',
    file('csr'),
    '-CA',
    join(dir, 'ca.crt'),
    '-CAkey',
    join(dir, 'ca.key'),
    '-CAcreateserial',
    '-days',
    DAYS,
    '-extfile',
    file('ext'),
    '-out',
    file('crt'),
  );
  await rm(file('csr'));
  await rm(file('ext'));
}

async function makeKey(file: string): Promise<void> {
  await openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', file);
}

async function openssl(...args: string[]): Promise<void> {
  await run('openssl', args);
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

/** `node test/lab/pki.ts DIR NAME=ADDRESS... [client:NAME...]` */
async function main([dir, ...names]: string[]): Promise<void> {
  if (dir === undefined) throw new Error('usage: node test/lab/pki.ts DIR NAME=ADDRESS... [client:NAME...]');
  const clients = names.filter((name) => name.startsWith('client:')).map((name) => name.slice('client:'.length));
  const hosts = names.flatMap((name) => {
    const [host, address] = name.split('=');
    return host && address ? [{ name: host, address }] : [];
  });
  await makePki(dir, { hosts, clients: clients.length > 0 ? clients : ['plugin'] });
}

if (import.meta.main) await main(process.argv.slice(2));
