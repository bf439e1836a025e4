import { X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { describeError, HostdError } from '../errors.ts';

export interface TlsFiles {
  cert: string;
  key: string;
  ca: string;
}

export interface TlsMaterial {
  cert: Buffer;
  key: Buffer;
  ca: Buffer;
}

const NAMES = ['cert', 'key', 'ca'] as const;

/** @throws HostdError `config-invalid` that names the file: unreadable, no PEM, or a key that is not the certificate's. */
export function readCertificates(files: TlsFiles): TlsMaterial {
  const read = (name: keyof TlsFiles) => {
    try {
      return readFileSync(files[name]);
    } catch (error) {
      throw new HostdError('config-invalid', `tls.${name}: ${describeError(error)}`);
    }
  };
  const material = { cert: read('cert'), key: read('key'), ca: read('ca') };
  try {
    createSecureContext(material);
  } catch (error) {
    throw new HostdError(
      'config-invalid',
      `The files of "tls" are no certificate, its key and its CA in PEM (${files.cert}, ${files.key}, ${files.ca})`,
      { cause: error },
    );
  }
  return material;
}

/** A text that differs once a file was replaced or rewritten; links are followed. Missing files count as such. */
export function certificateStamp(files: TlsFiles): string {
  return NAMES.map((name) => {
    const stat = statSync(files[name], { throwIfNoEntry: false });
    return stat === undefined ? 'none' : `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeMs}`;
  }).join(' ');
}

/** Unix seconds at which the certificate ends; null if the file holds none. */
export function certificateEnd(file: string): number | null {
  try {
    return new X509Certificate(readFileSync(file)).validToDate.getTime() / 1000;
  } catch {
    return null;
  }
}
