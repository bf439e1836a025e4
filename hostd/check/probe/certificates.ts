import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { isIP } from 'node:net';
import type { TlsFiles } from '../../api/certificates.ts';
import { describeError } from '../../errors.ts';
import type { CertificateFacts } from '../judge/certificates.ts';

const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const ANY = ['0.0.0.0', '::'];

export function probeCertificates(files: TlsFiles, listenAddress: string): CertificateFacts {
  const unusable: CertificateFacts['unusable'] = {};
  const read = <T>(name: keyof TlsFiles, parse: (pem: Buffer) => T): T | null => {
    try {
      return parse(readFileSync(files[name]));
    } catch (error) {
      unusable[name] = describeError(error);
      return null;
    }
  };
  const chain = read('cert', parseCertificates);
  const authorities = read('ca', parseCertificates);
  const key = read('key', (pem): KeyObject => createPrivateKey(pem));
  const certificate = chain?.[0] ?? null;
  return {
    unusable,
    certificate:
      certificate === null
        ? null
        : {
            validFromMs: certificate.validFromDate.getTime(),
            validToMs: certificate.validToDate.getTime(),
            names: certificate.subjectAltName ?? '',
            coversListen: ANY.includes(listenAddress) ? null : covers(certificate, listenAddress),
            // Without the extension a certificate is for every use (RFC 5280, 4.2.1.12).
            serverAuth: certificate.keyUsage === undefined || certificate.keyUsage.includes(SERVER_AUTH),
            issuedByCa: isIssued(chain ?? [], authorities ?? []),
          },
    keyMatches: certificate === null || key === null ? null : certificate.checkPrivateKey(key),
    keyOpen: ((statSync(files.key, { throwIfNoEntry: false })?.mode ?? 0) & 0o004) !== 0,
    caValidToMs: authorities === null ? null : Math.min(...authorities.map(({ validToDate }) => validToDate.getTime())),
  };
}

function covers(certificate: X509Certificate, address: string): boolean {
  return isIP(address) !== 0 && certificate.checkIP(address) !== undefined;
}

/** All certificates of a PEM file. */
function parseCertificates(pem: Buffer): X509Certificate[] {
  const blocks = pem.toString('latin1').match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw new Error('no certificate in PEM');
  return blocks.map((block) => new X509Certificate(block));
}

/** Each of the chain by the next one, and the last of it by one of the CA file. */
function isIssued(chain: readonly X509Certificate[], authorities: readonly X509Certificate[]): boolean {
  const issued = (one: X509Certificate, by: X509Certificate) => one.checkIssued(by) && one.verify(by.publicKey);
  return chain.some(
    (certificate, index) =>
      authorities.some((authority) => issued(certificate, authority)) &&
      chain.slice(0, index).every((each, at) => issued(each, chain[at + 1] ?? each)),
  );
}
