import { readFileSync, statSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { DroverError, describeError } from '../errors.ts';

export interface TlsFiles {
  cert: string;
  key: string;
}

/** @throws DroverError `config-invalid` that names the file: unreadable, no PEM, or a key that is not the certificate's. */
export function readCertificate(files: TlsFiles): { cert: Buffer; key: Buffer } {
  const read = (name: keyof TlsFiles) => {
    try {
      return readFileSync(files[name]);
    } catch (error) {
      throw new DroverError('config-invalid', `control.tls.${name}: ${describeError(error)}`);
    }
  };
  const material = { cert: read('cert'), key: read('key') };
  try {
    createSecureContext(material);
  } catch (cause) {
    const text = `control.tls: ${files.cert} and ${files.key} are no certificate and its key in PEM`;
    throw new DroverError('config-invalid', text, { cause });
  }
  return material;
}

/** A text that differs once a file was replaced or rewritten; links are followed. */
export function certificateStamp({ cert, key }: TlsFiles): string {
  return [cert, key]
    .map((file) => {
      const stat = statSync(file, { throwIfNoEntry: false });
      return stat === undefined ? 'none' : `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeMs}`;
    })
    .join(' ');
}
