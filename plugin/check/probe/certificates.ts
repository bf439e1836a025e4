import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { describeError } from '../../errors.ts';
import type { HostTls } from '../../tracker/hosts.ts';
import type { CertificateFacts } from '../judge/certificates.ts';

const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';

export function probeCertificates(files: HostTls): CertificateFacts {
  const unusable: CertificateFacts['unusable'] = {};
  const read = <T>(name: keyof HostTls, parse: (pem: Buffer) => T): T | null => {
    try {
      return parse(readFileSync(files[name]));
    } catch (error) {
      unusable[name] = describeError(error);
      return null;
    }
  };
  const chain = read('cert', parseCertificates);
  const authorities = read('ca', parseCertificates);
  const key = read('key', (pem) => createPrivateKey(pem));
  const certificate = chain?.[0];
  return {
    unusable,
    certificate: certificate
      ? {
          commonName: /^CN=(.*)$/m.exec(certificate.subject)?.[1] ?? '(no common name)',
          validFromMs: certificate.validFromDate.getTime(),
          validToMs: certificate.validToDate.getTime(),
          clientAuth: isFor(certificate, CLIENT_AUTH),
          issuedByCa: authorities === null || isIssued(chain ?? [], authorities),
          keyMatches: key === null || certificate.checkPrivateKey(key),
        }
      : null,
    keyOpen: ((statSync(files.key, { throwIfNoEntry: false })?.mode ?? 0) & 0o004) !== 0,
  };
}

/** Without the extension a certificate is for every use (RFC 5280, 4.2.1.12). */
export function isFor(certificate: X509Certificate, use: string): boolean {
  return certificate.keyUsage === undefined || certificate.keyUsage.includes(use);
}

/** All certificates of a PEM file. */
export function parseCertificates(pem: Buffer): X509Certificate[] {
  const blocks = pem.toString('latin1').match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw new Error('no certificate in PEM');
  return blocks.map((block) => new X509Certificate(block));
}

/** The last of the chain by one of the authorities, each before it by the next. */
export function isIssued(chain: readonly X509Certificate[], authorities: readonly X509Certificate[]): boolean {
  const issued = (one: X509Certificate, by: X509Certificate) => one.checkIssued(by) && one.verify(by.publicKey);
  return chain.every((each, at) => [...authorities, ...chain.slice(at + 1, at + 2)].some((by) => issued(each, by)));
}
